"""The command ``arena-groups report``: how groups stand, at a glance."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from arena_groups.cli import output
from arena_groups.cli.connect import base_url_of, connected, opened_store
from arena_groups.cli.errors import CliError, describe
from arena_groups.cli.main import Command, example, run_async, shows
from arena_groups.cli.options import (
    Format,
    Settings,
    common_options,
    optional_groups_argument,
)
from arena_groups.cli.output_file import PRIVATE, OutputFile, replace_file
from arena_groups.cli.result_file import is_same_file
from arena_groups.cli.store_option import store_option

if TYPE_CHECKING:
    from arena_groups import ArenaClient, Store
    from arena_groups.cli.output.columns import View
    from arena_groups.cli.report_view import ReportRow
    from arena_groups.reconcile import GroupReport

# ruff: noqa: PLC0415 - keeps --help fast

NOUN = ("report", "reports")


def _reports() -> View[ReportRow]:
    from arena_groups.cli.report_view import REPORTS

    return REPORTS


@example("Get the numbers as JSON", "report GROUP --format json")
@example("Save a text for an issue or a wiki", "report GROUP --md report.md")
@example(
    "Save a page with charts, and the history of the watch",
    "report GROUP --html report.html --store watch.db",
)
@example("See who has not answered", "report GROUP")
@shows(_reports)
@click.command("report", cls=Command)
@optional_groups_argument
@click.option(
    "--html",
    type=OutputFile(),
    metavar="FILE",
    help="Write one HTML page with charts, which loads nothing else.",
)
@click.option(
    "--md",
    "markdown",
    type=OutputFile(),
    metavar="FILE",
    help="Write Markdown, with masked addresses.",
)
@click.option("--mask", is_flag=True, help="Mask addresses in the output and in the page.")
@store_option("Show and record the history here: a file or Redis. [default: that of sync]")
@common_options
@click.pass_obj
def command(
    settings: Settings,
    *,
    groups: tuple[str, ...],
    html: Path | None,
    markdown: Path | None,
    mask: bool,
    store: str | Path | None,
) -> None:
    """Show who has not answered in groups, and what has changed.

    Each GROUP is a slug, an id or the URL of its page. The report has the history that watch, sync
    and earlier reports have recorded in STORE, and what changed since the last report or sync of
    an earlier day. STORE holds ids and numbers for it, but no names.

    The page of --html has the addresses of people without an account, if they are among the ten
    oldest invitations, unless --mask is given. Only you can read a new file.
    """
    if html is not None and markdown is not None and is_same_file(html, str(markdown)):
        raise click.UsageError("--html and --md are the same file: name another one for --md")
    if settings.columns is not None and (html or markdown):
        raise click.UsageError("--columns has no effect with --html and --md")
    work = report_groups(settings, groups, html=html, markdown=markdown, mask=mask, place=store)
    run_async(settings, work)


async def report_groups(
    settings: Settings,
    groups: Sequence[str],
    *,
    html: Path | None,
    markdown: Path | None,
    mask: bool,
    place: str | Path | None,
) -> None:
    """Write the reports of groups to files, or else to standard output."""
    if html is not None:
        _check_extra()
    from arena_groups.cli.report_view import masked_report
    from arena_groups.reconcile import report_html, report_markdown

    reports = await _build(settings, groups, place)
    masked = list(map(masked_report, reports))
    shown = masked if mask else reports
    if html is not None:
        _save(html, report_html(shown))
        more = ", and holds addresses" if shown != masked else ""
        output.info(settings, f"{html} is written{more}")
    if markdown is not None:
        _save(markdown, report_markdown(masked))
        output.info(settings, f"{markdown} is written")
    if html is None and markdown is None:
        _write(settings, shown)


async def _build(
    settings: Settings, groups: Sequence[str], place: str | Path | None
) -> list[GroupReport]:
    """Return the reports of groups, each group once."""
    from arena_groups.reconcile import build_report

    reports: dict[int, GroupReport] = {}
    async with connected(settings) as arena, AsyncExitStack() as stack:
        if place is not None:
            store: Store | None = await stack.enter_async_context(opened_store(place))
        else:
            store = await _open_default_store(settings, arena, stack)
        with output.progress(settings) as shown:
            for group in dict.fromkeys(groups):
                shown.update(f"reading {group}")
                with output.naming_group(settings, group, groups):
                    report = await build_report(arena, group, store=store)
                reports.setdefault(report.group_id, report)
    return [*reports.values()]


async def _open_default_store(
    settings: Settings, arena: ArenaClient, stack: AsyncExitStack
) -> Store | None:
    """Return the store of `sync` for the account; ``None`` for a guest, or if it cannot be used.

    A report is complete without a history. So a disk that is read-only does not prevent one.
    """
    from arena_groups import ArenaError
    from arena_groups.cli.sync_run import default_store

    if settings.sandbox or not settings.token_source:
        return None
    user_id = (await arena.me()).id
    try:
        path = default_store(base_url_of(settings), user_id)
        store = await stack.enter_async_context(opened_store(path))
        await store.read("seen")
    except (ArenaError, OSError) as error:
        output.notify(settings, f"the report has no history: {describe(error) or error}")
        return None
    return store


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
    is_table = settings.chosen_format(terminal=stream.isatty()) is Format.TABLE
    if is_table and settings.columns is None:
        print_reports(TableConsole(file=stream, highlight=False), reports, utc=settings.utc)
    elif len(reports) == 1:
        output.write_one(settings, REPORTS, ReportRow(reports[0]))
    else:
        output.write_each(settings, REPORTS, map(ReportRow, reports), NOUN)


def _save(path: Path, text: str) -> None:
    """Write a file, and replace an old one as a whole. A new file is private."""
    if path.exists() and not path.is_file():  # a pipe, for example
        path.write_text(text, "utf-8")
        return
    target = path.resolve()
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else PRIVATE
    replace_file(target, text, mode=mode)
