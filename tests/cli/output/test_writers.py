"""Writers: formats, table layout, and the time of each result."""

import csv
import io
import json
import sys
from datetime import UTC, datetime

import pytest
from rich.cells import cell_len

from arena_groups import GroupInvite, MembershipInvitation, to_dict
from arena_groups.cli.main import run
from arena_groups.cli.options import Format
from arena_groups.cli.output.views import INVITE_CODE, Column, invitations
from arena_groups.cli.output.writers import (
    TableWriter,
    column_widths,
    fit,
    item_writer,
    list_writer,
)
from tests.support.command_line import AsPerson, FakeTerminal, Make

INVITATIONS = invitations(datetime(2026, 3, 21, tzinfo=UTC))
NOW = datetime(2026, 3, 21, 23, tzinfo=UTC)
GROUP = "research-studio"


def test_ndjson_writer_writes_one_object_per_line(invitation: Make) -> None:
    stream = io.StringIO()
    writer = list_writer(Format.NDJSON, stream, INVITATIONS)
    writer.write(invitation(1, name="Zoë\n“quoted”"))
    writer.write(invitation(2))
    writer.close()
    lines = stream.getvalue().splitlines()
    assert [json.loads(line)["id"] for line in lines] == [1, 2]
    assert json.loads(lines[0]) == to_dict(invitation(1, name="Zoë\n“quoted”"))
    assert "Zoë" in lines[0]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_json_array_writer_writes_one_array(invitation: Make, count: int) -> None:
    stream = io.StringIO()
    writer = list_writer(Format.JSON, stream, INVITATIONS)
    for number in range(count):
        writer.write(invitation(number))
    writer.close()
    assert json.loads(stream.getvalue()) == [to_dict(invitation(n)) for n in range(count)]


def test_json_array_writer_not_closed_is_invalid_json(invitation: Make) -> None:
    stream = io.StringIO()
    list_writer(Format.JSON, stream, INVITATIONS).write(invitation(1))
    with pytest.raises(json.JSONDecodeError):
        json.loads(stream.getvalue())


def test_csv_writer_writes_header_and_rows(invitation: Make) -> None:
    stream = io.StringIO()
    writer = list_writer(Format.CSV, stream, INVITATIONS)
    writer.write(invitation(1, name='Mara "M", Lindqvist'))
    writer.write(invitation(2, name=None, email="ada@example.org"))
    writer.close()
    first, second = csv.DictReader(io.StringIO(stream.getvalue()))
    assert first["invitee_name"] == 'Mara "M", Lindqvist'
    assert first["created_at"] == "2026-03-09T22:02:26Z"
    assert (first["group_slug"], first["waiting_days"]) == ("research-studio", "11")
    assert (second["id"], second["invitee_id"]) == ("2", "")
    assert second["invitee_email"] == "ada@example.org"


def test_csv_writer_without_items_writes_header() -> None:
    stream = io.StringIO()
    list_writer(Format.CSV, stream, INVITATIONS).close()
    assert stream.getvalue().startswith("id,state,group_id,")
    assert stream.getvalue().count("\n") == 1


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_csv_writer_escapes_formulas(invitation: Make, start: str) -> None:
    name = f'{start}HYPERLINK("evil")'
    stream = io.StringIO()
    list_writer(Format.CSV, stream, INVITATIONS).write(invitation(1, name=name))
    (row,) = csv.DictReader(io.StringIO(stream.getvalue(), newline=""))
    assert row["invitee_name"] == "'" + name


def test_table_writer_without_items_writes_nothing() -> None:
    stream = io.StringIO()
    list_writer(Format.TABLE, stream, INVITATIONS).close()
    assert stream.getvalue() == ""


def test_item_writer_json_writes_one_object(invite: GroupInvite) -> None:
    stream = io.StringIO()
    writer = item_writer(Format.JSON, stream, INVITE_CODE)
    writer.write(invite)
    writer.close()
    assert json.loads(stream.getvalue()) == to_dict(invite)


@pytest.mark.parametrize(("chosen", "lines"), [(Format.NDJSON, 1), (Format.CSV, 2)])
def test_item_writer_ndjson_and_csv_write_lines(
    invite: GroupInvite, chosen: Format, lines: int
) -> None:
    stream = io.StringIO()
    writer = item_writer(chosen, stream, INVITE_CODE)
    writer.write(invite)
    writer.close()
    assert stream.getvalue().count("\n") == lines
    assert invite.code in stream.getvalue()


def test_item_writer_table_shortens_nothing(invite: GroupInvite) -> None:
    stream = io.StringIO()
    writer = item_writer(Format.TABLE, stream, INVITE_CODE)
    writer.write(invite)
    writer.close()
    assert stream.getvalue().splitlines() == [
        f"URL      {invite.url}",
        "Code     h4t-c0de",
        "Created  2026-03-09",
    ]


@pytest.mark.parametrize("chosen", list(Format))
def test_list_writer_flushes_each_item(invitation: Make, chosen: Format) -> None:
    class Watched(io.StringIO):
        flushed = ""

        def flush(self) -> None:
            self.flushed = self.getvalue()

    stream = Watched()
    writer = list_writer(chosen, stream, INVITATIONS)
    for number in (31, 32):
        writer.write(invitation(number))
        assert str(number) in stream.flushed


def rows(*shown: MembershipInvitation, with_group: bool = False) -> list[str]:
    stream = io.StringIO()
    writer = TableWriter(stream, invitations(NOW, with_group=with_group))
    for each in shown:
        writer.write(each)
    writer.close()
    return stream.getvalue().splitlines()


def test_table_writer_aligns_header_and_row(invitation: Make) -> None:
    heading, row = rows(invitation(4711))
    assert heading.split() == ["ID", "INVITEE", "INVITED", "BY", "SENT", "WAITING"]
    assert row.split()[:4] == ["4711", "Mara", "Lindqvist", "(mara)"]
    assert row.split()[4:] == ["Ono", "Takeda", "2026-03-09", "12d"]
    assert heading.index("SENT") == row.index("2026-03-09")


def test_table_writer_shows_address_of_unnamed_invitee(invitation: Make) -> None:
    assert "ada@example.org" in rows(invitation(name=None, email="ada@example.org"))[1]
    assert "(unknown)" in rows(invitation(name=None))[1]


def test_table_writer_of_several_groups_has_group_column(invitation: Make) -> None:
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
def test_table_writer_any_name_keeps_columns_aligned(
    invitation: Make, name: str, with_group: bool
) -> None:
    heading, row = rows(invitation(name=name, invited_by=name), with_group=with_group)
    assert cell_len(row) < 80
    day = row.index("2026-03-09")
    assert cell_len(row[:day]) == cell_len(heading[: heading.index("SENT")])


def test_table_writer_never_shortens_ids(invitation: Make) -> None:
    assert "123456789012345" in rows(invitation(123456789012345))[1]


def test_table_writer_removes_control_characters(invitation: Make) -> None:
    name = "a\x1b[31mred\x07\r\nb\u202ec\x9b2J"
    _, row = rows(invitation(name=name))
    assert "a [31mred" in row
    assert not {"\x1b", "\x07", "\r", "\u202e", "\x9b"} & set(row)


def test_table_writer_prints_markup_as_text(invitation: Make) -> None:
    assert "[red]x[/red]" in rows(invitation(name="[red]x[/red]"))[1]


def test_column_widths_share_spare_width() -> None:
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
def test_fit_pads_or_shortens_to_width(text: str, width: int, shown: str) -> None:
    assert fit(text, width) == shown


def test_results_at_terminal_are_a_table_and_a_count(
    as_person: AsPerson, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, err = FakeTerminal(), FakeTerminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    assert run(["invitations", "list", GROUP, *as_person("owner")]) == 0
    assert "INVITEE" in out.getvalue().splitlines()[0]
    count = len(out.getvalue().splitlines()) - 1
    assert err.getvalue() == f"{count} pending invitations\n"


def test_progress_is_shown_when_results_go_elsewhere(
    as_person: AsPerson, monkeypatch: pytest.MonkeyPatch
) -> None:
    err = FakeTerminal()
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setattr(sys, "stderr", err)
    monkeypatch.setenv("TERM", "xterm")
    assert run(["invitations", "list", GROUP, *as_person("owner")]) == 0
    assert " so far" in err.getvalue()
    assert err.getvalue().endswith(" pending invitations\n")
