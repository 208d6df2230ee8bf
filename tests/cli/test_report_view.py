"""Reports at terminals of every width, with names in every script."""

import io
from datetime import timedelta

import pytest
from rich.cells import cell_len

from arena_groups.cli.output.writers import TableConsole
from arena_groups.cli.report_view import REPORTS, ReportRow, print_reports
from arena_groups.reconcile import GroupReport
from tests.support.reports import empty_report, full_report
from tests.support.time_zones import set_time_zone


def printed(
    *reports: GroupReport, width: int = 80, encoding: str = "utf-8", utc: bool = True
) -> str:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="backslashreplace")
    print_reports(TableConsole(file=stream, width=width, highlight=False), reports, utc=utc)
    stream.flush()
    stream.seek(0)
    return stream.read()


@pytest.mark.parametrize("width", [20, 48, 60, 80, 200])
@pytest.mark.parametrize("pending", [0, 3, 5000])
def test_no_number_is_cut_off_at_any_width(pending: int, width: int) -> None:
    report = full_report(pending)
    text = printed(report, width=width)
    words = text.split()
    for number in (report.members, report.pending, *[each.people for each in report.ages]):
        assert f"{number:,}" in words
    for inviter in report.inviters[:10]:
        assert f"{inviter.oldest_days:,}" in words
    assert all(cell_len(line) <= width for line in text.splitlines())


def test_narrow_terminal_has_a_line_for_each_cell() -> None:
    lines = printed(full_report(3), width=40).splitlines()
    start = lines.index("Longest without an answer")
    titles = [line.split("  ")[0] for line in lines[start + 1 : start + 12] if line[:1].strip()]
    assert titles[:4] == ["Person", "Invited by", "Days", "Person"]


def test_times_are_local_or_in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    set_time_zone()
    report = full_report(3)
    local = report.taken_at + timedelta(hours=5, minutes=45)
    assert f"As of {local:%Y-%m-%d %H:%M} +0545" in printed(report, utc=False)
    assert f"As of {report.taken_at:%Y-%m-%d %H:%M} UTC" in printed(report)
    changes = report.changes
    assert changes is not None
    since = changes.since + timedelta(hours=5, minutes=45)
    assert f"Since {since:%Y-%m-%d %H:%M} +0545." in printed(report, utc=False)


def test_bars_are_in_proportion() -> None:
    lines = printed(full_report(400)).splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("Days"))
    found = [line.split() for line in lines[start + 1 : start + 8]]
    people = {int(row[1]): len(row[2]) for row in found}
    assert max(people.values()) == people[max(people)] == 24
    assert all(length == -(-24 * number // max(people)) for number, length in people.items())


def test_terminal_without_unicode_has_bars_of_plain_characters() -> None:
    text = printed(full_report(40), encoding="ascii")
    assert "####" in text
    assert "\\u2588" not in text


def test_names_cannot_control_the_terminal() -> None:
    text = printed(full_report(400))
    assert not {"\x1b", "\x00", "\u202e", "\ud83d"} & set(text)


def test_several_reports_follow_each_other() -> None:
    assert printed(empty_report(), full_report(3)).count("Research Studio (research-studio)") == 2


@pytest.mark.parametrize("report", [empty_report(), full_report(500)])
def test_csv_has_a_column_for_each_age_class(report: GroupReport) -> None:
    row = {column.title: column.cell(ReportRow(report)) for column in REPORTS.csv}
    ages = [value for title, value in row.items() if title.endswith(("_days", "or_more"))][1:]
    assert ages == [each.people for each in report.ages]
    titles = [title for title in row if title.startswith("pending_")]
    for title, age in zip(titles, report.ages, strict=True):
        assert f"_{age.first_day}_" in title
