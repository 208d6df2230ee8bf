"""The command ``arena-groups report``: how groups stand, at a glance."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from arena_groups.cli import output
from arena_groups.cli.connect import connected, opened_store
from arena_groups.cli.errors import CliError
from arena_groups.cli.main import Command, example, run_async
from arena_groups.cli.options import Format, Settings, as_groups, common_options, store_option

if TYPE_CHECKING:
    from arena_groups.reconcile import GroupReport

# ruff: noqa: PLC0415 - keeps --help fast

NOUN = ("report", "reports")
PRIVATE = 0o600


@example("Get the numbers as JSON", "report GROUP --format json")
@example("Save a text for an issue or a wiki", "report GROUP --md report.md")
@example(
    "Save a page with charts, and the history of the watch",
    "report GROUP --html report.html --store watch.db",
)
@example("See who has not answered", "report GROUP")
@click.command("report", cls=Command)
@click.argument("groups", metavar="GROUP...", nargs=-1, required=True, callback=as_groups)
@click.option(
    "--html",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write one HTML page with charts, which loads nothing else.",
)
@click.option(
    "--md",
    "markdown",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write Markdown.",
)
@store_option("Show and record the history in this file or Redis.")
@common_options
@click.pass_obj
def command(
    settings: Settings,
    *,
    groups: tuple[str, ...],
    html: Path | None,
    markdown: Path | None,
    store: str | Path | None,
) -> None:
    """Show how groups stand: who has not answered, for how long, and what changed.

    Each GROUP is a slug, an id or the URL of its page. With --store, the report has the history
    that watch and sync have recorded there, and what changed since the last report of an earlier
    day.

    The files of --html and --md hold the addresses of the people without an account who have
    waited longest. Only you can read a new file.
    """
    run_async(settings, report_groups(settings, groups, html=html, markdown=markdown, place=store))


async def report_groups(
    settings: Settings,
    groups: Sequence[str],
    *,
    html: Path | None,
    markdown: Path | None,
    place: str | Path | None,
) -> None:
    """Write the reports of groups to files, or else to standard output."""
    if html is not None:
        _check_extra()
    reports = await _build(settings, groups, place)
    if html is not None:
        from arena_groups.reconcile import report_html

        _save(settings, html, report_html(reports), reports)
    if markdown is not None:
        from arena_groups.reconcile import report_markdown

        _save(settings, markdown, report_markdown(reports), reports)
    if html is None and markdown is None:
        _write(settings, reports)


async def _build(
    settings: Settings, groups: Sequence[str], place: str | Path | None
) -> list[GroupReport]:
    """Return the reports of groups, each group once."""
    from contextlib import AsyncExitStack

    from arena_groups.reconcile import build_report

    reports: dict[int, GroupReport] = {}
    async with AsyncExitStack() as stack:
        store = None
        if place is not None:
            store = await stack.enter_async_context(opened_store(place))
        arena = await stack.enter_async_context(connected(settings))
        with output.progress(settings) as shown:
            for group in dict.fromkeys(groups):
                shown.update(f"reading {group}")
                report = await build_report(arena, group, store=store)
                reports.setdefault(report.group_id, report)
    return [*reports.values()]


def _check_extra() -> None:
    from arena_groups.reconcile.report_page import check_libraries

    try:
        check_libraries()
    except ImportError as error:
        raise CliError("system", str(error)) from None


def _write(settings: Settings, reports: Sequence[GroupReport]) -> None:
    from arena_groups.cli.output.writers import TableConsole
    from arena_groups.cli.report_view import REPORTS, ReportRow, print_reports

    stream = output.stdout_stream()
    if settings.chosen_format(terminal=stream.isatty()) is Format.TABLE:
        print_reports(TableConsole(file=stream, highlight=False), reports)
    elif len(reports) == 1:
        output.write_one(settings, REPORTS, ReportRow(reports[0]))
    else:
        output.write_each(settings, REPORTS, map(ReportRow, reports), NOUN)


def _save(settings: Settings, path: Path, text: str, reports: Sequence[GroupReport]) -> None:
    """Write a file, and replace an old one as a whole. A new file is private."""
    if path.exists() and not path.is_file():  # a pipe, for example
        path.write_text(text, "utf-8")
        return
    target = path.resolve()
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else PRIVATE
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        draft.chmod(mode)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    more = ", and holds addresses" if any(map(_has_addresses, reports)) else ""
    output.info(settings, f"{path} is written{more}")


def _has_addresses(report: GroupReport) -> bool:
    invited = report.changes.invited if report.changes is not None else ()
    return any(person.email and person.name is None for person in (*report.oldest, *invited))
