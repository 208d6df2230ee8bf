"""Reports as one HTML page, which loads nothing else and holds no script."""

import re
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from arena_groups._exports import set_public_module
from arena_groups._extras import missing_extra
from arena_groups.reconcile.report import GroupReport
from arena_groups.reconcile.report_tables import (
    check_reports,
    date_text,
    figures,
    moment_text,
    recent_weeks,
    short_name,
    tables,
)

if TYPE_CHECKING:
    from markupsafe import Markup

# ruff: noqa: PLC0415 - the libraries of an extra

__all__ = ["report_html"]

LIBRARIES: Final = {"jinja2": "Jinja2", "svg": "svg.py"}
_NOT_IN_HTML: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def report_html(reports: Sequence[GroupReport]) -> str:
    """Return reports as one HTML page, with charts in SVG.

    The page makes no request, is light or dark as the reader's system is, and fits a phone. It
    contains the addresses of people without an account among the ten oldest invitations.

    Needs the extra ``report``.

    Args:
        reports: The reports, at least one.

    Returns:
        The page.

    Raises:
        ImportError: The extra ``report`` is not installed. The message has the command for it.
        TypeError: ``reports`` is not a sequence of reports.
        ValueError: There is no report.
    """
    check_libraries()
    check_reports(reports)
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("arena_groups.reconcile"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    first = reports[0]
    title = f"Report of {short_name(first.group_name)}" if len(reports) == 1 else "Report of groups"
    page = environment.get_template("report.html.j2").render(
        title=title,
        taken_at=first.taken_at,
        taken_at_text=moment_text(first.taken_at),
        groups=[
            {
                "report": report,
                "name": short_name(report.group_name),
                "figures": figures(report),
                "tables": tables(report),
                "charts": _charts(report),
            }
            for report in reports
        ],
    )
    return _NOT_IN_HTML.sub("\ufffd", page)


def check_libraries() -> None:
    """Raise ``ImportError`` if a library of the extra ``report`` is missing."""
    for module, library in LIBRARIES.items():
        if find_spec(module) is None:
            raise missing_extra("an HTML report", library, "report")


def _charts(report: GroupReport) -> "dict[str, Markup]":
    """Return the charts by the key of the table that has the same numbers."""
    from markupsafe import Markup

    from arena_groups.reconcile.charts import Series, bar_chart, line_chart

    charts: dict[str, str] = {}
    if report.pending:
        numbers = [each.people for each in report.ages]
        charts["ages"] = bar_chart(
            "Ages of pending invitations",
            f"{report.pending} people have not answered; {numbers[-1]} of them for"
            f" {report.ages[-1].first_day} days or more.",
            [each.label for each in report.ages],
            [Series("People", numbers)],
            axis="days without an answer",
        )
    if report.history:
        last = report.history[-1]
        charts["history"] = line_chart(
            "Members and pending invitations over time",
            f"{date_text(report.history[0].day)} to {date_text(last.day)}; at the end"
            f" {last.members} members and {last.pending} who have not answered.",
            [point.day for point in report.history],
            [
                Series("Members", [point.members for point in report.history]),
                Series("Not answered", [point.pending for point in report.history]),
            ],
        )
    weeks = recent_weeks(report.weeks)
    if weeks:
        accepted, closed = [week.accepted for week in weeks], [week.closed for week in weeks]
        charts["weeks"] = bar_chart(
            "Answers by week",
            f"In the last {len(weeks)} weeks {sum(accepted)} invitations were accepted and"
            f" {sum(closed)} ended otherwise.",
            [f"{week.monday.day} {week.monday:%b}" for week in weeks],
            [Series("Accepted", accepted), Series("Ended otherwise", closed)],
            axis="week of",
        )
    return {key: Markup(chart) for key, chart in charts.items()}  # noqa: S704 - our own SVG


set_public_module(globals(), ["report_html"], "arena_groups.reconcile")
