"""Reports as Markdown, for an issue, a comment or a wiki."""

import re
from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from arena_groups._exports import set_public_module
from arena_groups.reconcile.report import GroupReport
from arena_groups.reconcile.report_tables import (
    Cell,
    PersonCell,
    ReportTable,
    check_reports,
    figures,
    moment_text,
    short_name,
    tables,
)

__all__ = ["report_markdown"]

_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_SIGNS: Final = re.compile(r"([\\`*_\[\]|~$#])")
# GitHub and others notify the user that is mentioned.
_MENTION: Final = re.compile(r"(?<![\w@])@")


def report_markdown(reports: Sequence[GroupReport]) -> str:
    """Return reports as one Markdown text, with the tables of GitHub.

    The text contains the addresses of people without an account among the ten oldest
    invitations. Names in it are escaped, and mention nobody.

    Args:
        reports: The reports, at least one.

    Returns:
        The text.

    Raises:
        TypeError: ``reports`` is not a sequence of reports.
        ValueError: There is no report.
    """
    check_reports(reports)
    return "\n".join(line for report in reports for line in _lines(report))


def escape_markdown(text: str) -> str:
    """Return a text that Markdown shows as it is."""
    line = _CONTROL.sub("\ufffd", text)
    return _MENTION.sub("@<!-- -->", _SIGNS.sub(r"\\\1", escape(line, quote=False)))


def _lines(report: GroupReport) -> Iterator[str]:
    yield f"# {escape_markdown(short_name(report.group_name))}"
    yield ""
    yield f"As of {moment_text(report.taken_at)}."
    yield ""
    yield from (f"- {name}: {_cell(value)}" for name, value in figures(report))
    yield ""
    for table in tables(report):
        yield f"## {table.title}"
        yield ""
        if table.note:
            yield table.note
            yield ""
        if table.rows:
            yield from _table(table)
            yield ""


def _table(table: ReportTable) -> Iterator[str]:
    first = table.rows[0]
    yield _row(table.columns)
    yield _row(["---:" if isinstance(value, int) else "---" for value in first])
    for row in table.rows:
        yield _row([_cell(value) for value in row])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(value: Cell) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_cell, value))
    if isinstance(value, int):
        return f"{value:,}"
    return escape_markdown(str(value)) if isinstance(value, PersonCell) else value


set_public_module(globals(), ["report_markdown"], "arena_groups.reconcile")
