"""Lists for ``sync``, as they are read."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena_groups.cli.csv_text import Problem
from arena_groups.cli.errors import CliError
from arena_groups.cli.output.sanitize import csv_line
from arena_groups.cli.sync_file import ListedPerson, parse_list, read_list, split_by_group


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ada@example.org\n\n4711\n",
         [ListedPerson(1, "ada@example.org"), ListedPerson(3, user=4711)]),
        (
            "Name;Email;User;Note\nAda;ada@example.org;ada-osei; spring \nBo;;bo-lind;\n",
            [
                ListedPerson(2, "ada@example.org", "ada-osei", "spring"),
                ListedPerson(3, user="bo-lind"),
            ],
        ),
        ("user_id,user\n17,ada\n", [ListedPerson(2, user=17)]),
        ("user\nhttps://www.are.na/ada-osei\n", [ListedPerson(2, user="ada-osei")]),
        ("invitee_id,invitee_email\n,ada@example.org\n", [ListedPerson(2, "ada@example.org")]),
        ("email,group\n'-ada@example.org,studio\n",
         [ListedPerson(2, "-ada@example.org", group="studio")]),
        ('email,note\na@example.org,"two\nlines, ""quoted"""\nb@example.org,5" pipe\n',
         [ListedPerson(3, "a@example.org", note='two\nlines, "quoted"'),
          ListedPerson(4, "b@example.org", note='5" pipe')]),
        ("email,user\nada@example.org\n", [ListedPerson(2, "ada@example.org")]),
        ('{"user_id": 4, "email": null}\n\n{"email": "a@example.org"}\n',
         [ListedPerson(1, user=4), ListedPerson(3, "a@example.org")]),
        ('[{"user_id": 4, "user": "ada", "group": "x"}]', [ListedPerson(1, user=4, group="x")]),
        ('{"group": "x", "people": [{"user": "ada"}]}', [ListedPerson(1, user="ada")]),
        ('{"user": "ada"}', [ListedPerson(1, user="ada")]),
        ("user,group,taken_at\nada,x,1\nbo,y,2\n",
         [ListedPerson(2, user="ada", group="x"), ListedPerson(3, user="bo", group="y")]),
    ],
)  # fmt: skip
def test_parse_list_returns_people_with_line_numbers(
    text: str, expected: list[ListedPerson]
) -> None:
    assert parse_list(text) == expected


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "it is empty"),
        (" \r\n\n", "it is empty"),
        ("email,user\n", "it lists nobody"),
        ("[]", "it lists nobody"),
        ('{"people": []}', "it lists nobody"),
        ("email\nada@example.org\nsecret@\n,\nbo\n", "in lines 3, 5"),
        ("email,user\nsecret@,ada\n", "in line 2"),
        ("email,note\n,hello\n", "in line 2"),
        ("email,user\na@example.org,secret@example.org\n", "in line 2"),
        ("user_id,user\n4,5\n", "in line 2"),
        ("secret\n", "in line 1"),
        ("name,address\nAda,ada@example.org", "there is no column email, user_id or user"),
        ('{"user": "ada"}\n{"user": secret}\n', "line 2 is not valid JSON"),
        ('[{"user": "ada"}, "secret"]', "item 2 is not a JSON object"),
        ('{"user": "ada"}\n5\n', "line 2 is not a JSON object"),
        ('[{"invitation_id": 5}]', "in line 1"),
        ('{"user": ["secret"]}', "item 1 has a value that is neither text nor a whole number"),
        ('{"role": ["x"], "user": "ada"}\n{"user_id": true}', "line 2 has a value"),
        ("[" * 100_000, "not valid JSON"),
        ("user,group,taken_at\nada,x,1\nada,y,2\nbo,x,3\n", "at several times"),
        ("email,user,Email\na@example.org,,\n,,secret@example.org\n", "more than one column email"),
        ('email,note\na@example.org,"hi\nsecret@example.org,x\n', "line 3 is not valid CSV"),
        (
            'email,note\na@example.org,"x\nsecret@example.org,"y"\nb@example.org,z\n',
            "line 3 is not",
        ),
        ('"a@example.org\nsecret@example.org\n', "line 2 is not valid CSV"),
    ],
)
def test_parse_list_invalid_text_names_the_reason_and_lines(text: str, problem: str) -> None:
    found = parse_list(text)
    assert isinstance(found, Problem)
    assert problem in found.message
    assert "secret" not in f"{found} {found.details}"


@pytest.mark.parametrize(
    "text",
    [
        "user_id,pending_visible\n4,false\n",
        "user_id,Pending_Visible\n4,true\n5,FALSE\n",
        '[{"user_id": 4, "pending_visible": false}]',
        '{"user_id": 4, "pending_visible": false}',
        '{"user_id": 4}\n{"user_id": 5, "pending_visible": "false"}\n',
        '{"pending_visible": false, "people": [{"user_id": 4}]}',
    ],
)
def test_roster_without_the_pending_invitations_is_only_a_list_to_add(text: str) -> None:
    found = parse_list(text)
    assert isinstance(found, Problem)
    assert "roster without the pending invitations" in found.message
    assert "--add-only" in found.message
    assert isinstance(parse_list(text, add_only=True), list)
    shown = text.replace("false", "true").replace("FALSE", "")
    assert parse_list(shown) == parse_list(text, add_only=True)


def test_read_list_of_another_encoding_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "latin.csv"
    file.write_bytes("email,note\nada@example.org,Zo\u00eb".encode("latin-1"))
    with pytest.raises(CliError, match="UTF-8") as caught:
        read_list(str(file))
    assert caught.value.code == 4
    assert "--encoding windows-1252" in caught.value.hint
    assert caught.value.hint.endswith("; nothing was changed")
    (person,) = read_list(str(file), encoding="windows-1252")
    assert person.email == "ada@example.org"


def test_read_list_names_the_file_and_not_its_folder(people: Callable[[str], str]) -> None:
    with pytest.raises(CliError, match=r"^cannot read people\.csv: it is empty$"):
        read_list(people(""))


def test_split_by_group_keeps_the_order() -> None:
    people = [ListedPerson(n, user=n, group=g) for n, g in enumerate(["b", "a", "b"], start=2)]
    assert split_by_group(people) == {"b": [people[0], people[2]], "a": [people[1]]}


def test_split_by_group_names_lines_without_a_valid_group() -> None:
    groups = ("a", None, "https://www.are.na/group/a", "b/c", "https://example.org/group/a")
    people = [ListedPerson(line, user=1, group=group) for line, group in enumerate(groups, start=2)]
    assert split_by_group(people) == "no valid group in lines 3, 5, 6: a slug, an id or a URL"
    assert split_by_group([people[0], people[2]]) == {"a": [people[0], people[2]]}


ROWS = st.lists(
    st.tuples(
        st.none() | st.from_regex(r"[-'=+a-z]{1,8}@example\.org", fullmatch=True),
        st.integers(1, 10**9),
        st.none() | st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1),
    ),
    min_size=1,
)


@given(ROWS)
def test_parse_list_reads_what_csv_and_json_write(
    rows: list[tuple[str | None, int, str | None]],
) -> None:
    titles = ("email", "user_id", "note")
    expected = [ListedPerson(n, *row) for n, row in enumerate(rows, start=2)]
    assert parse_list("".join(map(csv_line, [titles, *rows]))) == expected
    lines = [json.dumps(dict(zip(titles, row, strict=True))) for row in rows]
    assert parse_list("\n" + "\n".join(lines)) == expected or len(rows) == 1
