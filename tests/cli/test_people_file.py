"""Files with people, as they are read."""

from collections.abc import Callable
from pathlib import Path

import pytest

from arena_groups import InviteTarget
from arena_groups.cli.errors import CliError
from arena_groups.cli.people_file import read_invitees, read_valid_invitees

ADA, BO = InviteTarget(email="ada@example.org"), InviteTarget(email="bo@example.org")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ada@example.org\nbo@example.org\n", [(1, ADA), (2, BO)]),
        ("\ufeffName;Phone;Email\r\nAda;x;ada@EXAMPLE.org\r\n\r\n;;\r\nBo;;bo@example.org",
         [(2, ADA), (5, BO)]),
        ("email,user_id\nada@example.org,\n,4711\n",
         [(2, ADA), (3, InviteTarget(user_id=4711))]),
        ('name\temail\n"A,\nda"\tada@example.org\n', [(3, ADA)]),
        ("\n 17 \nada@example.org", [(2, InviteTarget(user_id=17)), (3, ADA)]),
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
        (
            "name,address\nAda,ada@example.org",
            None,
            "no column email, user_id or user; its titles are name, address$",
        ),
        ("name,email\nAda,ada@example.org", "mail", "there is no column 'mail'"),
        ("email\n0", None, "line 2"),
        ("email\n", None, "it lists nobody: there is only a line of titles"),
        ("", None, "it is empty"),
        (" \r\n,,\n", None, "it is empty"),
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


@pytest.mark.parametrize(
    "title",
    ["E-Mail", "e-mail", "EMAIL", "Email Address", "e-mail address", "E_Mail", " e mail ",
     "\u00c9-MAIL", "E-Mail-Adresse"],
)  # fmt: skip
@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_read_invitees_knows_the_titles_of_spreadsheets(
    people: Callable[[str], str], title: str, delimiter: str
) -> None:
    file = people(
        f"sep={delimiter}\r\nVorname{delimiter}{title}\r\nA,B{delimiter}ada@example.org\r\n"
    )
    assert [(row.line, row.target) for row in read_invitees(file, None)] == [(3, ADA)]


@pytest.mark.parametrize(
    "column", ["Empf\u00e4nger", "EMPFA\u0308NGER", "empfanger", "empf\u00e4nger "]
)
def test_read_invitees_finds_a_column_whatever_form_its_umlauts_have(
    people: Callable[[str], str], column: str
) -> None:
    file = people("Name,empfa\u0308nger\nAda,ada@example.org\n")
    assert [row.target for row in read_invitees(file, column)] == [ADA]


@pytest.mark.parametrize(
    "cell",
    [
        "Ada Osei <ada@example.org>",
        "Osei, Ada <ada@example.org>",
        '"Osei, Ada" <ada@example.org>',
        "<ada@example.org>",
        "ada@example.org <ADA@example.org>",
        "mailto:ada@example.org",
        "ada@example.org,",
    ],
)
@pytest.mark.parametrize("before", ["", "ada@example.org\n", "email\n", "name;email\nx;"])
def test_read_invitees_takes_an_address_with_a_name(
    people: Callable[[str], str], cell: str, before: str
) -> None:
    if before.startswith(("email", "name")):
        cell = '"' + cell.rstrip(",").replace('"', '""') + '"'
    found = read_invitees(people(f"{before}{cell}\n"), None)
    assert {(row.target.email or "").lower() for row in found} == {"ada@example.org"}


@pytest.mark.parametrize("cell", ["Osei, Ada <ada@example.org>", '"Osei, Ada" <ada@example.org>'])
@pytest.mark.parametrize("title", ["email", '"E-Mail"', "user"])
def test_read_invitees_below_one_title_takes_lines_of_a_mail_program(
    people: Callable[[str], str], title: str, cell: str
) -> None:
    file = people(f"{title}\n\n{cell}\nwilma@example.org\n")
    found = [(row.line, row.target.email) for row in read_invitees(file, None)]
    assert found == [(3, "ada@example.org"), (4, "wilma@example.org")]


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("wilma@", "w\u2026@ is not an email address"),
        ("wilma.example.org", "w\u2026 is not an email address"),
        ("wilma@example", "w\u2026@example is not an email address: its domain is not valid"),
        ("Wilma Voss <wilma@example.org", "W\u2026@example.org is not an email address"),
        ("wilma@example.org vera@example.org", "w\u2026@example.org holds more than one address"),
        ("vera@example.org <wilma@example.org>", "v\u2026@example.org\u2026 holds more than one"),
        ("wilma@example.org\u200b", "w\u2026@example.org has an invisible character"),
        ("wi\0lma@example.org", "w\u2026@example.org has an invisible character"),
        ("1.23E+10", "1\u2026 is a number that a spreadsheet has changed"),
        ("4711.0", "4\u2026 is a number that a spreadsheet has changed"),
        (
            "https://www.are.na/group/studio/invite/wilma",
            "https://www.are.na/\u2026 is not the URL",
        ),
        ("https://wilma@www.are.na/x", "h\u2026@www.are.na\u2026 is not the URL of a user"),
        ("", "nothing is there"),
        ("0", "0\u2026 is not a user id"),
    ],
)
def test_read_invitees_says_what_is_wrong_with_each_line_and_shows_no_address(
    people: Callable[[str], str], cell: str, shown: str
) -> None:
    file = people(f'email,name\nada@example.org,\n"{cell}",x\n"{cell}",x\n')
    with pytest.raises(CliError, match=r"in lines 3, 4$") as caught:
        read_invitees(file, None)
    assert [each.partition(": ")[0] for each in caught.value.details] == ["line 3", "line 4"]
    assert f"line 3: {shown}" in caught.value.details[0]
    assert "--skip-invalid" in caught.value.hint
    everything = f"{caught.value} {caught.value.details}"
    assert not any(each in everything for each in ("ilma@", "vera", "lma.", "invite/", "Voss"))
    found = read_valid_invitees(file, None)
    assert [row.target for row in found.rows] == [ADA]
    assert [each.line for each in found.bad_lines] == [3, 4]


def test_read_invitees_bounds_the_lines_that_it_shows_and_says_their_number(
    people: Callable[[str], str],
) -> None:
    with pytest.raises(CliError) as caught:
        read_invitees(people("email\n" + "bad\n" * 500), None)
    assert "500 lines are not valid" in str(caught.value)
    assert len(caught.value.details) == 21
    assert caught.value.details[-1] == "\u2026 and 480 more"
    with pytest.raises(CliError, match="500 lines are not valid"):
        read_valid_invitees(people("email\n" + "bad\n" * 500), None)


@pytest.mark.parametrize(
    ("text", "column", "problem"),
    [
        (
            "email,name,Email\na@b.org,x,a@b.org\n",
            None,
            r"one column email \(email, Email\)",
        ),
        ("E-Mail,Email Address\na@b.org,\n", None, "more than one column email"),
        ("to,To \na@b.org,\n", "TO", "more than one column 'TO'"),
        ("wilma@b.org,Wilma Voss\n", None, "no column .*; the first line has no titles$"),
        ("a,\x1b[2J\nx,y\n", None, r"; its titles are a, \[2J$"),
        ("first,\nx,y\n", None, r"its titles are first, \(empty\)$"),
        ("sep=;\n", None, "it is empty"),
        ("email;name\r\n;\r\n\r\n", None, "it lists nobody"),
        ("to\n", "to", "it lists nobody"),
    ],
)
def test_read_invitees_names_what_is_wrong_with_the_titles(
    people: Callable[[str], str], text: str, column: str | None, problem: str
) -> None:
    with pytest.raises(CliError, match=problem) as caught:
        read_invitees(people(text), column)
    assert "wilma" not in str(caught.value).lower()


def test_read_invitees_takes_the_column_with_exactly_the_title_that_was_asked_for(
    people: Callable[[str], str],
) -> None:
    (row,) = read_invitees(people("e-mail,E-Mail\nx,ada@example.org\n"), "E-Mail")
    assert row.target == ADA


def test_read_invitees_lists_the_titles_that_may_be_of_addresses_first(
    people: Callable[[str], str],
) -> None:
    titles = [f"Field {number}" for number in range(30)] + ["E-mail 1 - Value"]
    file = people(",".join(titles) + "\n" + ",".join(["x"] * 30 + ["ada@example.org"]) + "\n")
    with pytest.raises(CliError, match=r"titles are E-mail 1 - Value, Field 0, .*, and 11 more$"):
        read_invitees(file, None)
    assert [row.target for row in read_invitees(file, "e-mail 1 - value")] == [ADA]
