"""Writers: what goes out, and when."""

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from arena_groups import GroupInvite, MembershipInvitation, to_dict
from arena_groups.cli.options import Format
from arena_groups.cli.output.views import INVITE_CODE, invitations
from arena_groups.cli.output.writers import escape_formula, item_writer, list_writer

Make = Callable[..., MembershipInvitation]
INVITATIONS = invitations(datetime(2026, 3, 21, tzinfo=UTC))


def test_ndjson_is_one_object_a_line(invitation: Make) -> None:
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
def test_json_is_one_array(invitation: Make, count: int) -> None:
    stream = io.StringIO()
    writer = list_writer(Format.JSON, stream, INVITATIONS)
    for number in range(count):
        writer.write(invitation(number))
    writer.close()
    assert json.loads(stream.getvalue()) == [to_dict(invitation(n)) for n in range(count)]


def test_json_array_that_broke_off_is_no_json(invitation: Make) -> None:
    stream = io.StringIO()
    list_writer(Format.JSON, stream, INVITATIONS).write(invitation(1))
    with pytest.raises(json.JSONDecodeError):
        json.loads(stream.getvalue())


def test_csv_has_titles_and_a_line_each(invitation: Make) -> None:
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


def test_csv_of_nothing_still_has_titles() -> None:
    stream = io.StringIO()
    list_writer(Format.CSV, stream, INVITATIONS).close()
    assert stream.getvalue().startswith("id,state,group_id,")
    assert stream.getvalue().count("\n") == 1


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_csv_defuses_formulas(invitation: Make, start: str) -> None:
    name = f'{start}HYPERLINK("evil")'
    stream = io.StringIO()
    list_writer(Format.CSV, stream, INVITATIONS).write(invitation(1, name=name))
    (row,) = csv.DictReader(io.StringIO(stream.getvalue(), newline=""))
    assert row["invitee_name"] == "'" + name


@pytest.mark.parametrize("cell", ["", "plain", "a=b", "3-4", -3, 0, None])
def test_csv_leaves_harmless_cells_alone(cell: str | int | None) -> None:
    assert escape_formula(cell) == cell


def test_table_of_nothing_is_empty() -> None:
    stream = io.StringIO()
    list_writer(Format.TABLE, stream, INVITATIONS).close()
    assert stream.getvalue() == ""


def test_single_result_in_json(invite: GroupInvite) -> None:
    stream = io.StringIO()
    writer = item_writer(Format.JSON, stream, INVITE_CODE)
    writer.write(invite)
    writer.close()
    assert json.loads(stream.getvalue()) == to_dict(invite)


@pytest.mark.parametrize(("chosen", "lines"), [(Format.NDJSON, 1), (Format.CSV, 2)])
def test_single_result_by_lines(invite: GroupInvite, chosen: Format, lines: int) -> None:
    stream = io.StringIO()
    writer = item_writer(chosen, stream, INVITE_CODE)
    writer.write(invite)
    writer.close()
    assert stream.getvalue().count("\n") == lines
    assert invite.code in stream.getvalue()


def test_single_result_for_people_is_never_shortened(invite: GroupInvite) -> None:
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
def test_each_item_is_out_before_the_next(invitation: Make, chosen: Format) -> None:
    class Watched(io.StringIO):
        flushed = ""

        def flush(self) -> None:
            self.flushed = self.getvalue()

    stream = Watched()
    writer = list_writer(chosen, stream, INVITATIONS)
    for number in (31, 32):
        writer.write(invitation(number))
        assert str(number) in stream.flushed
