"""Text of other people: terminals, JSON readers and spreadsheets take it as text."""

import csv
import io
import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena_groups.cli.output.sanitize import (
    csv_line,
    escape_formula,
    json_text,
    one_line,
    unescape_formula,
)

# Of every kind: C0, DEL, C1, line and direction controls, invisible ones, tags, a surrogate.
UNSAFE = [
    "\0", "\x07", "\x1b", "\t", "\n", "\r", "\x7f", "\x80", "\x85", "\x9b", "\x9f",
    "\u2028", "\u2029", "\u061c", "\u200e", "\u200f", "\u202a", "\u202e", "\u2066", "\u2069",
    "\u00ad", "\u180e", "\u200b", "\u2060", "\u2064", "\u206f", "\ufeff", "\ufff9",
    "\U000e0001", "\U000e0041", "\U000e007f", "\ud800", "\udfff",
]  # fmt: skip
HARMLESS = (
    "Zo\u00eb \U0001f469\U0001f3fd\u200d\U0001f3a8 \u7814 "
    "\u0646\u0627\u0645\u0647\u200c\u0627\u06cc"
)
FORMULA = 'HYPERLINK("evil")'
SIGNS = ["=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\ufe66", "\ufe62", "\u2212"]
BEFORE = [
    "",
    " ",
    "\0",
    "\ufeff",
    "\u00a0",
    "\u3000",
    "\u200b",
    "\t",
    "\r",
    "\n",
    "\0 \ufeff",
    "\x1f",
]
cells = st.text(st.sampled_from("'=-\uff1d\t\n\r\0 a,\"\ufeff\u200b\u202e\x9b@"), max_size=8)


@pytest.mark.parametrize("character", UNSAFE)
def test_one_line_and_json_text_contain_no_unsafe_character(character: str) -> None:
    assert character not in one_line(f"a{character}b")
    for indent in (None, 2):
        text = json_text({"name": [f"a{character}b"]}, indent=indent)
        assert character not in text.replace("\n", "" if indent else "\n")
        assert json.loads(text) == {"name": [f"a{character}b"]}


def test_one_line_replaces_what_separates_words() -> None:
    assert one_line("a\u2028b\ud800c\td\u200be") == "a b c de"


def test_one_line_and_json_text_keep_other_characters() -> None:
    assert one_line(HARMLESS) == HARMLESS
    assert json_text(HARMLESS) == f'"{HARMLESS}"'


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8", "UTF8", "utf-16"])
def test_json_text_means_the_same_in_every_encoding(encoding: str) -> None:
    value = {"name": "Zo\u00eb \U0001f469 \u7814 \x9b"}
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding=encoding, errors="backslashreplace") as stream:
        stream.write(json_text(value, stream))
        stream.flush()
        assert json.loads(raw.getvalue().decode(encoding)) == value


@given(st.text(st.characters(exclude_categories=[])))
def test_json_text_means_the_same_and_has_no_control_character(text: str) -> None:
    for shown in (json_text({text: text}), one_line(text)):
        assert not [c for c in shown if unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"}]
    again = json.loads(json_text({text: text}))
    assert again == json.loads(json.dumps({text: text}))


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("before", BEFORE)
def test_escape_formula_covers_signs_after_what_spreadsheets_skip(before: str, sign: str) -> None:
    cell = f"{before}{sign}{FORMULA}"
    assert escape_formula(cell) == f"'{cell}"
    assert unescape_formula(f"'{cell}") == cell


@pytest.mark.parametrize("start", ["\t", "\r", "\n"])
def test_escape_formula_covers_cells_that_begin_with_a_separator(start: str) -> None:
    assert escape_formula(f"{start}x") == f"'{start}x"


@pytest.mark.parametrize("sign", SIGNS)
def test_escape_formula_covers_what_is_a_cell_where_semicolons_separate(sign: str) -> None:
    cell = f'Ada;{sign}{FORMULA}; "{sign}1;b'
    escaped = f"Ada;'{sign}{FORMULA};' \"{sign}1;b"
    assert escape_formula(cell) == escaped
    assert unescape_formula(escaped) == cell
    for each in csv.reader(io.StringIO(csv_line(["1", cell])), delimiter=";"):
        assert not [part for part in each if part.lstrip(' "').startswith(sign)]


@pytest.mark.parametrize(
    "cell",
    ["", "plain", "a;b; c;", "a=b", "3-4", "'", "''x", "'neil@example.org", " x", -3, 0, None],
)
def test_escape_formula_keeps_harmless_cells(cell: str | int | None) -> None:
    assert escape_formula(cell) == cell
    if isinstance(cell, str):
        assert unescape_formula(cell) == cell


@given(st.lists(cells, min_size=1, max_size=4))
def test_csv_line_is_read_as_the_same_cells(row: list[str]) -> None:
    line = csv_line([*row, 3, None])
    ((*read, number, empty),) = csv.reader(io.StringIO(line, newline=""))
    assert [unescape_formula(cell) for cell in read] == row
    assert (number, empty, line[-1]) == ("3", "", "\n")
    assert [escape_formula(cell) for cell in row] == read


@pytest.mark.parametrize("line_break", ["\r", "\n", "\r\n"])
def test_csv_line_quotes_every_line_break(line_break: str) -> None:
    assert csv_line([f"a{line_break}b", "c"]) == f'"a{line_break}b",c\n'
