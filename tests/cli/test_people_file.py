"""Files with people, as they are read."""

from collections.abc import Callable
from pathlib import Path

import pytest

from arena_groups import InviteTarget
from arena_groups.cli.errors import CliError
from arena_groups.cli.people_file import read_invitees

ADA, BO = InviteTarget(email="ada@example.org"), InviteTarget(email="bo@example.org")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ada@example.org\nbo@example.org\n", [(1, ADA), (2, BO)]),
        ("\ufeffName;E-Mail;Email\r\nAda;x;ada@EXAMPLE.org\r\n\r\n;;\r\nBo;;bo@example.org",
         [(2, ADA), (5, BO)]),
        ("email,user_id\nada@example.org,\n,4711\n",
         [(2, ADA), (3, InviteTarget(user_id=4711))]),
        ('name\temail\n"A,\nda"\tada@example.org\n', [(3, ADA)]),
        ("\n 17 \nada@example.org", [(2, InviteTarget(user_id=17)), (3, ADA)]),
        ("email\n", []),
        ("", []),
    ],
)  # fmt: skip
def test_read_invitees_returns_rows_with_line_numbers(
    text: str, expected: list[tuple[int, InviteTarget]], people: Callable[[str], str]
) -> None:
    found = [(line.line, line.target) for line in read_invitees(people(text), None)]
    assert found == expected


def test_read_invitees_with_column_ignores_case_and_spaces(people: Callable[[str], str]) -> None:
    (line,) = read_invitees(people("who,kontakt\nAda,ada@example.org"), " Kontakt ")
    assert line.target == ADA


@pytest.mark.parametrize(
    ("text", "column", "problem"),
    [
        ("email\nada@example.org\ntypo@\n,\nbo\n", None, "in lines 3, 5$"),
        ("\n".join("x" * 12), None, "1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more$"),
        ("name,address\nAda,ada@example.org", None, "there is no column email or user_id"),
        ("name,email\nAda,ada@example.org", "mail", "there is no column 'mail'"),
        ("email\n0", None, "line 2"),
    ],
)
def test_read_invitees_invalid_file_names_reason(
    text: str, column: str | None, problem: str, people: Callable[[str], str]
) -> None:
    with pytest.raises(CliError, match=problem):
        read_invitees(people(text), column)


def test_read_invitees_other_encoding_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "latin.csv"
    file.write_bytes("email,name\nada@example.org,Zo\u00eb".encode("latin-1"))
    with pytest.raises(CliError, match="UTF-8"):
        read_invitees(str(file), None)


def test_read_invitees_removes_the_quote_mark_of_a_padded_cell(
    people: Callable[[str], str],
) -> None:
    (line,) = read_invitees(people("name,email\nAda, '-ada@example.org "), None)
    assert line.target.email == "-ada@example.org"


@pytest.mark.parametrize("text", ["\temail\nAda\tada@example.org\n", " \n\temail\rx\tada@a.org"])
def test_read_invitees_finds_the_delimiter_after_an_empty_title(
    text: str, people: Callable[[str], str]
) -> None:
    assert [line.target.email for line in read_invitees(people(text), None)] in (
        ["ada@example.org"],
        ["ada@a.org"],
    )


def test_read_invitees_takes_the_first_filled_of_address_id_and_user(
    people: Callable[[str], str],
) -> None:
    text = "user,email,user_id\nada,ada@example.org,\nbo,,4711\ncy,,\n,,\nhttp://are.na/dee,,\n"
    found = [line.target for line in read_invitees(people(text), None)]
    assert found == [
        ADA, InviteTarget(user_id=4711), InviteTarget(user="cy"), InviteTarget(user="dee"),
    ]  # fmt: skip


@pytest.mark.parametrize("column", ["slug", "USER"])
def test_read_invitees_of_a_named_column_with_slugs_takes_them(
    people: Callable[[str], str], column: str
) -> None:
    (line,) = read_invitees(people(f"name,{column}\nMara,mara-lindqvist\n"), column)
    assert line.target == InviteTarget(user="mara-lindqvist")


@pytest.mark.parametrize(
    "text",
    [
        "email\nmara-lindqvist\n",
        "mara-lindqvist\n",
        "user\nada@localhost\n",
        "user\nhttps://www.are.na/group/studio/invite/secret-code\n",
        "user\nmara lindqvist/secret\n",
    ],
)
def test_read_invitees_refuses_what_may_be_a_mistyped_address(
    people: Callable[[str], str], text: str
) -> None:
    with pytest.raises(CliError, match="no valid email address or user in line") as caught:
        read_invitees(people(text), None)
    assert "secret" not in str(caught.value)
