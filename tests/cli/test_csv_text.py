"""Encodings and delimiters of CSV, as programs and countries write it."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena_groups.cli.csv_text import Problem, decode, is_encoding, likely_encoding, parse_rows
from arena_groups.cli.people_file import parse_invitees
from arena_groups.cli.sync_file import ListedPerson, parse_list

MARKED = ("utf-8-sig", "utf-16", "utf-32")
UNMARKED = ("utf-8", "utf-16-le", "utf-16-be")
# No line break of Mac OS 9: before Python 3.13, csv.writer does not quote it.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\x00\ufeff"))
EMAILS = st.from_regex(
    r"[a-z0-9.'+=_-]{1,12}[a-z]@(example\.org|b\u00fccher\.example)", fullmatch=True
)
TABLES = st.lists(st.tuples(EMAILS, TEXTS, TEXTS), min_size=1, max_size=8)
DIALECTS = st.fixed_dictionaries({
    "delimiter": st.sampled_from(",;\t|"),
    "quoting": st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    "lineterminator": st.sampled_from(["\n", "\r\n"]),
})  # fmt: skip


def write(rows: object, **dialect: object) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, **dialect).writerows(rows)  # type: ignore[arg-type]
    return text.getvalue()


@given(
    rows=TABLES,
    dialect=DIALECTS,
    encoding=st.sampled_from(MARKED),
    titles=st.permutations(["E-Mail", "Note", "Vorname; Name"]),
)
def test_any_table_of_people_is_read_back_whole(
    rows: list[tuple[str, str, str]],
    dialect: dict[str, object],
    encoding: str,
    titles: list[str],
) -> None:
    at = [titles.index(each) for each in ("E-Mail", "Note", "Vorname; Name")]
    table = [titles] + [[row[at.index(n)] for n in range(3)] for row in rows]
    text = decode(write(table, **dialect).encode(encoding))
    assert isinstance(text, str)
    found = parse_list(text)
    assert not isinstance(found, Problem), found
    assert [(each.email, each.note or "") for each in found] == [
        (_unescaped(email), _unescaped(note.strip()).strip()) for email, note, _ in rows
    ]


def _unescaped(cell: str) -> str:
    """What the reader makes of a cell that looks as if a formula was escaped in it."""
    (row,) = [each for each in [parse_list(write([["user", "note"], ["a", cell]]))] if each]
    assert isinstance(row, list)
    return row[0].note or ""


@given(
    emails=st.lists(EMAILS, min_size=1),
    dialect=DIALECTS,
    encoding=st.sampled_from(MARKED + UNMARKED),
)
def test_any_column_of_addresses_is_read_back_whole(
    emails: list[str], dialect: dict[str, object], encoding: str
) -> None:
    addresses = [f"x{email}" for email in emails]
    for table in ([[each] for each in addresses], [["email"], *([each] for each in addresses)]):
        text = decode(write(table, **dialect).encode(encoding))
        assert isinstance(text, str)
        found = parse_invitees(text, None)
        assert not isinstance(found, Problem), found
        assert [row.target.email for row in found.rows] == addresses


@given(st.binary(max_size=60) | TEXTS.map(str.encode))
def test_any_bytes_are_a_text_or_a_problem(data: bytes) -> None:
    text = decode(data)
    if isinstance(text, str):
        assert isinstance(parse_list(text), list | Problem)
        parse_invitees(text, None)


@pytest.mark.parametrize("encoding", [*MARKED, *UNMARKED])
@pytest.mark.parametrize("text", ["email\nada@example.org\n", "name;email\nЗоя;zoe@example.org\n"])
def test_decode_finds_unicode_with_and_without_a_mark(encoding: str, text: str) -> None:
    assert decode(text.encode(encoding)) == text


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Zoë,zoe@example.org", "windows-1252"),
        ("Ada Ö,ada@example.org", "windows-1252"),
        ("É. Dupont", "windows-1252"),
        ("Günther Weiß; Ærø", "windows-1252"),
        ("It\u2019s O\u2019Brien\xa0\u2013 5 €", "windows-1252"),
        ("Żółć Świątek, Łódź", "windows-1250"),
        ("Зоя Иванова, zoe@example.org", "windows-1251"),
        ("Ζωή Παπαδοπούλου", "windows-1253"),
        ("Zoë Müller, José", "mac-roman"),
        ("山田太郎 ひらがな", "shift_jis"),
    ],
)
def test_decode_of_another_encoding_names_the_option_and_the_likely_one(
    text: str, encoding: str
) -> None:
    data = f"name,email\n{text}\n".encode(encoding)
    found = decode(data)
    assert isinstance(found, Problem)
    assert found.message == "the text is not UTF-8"
    assert f"--encoding {encoding}," in found.hint
    assert decode(data, encoding) == f"name,email\n{text}\n"


@pytest.mark.parametrize(
    ("data", "encoding", "message", "hint"),
    [
        (b"\xff\xfea\x00", "windows-1252", "it begins with the mark of utf-16", "leave out"),
        (b"\xef\xbb\xbfemail", "latin-1", "it begins with the mark of utf-8", "leave out"),
        (b"Zo\x81", "windows-1252", "the text is not windows-1252", "--encoding"),
        (b"\xff\xfea", None, "the text is not utf-16", "--encoding"),
    ],
)
def test_decode_of_what_cannot_be_read_says_why(
    data: bytes, encoding: str | None, message: str, hint: str
) -> None:
    found = decode(data, encoding)
    assert isinstance(found, Problem)
    assert message in found.message
    assert hint in found.hint


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (b"\xef\xbb\xbfemail", "utf-8"),
        (b"\xef\xbb\xbfemail", "UTF8"),
        ("\ufeffemail".encode("utf-16-le"), "utf-16-le"),
        ("\ufeffemail".encode("utf-16-be"), "utf_16"),
        (b"\xef\xbb\xbf\xef\xbb\xbfemail", None),
    ],
)
def test_decode_leaves_out_the_mark(data: bytes, encoding: str | None) -> None:
    assert decode(data, encoding) == "email"


def test_decode_leaves_out_the_marks_of_files_that_were_joined() -> None:
    data = "email\nada@example.org\n".encode("utf-8-sig")
    assert decode(data * 2) == "email\nada@example.org\n" * 2


@pytest.mark.parametrize("data", [b"", b"ascii"])
def test_likely_encoding_without_a_foreign_letter_is_none(data: bytes) -> None:
    assert likely_encoding(data) is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [("cp1252", True), ("Windows-1252", True), ("no-such", False), ("base64", False),
     ("a\0", False), ("", False)],
)  # fmt: skip
def test_is_encoding_knows_encodings_of_text(name: str, expected: bool) -> None:
    assert is_encoding(name) is expected


@pytest.mark.parametrize(
    "line", ["sep=;\n", "sep=;\r\n", '"sep=;"\n', "SEP=;\r", "sep=;;\n", "sep=;,,\n"]
)
def test_parse_rows_takes_the_delimiter_that_the_first_line_names(line: str) -> None:
    rows = parse_rows(f"{line}a,b;c\n1,2;3\n")
    assert rows == [(2, ["a,b", "c"]), (3, ["1,2", "3"])]


@pytest.mark.parametrize("delimiter", ['"', "\r", "\n", "a", "é", "0", "_", "@", "\0", ""])
def test_parse_rows_takes_no_other_sign_as_a_delimiter(delimiter: str) -> None:
    rows = parse_rows(f"sep={delimiter}\na,b\n1,2\n")
    assert isinstance(rows, Problem) or rows[0] == (1, [f"sep={delimiter}".strip()])


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ('name;email\n"Osei, Ada, Dr., Prof.";a@b.org\n', ["Osei, Ada, Dr., Prof.", "a@b.org"]),
        ('"a;b;c;d",email\nx,y\n', ["x", "y"]),
        ("name|email\nOsei, Ada|a@b.org\n", ["Osei, Ada", "a@b.org"]),
        ('email\n"x;y;z"\n', ["x;y;z"]),
        ('"x,y\tz"\n"p,q"\n', ["p,q"]),
    ],
)
def test_parse_rows_finds_the_delimiter_outside_quotes(text: str, cells: list[str]) -> None:
    rows = parse_rows(text, lambda cell: cell == "email")
    assert not isinstance(rows, Problem)
    assert rows[-1][1] == cells


WRONG = "line {} is not valid CSV: a quote that opens {} is closed wrongly"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('email,b\n1,"x\n2,y\n3,z\n', WRONG.format(4, "in line 2")),
        ('email,b\n\n1,"x"y\n', WRONG.format(3, "there")),
        ('sep=;\na;b\n1;"x\n', WRONG.format(3, "there")),
        (f'email,b\n1,"{"x" * 10_000_000}"\n', "line 2 is not valid CSV: a cell has over 131072"),
        (f"email\n{'x' * 10_000_000}\n", "line 2 is not valid CSV: a cell has over 131072"),
    ],
)
def test_parse_rows_of_a_broken_text_names_the_line(text: str, message: str) -> None:
    rows = parse_rows(text, lambda cell: cell == "email")
    assert isinstance(rows, Problem)
    assert message in rows.message


def test_parse_list_of_json_takes_the_titles_of_spreadsheets() -> None:
    text = '[{"E-Mail": "Ada <ada@example.org>", "User ID": null}]'
    assert parse_list(text) == [ListedPerson(1, "ada@example.org")]
