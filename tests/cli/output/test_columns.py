"""Columns: selection by name, widths, rows that need more room, and words that stay whole."""

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from arena_groups.cli.output.columns import (
    Column,
    Overflow,
    View,
    column_widths,
    lay_out,
    pad,
    shorten,
    wrap_words,
)
from arena_groups.cli.output.views import GROUPS

WORDS = st.lists(st.text("abcdefgh-@.", min_size=1, max_size=12), max_size=8).map(" ".join)
PEOPLE: View[tuple[str, str]] = View(
    table=(Column("FULL NAME", lambda p: p[0], width=9), Column("ID", lambda p: 7, width=2)),
    csv=(Column("id", lambda p: 7), Column("email", lambda p: p[1])),
)


def test_columns_are_named_as_in_csv_and_as_in_the_table() -> None:
    assert PEOPLE.names == ["id", "email", "full_name"]
    chosen = PEOPLE.select(["Full Name", "email", "FULL-NAME"])
    assert [column.cell(("Ada", "a@b.c")) for column in chosen] == ["Ada", "a@b.c"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("emial", "there is no column 'emial'. Did you mean email? Columns: id, email, full_name"),
        ("zzz", "there is no column 'zzz'. Columns: id, email, full_name"),
    ],
)
def test_unknown_column_is_an_error_that_lists_the_names(name: str, text: str) -> None:
    with pytest.raises(click.UsageError) as caught:
        PEOPLE.select(["id", name])
    assert caught.value.message == text


def test_every_name_of_a_view_selects_a_column() -> None:
    assert len(GROUPS.select(GROUPS.names)) == len(GROUPS.names)
    assert [column.name for column in GROUPS.select(GROUPS.names)] == GROUPS.names


def test_column_widths_share_spare_width() -> None:
    columns: tuple[Column[str], ...] = (
        Column("A", len, width=5),
        Column("B", len, width=5, share=2),
        Column("C", len, width=5, share=1),
    )
    assert column_widths(columns, 49) == [5, 25, 15]
    assert column_widths(columns, 3) == [5, 5, 5]
    assert column_widths(columns[:1], 30) == [5]


ROW: tuple[Column[str], ...] = (
    Column("NAME", str, width=10, share=1),
    Column("SLUG", str, width=10, share=1, overflow=Overflow.KEEP),
    Column("ERROR", str, width=10, share=1, overflow=Overflow.WRAP),
)


@pytest.mark.parametrize(
    ("texts", "lines"),
    [
        (["Ada", "ada", "none"], ["Ada         ada         none"]),
        # A slug takes the room of the others, and stays whole.
        (["Ada Osei Bo", "ada-osei-lang", "a b"], ["Ada Osei…   ada-osei-lang  a b"]),
        (
            ["Ada Osei Bo", "ada-osei-very-long", "a b"],
            ["Ada Osei…   ada-osei-very-long  a", " " * 32 + "b"],
        ),
        # Words continue below.
        (
            ["Ada", "ada", "not a valid id"],
            ["Ada         ada         not a", " " * 24 + "valid id"],
        ),
        # What fits nowhere flows to the next line.
        (["Ada", "a" * 40, "none"], ["Ada", "    " + "a" * 40, "    none"]),
    ],
)
def test_row_keeps_slugs_whole_and_words_unbroken(texts: list[str], lines: list[str]) -> None:
    assert lay_out(texts, ROW, [10, 10, 10], 34) == lines


@given(name=WORDS, slug=st.text("abcdef-", max_size=60), error=WORDS)
def test_row_of_any_texts_has_every_word_of_slug_and_error(
    name: str, slug: str, error: str
) -> None:
    lines = lay_out([name, slug, error], ROW, [10, 10, 10], 34)
    words = " ".join(lines).split()
    assert not slug or slug in words
    assert set(error.split()) <= set(words)
    longest = max(map(len, [slug, *error.split(), ""]))
    assert all(len(line) <= max(34, longest + 4) for line in lines)


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("abc", 5, "abc"),
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("研究室", 5, "研究…"),
        ("研究室", 4, "研…"),
        ("abc", 1, "…"),
        ("abc", 0, ""),
        ("Paper & Pixel Press", 15, "Paper & Pixel…"),
        ("Paper & Pixel Press", 14, "Paper & Pixel…"),
        ("Notes, and more", 8, "Notes…"),
        ("a verylongword", 12, "a verylongw…"),
    ],
)
def test_shortened_text_ends_between_words_if_it_can(text: str, width: int, shown: str) -> None:
    assert shorten(text, width) == shown


@given(text=st.text(), width=st.integers(0, 30))
def test_shortened_text_fits(text: str, width: int) -> None:
    assert cell_len(shorten(text, width)) <= max(width, 0)


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("", 5, [""]),
        ("one two three", 7, ["one two", "three"]),
        (
            "see https://example.org/a-long-path now",
            10,
            ["see", "https://example.org/a-long-path", "now"],
        ),
        ("研究室研究室", 4, ["研究", "室研", "究室"]),
        (
            "log in (`arena-groups auth login`), or wait",
            10,
            ["log in", "(`arena-groups auth login`),", "or wait"],
        ),
        (
            "to go on: arena-groups groups show 'zoë  a' --format json",
            12,
            ["to go on:", "arena-groups groups show 'zoë  a' --format json"],
        ),
        ("arena-groups: one two", 17, ["arena-groups: one", "two"]),
    ],
)
def test_words_are_wrapped_whole(text: str, width: int, lines: list[str]) -> None:
    assert wrap_words(text, width) == lines


def test_wrapped_lines_are_indented() -> None:
    assert wrap_words("one two three", 8, indent="  ") == ["one two", "  three"]


def test_padded_text_fills_its_width() -> None:
    assert pad("研", 4) == "研  "
