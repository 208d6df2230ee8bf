"""Writers: formats, table layout, and the time of each result."""

import csv
import io
import json
import time
from datetime import UTC, datetime

import pytest
from rich.cells import cell_len

from arena_groups import GroupInvite, MembershipInvitation, to_dict
from arena_groups.cli.options import Format, Settings
from arena_groups.cli.output.views import INVITE_CODE, invitations
from arena_groups.cli.output.writers import item_writer, list_writer
from tests.support.command_line import FakeTerminal, Make
from tests.support.time_zones import set_time_zone

INVITATIONS = invitations(datetime(2026, 3, 21, tzinfo=UTC))
NOW = datetime(2026, 3, 21, 23, tzinfo=UTC)


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
        "Created  2026-03-09 22:02 UTC",
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
    writer = list_writer(Format.TABLE, stream, invitations(NOW, with_group=with_group))
    for each in shown:
        writer.write(each)
    writer.close()
    return stream.getvalue().splitlines()


def test_table_writer_aligns_header_and_row(invitation: Make) -> None:
    heading, row = rows(invitation(4711))
    assert heading.split() == ["ID", "INVITEE", "INVITED", "BY", "SENT", "(UTC)", "WAITING"]
    assert row.split()[:4] == ["4711", "Mara", "Lindqvist", "(mara)"]
    assert row.split()[4:] == ["Ono", "Takeda", "2026-03-09", "12d"]
    assert heading.index("SENT") == row.index("2026-03-09")


def test_table_writer_shows_address_of_unnamed_invitee(invitation: Make) -> None:
    assert "ada@example.org" in rows(invitation(name=None, email="ada@example.org"))[1]
    assert "(unknown)" in rows(invitation(name=None))[1]


def test_table_writer_of_several_groups_has_group_column(invitation: Make) -> None:
    heading, row, *_ = rows(invitation(), with_group=True)
    assert heading.split()[:2] == ["ID", "GROUP"]
    assert row.index("research-studio") == heading.index("GROUP")


@pytest.mark.parametrize(
    "name",
    [
        "Mara Lindqvist",
        "x " * 100,
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
    heading, row, *more = rows(invitation(name=name, invited_by=name), with_group=with_group)
    assert all(cell_len(line) < 80 for line in (row, *more))
    day = row.index("2026-03-09")
    if not with_group:  # there, the slug needs more than its column
        assert cell_len(row[:day]) == cell_len(heading[: heading.index("SENT")])


def test_table_writer_shows_every_word_of_a_name(invitation: Make) -> None:
    name = "Maria del Carmen Fernández de la Cruz y Montenegro"
    shown = " ".join(rows(invitation(name=name), with_group=True))
    assert set(name.split()) <= set(shown.split())
    assert "…" not in shown


def test_table_writer_without_room_for_columns_writes_a_field_per_line(
    invitation: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    lines = rows(invitation(1), invitation(2), with_group=True)
    assert lines[0] == "ID          1"
    assert lines[1] == "GROUP       research-studio"
    assert "SENT        2026-03-09 22:02 UTC" in lines
    assert lines.count("") == 1
    assert max(map(cell_len, lines)) < 40


@pytest.mark.parametrize("bom", [True, False])
def test_csv_writer_with_bom_begins_with_a_byte_order_mark(invitation: Make, bom: bool) -> None:
    stream = io.StringIO()
    writer = list_writer(Format.CSV, stream, INVITATIONS, Settings(bom=bom))
    writer.write(invitation(1, name="Zoë"))
    writer.write(invitation(2))
    writer.close()
    assert stream.getvalue().startswith("\ufeffid," if bom else "id,")
    assert stream.getvalue().count("\ufeff") == bom


def test_csv_writer_with_bom_at_terminal_writes_none() -> None:
    stream = FakeTerminal()
    list_writer(Format.CSV, stream, INVITATIONS, Settings(bom=True)).close()
    assert stream.getvalue().startswith("id,")


@pytest.mark.parametrize("chosen", list(Format))
def test_columns_are_selected_in_every_format(invitation: Make, chosen: Format) -> None:
    stream = io.StringIO()
    settings = Settings(columns=("invitee_slug", "id", "created_at", "waiting"))
    writer = list_writer(chosen, stream, INVITATIONS, settings)
    writer.write(invitation(41))
    writer.close()
    text = stream.getvalue()
    match chosen:
        case Format.TABLE:
            heading, row = text.splitlines()
            assert heading.split("  ")[0] == "INVITEE SLUG"
            assert row.split() == ["mara", "41", "2026-03-09", "22:02", "11d"]
        case Format.CSV:
            assert text.splitlines() == [
                "invitee_slug,id,created_at,waiting",
                "mara,41,2026-03-09T22:02:26Z,11d",
            ]
        case Format.JSON | Format.NDJSON:
            found = json.loads(text)
            assert (found[0] if chosen is Format.JSON else found) == {
                "invitee_slug": "mara",
                "id": 41,
                "created_at": "2026-03-09T22:02:26Z",
                "waiting": "11d",
            }


def test_columns_of_a_single_result_are_selected(invite: GroupInvite) -> None:
    stream = io.StringIO()
    writer = item_writer(Format.TABLE, stream, INVITE_CODE, Settings(columns=("code", "id")))
    writer.write(invite)
    assert stream.getvalue().splitlines() == ["Code  h4t-c0de", "ID    5"]


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the time zone cannot be set here")
@pytest.mark.parametrize(
    ("utc", "heading", "day"),
    [(False, "SENT (+0545)", "2026-03-10"), (True, "SENT (UTC)", "2026-03-09")],
)
def test_times_of_a_table_are_local_unless_utc_is_asked_for(
    invitation: Make, monkeypatch: pytest.MonkeyPatch, utc: bool, heading: str, day: str
) -> None:
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    set_time_zone()
    stream = io.StringIO()
    writer = list_writer(Format.TABLE, stream, INVITATIONS, Settings(utc=utc))
    writer.write(invitation(1))
    first, second = stream.getvalue().splitlines()
    assert heading in first
    assert day in second


def test_table_writer_never_shortens_ids(invitation: Make) -> None:
    assert "123456789012345" in rows(invitation(123456789012345))[1]


def test_table_writer_removes_control_characters(invitation: Make) -> None:
    name = "a\x1b[31mred\x07\r\nb\u202ec\x9b2J"
    _, row = rows(invitation(name=name))
    assert "a [31mred" in row
    assert not {"\x1b", "\x07", "\r", "\u202e", "\x9b"} & set(row)


def test_table_writer_prints_markup_as_text(invitation: Make) -> None:
    assert "[red]x[/red]" in rows(invitation(name="[red]x[/red]"))[1]
