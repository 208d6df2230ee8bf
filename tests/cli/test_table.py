"""Tables: widths, wide characters, and text that is not to be trusted."""

import io
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from rich.cells import cell_len

from arena_groups import MembershipInvitation
from arena_groups.cli.output.messages import one_line
from arena_groups.cli.output.views import Column, invitations
from arena_groups.cli.output.writers import TableWriter, column_widths, fit

Make = Callable[..., MembershipInvitation]
NOW = datetime(2026, 3, 21, 23, tzinfo=UTC)


def rows(*shown: MembershipInvitation, with_group: bool = False) -> list[str]:
    stream = io.StringIO()
    writer = TableWriter(stream, invitations(NOW, with_group=with_group))
    for each in shown:
        writer.write(each)
    writer.close()
    return stream.getvalue().splitlines()


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("FORCE_COLOR", raising=False)


def test_a_heading_and_a_row(invitation: Make) -> None:
    heading, row = rows(invitation(4711))
    assert heading.split() == ["ID", "INVITEE", "INVITED", "BY", "SENT", "WAITING"]
    assert row.split()[:4] == ["4711", "Mara", "Lindqvist", "(mara)"]
    assert row.split()[4:] == ["Ono", "Takeda", "2026-03-09", "12d"]
    assert heading.index("SENT") == row.index("2026-03-09")


def test_an_address_stands_for_a_person_without_a_name(invitation: Make) -> None:
    assert "ada@example.org" in rows(invitation(name=None, email="ada@example.org"))[1]
    assert "(unknown)" in rows(invitation(name=None))[1]


def test_the_group_is_shown_where_there_are_several(invitation: Make) -> None:
    heading, row = rows(invitation(), with_group=True)
    assert heading.split()[:2] == ["ID", "GROUP"]
    assert row.index("research-") == heading.index("GROUP")


@pytest.mark.parametrize(
    "name",
    [
        "Mara Lindqvist",
        "x" * 200,
        "研究室" * 30,
        "安藤 忠雄",
        "👩🏽‍🎨 Zoë",
        "🇯🇵" * 20,
        "e\u0301" * 100,
        "",
    ],
)
@pytest.mark.parametrize("with_group", [False, True])
def test_rows_stay_aligned_and_within_80_columns(
    invitation: Make, name: str, with_group: bool
) -> None:
    heading, row = rows(invitation(name=name, invited_by=name), with_group=with_group)
    assert cell_len(row) < 80
    day = row.index("2026-03-09")
    assert cell_len(row[:day]) == cell_len(heading[: heading.index("SENT")])


def test_ids_are_never_shortened(invitation: Make) -> None:
    assert "123456789012345" in rows(invitation(123456789012345))[1]


def test_a_name_cannot_steer_the_terminal(invitation: Make) -> None:
    name = "a\x1b[31mred\x07\r\nb\u202ec\x9b2J"
    _, row = rows(invitation(name=name))
    assert "a [31mred" in row
    assert not {"\x1b", "\x07", "\r", "\u202e", "\x9b"} & set(row)


def test_markup_is_text(invitation: Make) -> None:
    assert "[red]x[/red]" in rows(invitation(name="[red]x[/red]"))[1]


def test_columns_share_what_is_left() -> None:
    columns: tuple[Column[str], ...] = (
        Column("A", len, width=5),
        Column("B", len, width=5, share=2),
        Column("C", len, width=5, share=1),
    )
    assert column_widths(columns, 49) == [5, 25, 15]
    assert column_widths(columns, 3) == [5, 5, 5]
    assert column_widths(columns[:1], 30) == [5]


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("abc", 5, "abc  "),
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("研究室", 5, "研究…"),
        ("研究室", 4, "研… "),
        ("abc", 1, "…"),
        ("abc", 0, ""),
    ],
)
def test_fit(text: str, width: int, shown: str) -> None:
    assert fit(text, width) == shown


def test_one_line_keeps_what_belongs_to_names() -> None:
    assert one_line("Zoë 👩🏽‍🎨 研") == "Zoë 👩🏽‍🎨 研"
    assert one_line("a\u2028b\ud800c") == "a b c"
