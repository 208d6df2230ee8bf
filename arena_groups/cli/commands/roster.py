"""The command ``arena-groups roster``: members and pending invitations, and what changed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from arena_groups.cli import output
from arena_groups.cli.connect import connected
from arena_groups.cli.errors import CliError, ExitCode
from arena_groups.cli.main import Command, CommandWithSubcommands, example, run_async, shows
from arena_groups.cli.options import (
    InputFile,
    Settings,
    as_group,
    common_options,
    complete_group,
    optional_groups_argument,
    sort_option,
)

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from arena_groups.cli.output.columns import View
    from arena_groups.cli.roster_rows import RosterChangeRow, RosterRow
    from arena_groups.reconcile import RosterSnapshot

# ruff: noqa: PLC0415 - keeps --help fast

PEOPLE = ("person", "people")
CHANGES = ("change", "changes")
STDIN = "-"
FILE_SUFFIXES = (".csv", ".json", ".ndjson", ".jsonl")


def _roster_view(*, with_group: bool) -> View[RosterRow]:
    from arena_groups.cli.roster_rows import roster_view

    return roster_view(with_group=with_group)


def _changes_view() -> View[RosterChangeRow]:
    from arena_groups.cli.roster_rows import changes_view

    return changes_view(with_group=True)


@example("Show what changed since then", "roster diff monday.csv GROUP")
@example("Save the roster of a group", "roster GROUP --format csv > monday.csv")
@example("List members and pending invitations", "roster GROUP")
@shows(lambda: _roster_view(with_group=True))
@click.command("roster", cls=CommandWithSubcommands)
@optional_groups_argument
@sort_option("name", "state", "waiting")
@common_options
@click.pass_obj
def command(settings: Settings, groups: tuple[str, ...], sort: str | None) -> None:
    """List members and pending invitations of groups, one row a person.

    Each GROUP is a slug, an id or the URL of its page. The rows are valid input for `sync`. Who may
    not manage the invitations of a group sees its members only. --sort waiting begins with those
    who have waited longest. Several groups come one after the other.
    """
    run_async(settings, list_rosters(settings, groups, sort))


async def list_rosters(settings: Settings, groups: Sequence[str], sort: str | None) -> None:
    """Write the rosters of groups, one after the other."""
    from arena_groups.cli.roster_rows import ROSTER_ORDERS, roster_rows
    from arena_groups.reconcile import snapshot_roster

    view = _roster_view(with_group=len(groups) > 1)
    results = output.Results(settings, view, PEOPLE, paged=True)
    seen: set[int] = set()
    async with connected(settings) as arena:
        for group in dict.fromkeys(groups):
            with output.naming_group(settings, group, groups), output.progress(settings):
                roster = await snapshot_roster(arena, group)
            if roster.group_id in seen:
                continue  # given by its slug and by its id
            seen.add(roster.group_id)
            _note_missing_pending(settings, roster)
            rows = roster_rows(roster)
            for row in rows if sort is None else ROSTER_ORDERS[sort](rows):
                results.write(row)
    results.close()


def _note_missing_pending(settings: Settings, roster: RosterSnapshot) -> None:
    if not roster.pending_visible:
        output.notify(
            settings,
            f"{roster.group}: members only, as you may not manage the invitations of this group",
        )


def _complete_group_or_file(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the groups of the user, and let the shell add files."""
    from click.shell_completion import CompletionItem

    files = CompletionItem(incomplete, type="file")
    return [files, *complete_group(context, parameter, incomplete)]


@example("In a scheduled job, with exit code 9 for changes", "roster diff OLD NEW --exit-code")
@example("Compare a file with the group as it is now", "roster diff monday.csv GROUP")
@example("Compare two files", "roster diff monday.csv friday.csv")
@shows(_changes_view)
@click.command("diff", cls=Command, short_help="Show what changed between two rosters.")
@click.argument("old", metavar="OLD", type=InputFile())
@click.argument("new", metavar="NEW|GROUP", shell_complete=_complete_group_or_file)
@click.option("--exit-code", is_flag=True, help="Exit with code 9 if anything changed.")
@sort_option("name", "change")
@common_options
@click.pass_obj
def diff(settings: Settings, *, old: str, new: str, exit_code: bool, sort: str | None) -> None:
    """Show who joined, left or was invited, and whose role or invitation changed.

    OLD and NEW are files that `roster` wrote as csv, json or ndjson; - is standard input. Instead
    of NEW, a GROUP can be given, a slug, an id or a URL: OLD is compared with what it is now.
    """
    if old == new == STDIN:
        raise click.UsageError("OLD and NEW cannot both be standard input")
    group = None if _is_file(new) else as_group(click.get_current_context(), _NEW, new)
    work = compare_rosters(settings, old, new, group, exit_code=exit_code, sort=sort)
    run_async(settings, work)


_NEW = click.Argument(["new"], metavar="NEW|GROUP")


def _is_file(text: str) -> bool:
    """Return whether an argument names a file that exists, or that ought to."""
    if text == STDIN or (os.path.exists(text) and not os.path.isdir(text)):  # noqa: PTH110, PTH112
        return True  # unlike pathlib, it takes what cannot be a path
    if "://" in text:
        return False
    return os.sep in text or text.lower().endswith(FILE_SUFFIXES)


async def compare_rosters(
    settings: Settings,
    old: str,
    new: str,
    group: str | None,
    *,
    exit_code: bool,
    sort: str | None,
) -> None:
    """Write the differences between two files, or between a file and a group as it is now."""
    from arena_groups.cli.roster_rows import CHANGE_ORDERS, change_rows, changes_view, read_rosters
    from arena_groups.reconcile import diff_rosters, snapshot_roster

    earlier = read_rosters(old)
    if group is None:
        later = read_rosters(new)
    else:
        async with connected(settings) as arena:
            with output.progress(settings):
                roster = await snapshot_roster(arena, group)
        later = {roster.group_id: roster}
        _note_missing_pending(settings, roster)
    pairs = list(_pairs(settings, earlier, later, is_live=group is not None))
    found = [diff_rosters(before, after) for before, after in pairs]
    for each in found:
        if each.members_only and group is None:
            output.notify(settings, f"{each.group}: a file has members only, so only they count")
    groups = [change_rows(each) for each in found]
    if sort is not None:
        groups = [CHANGE_ORDERS[sort](each) for each in groups]
    rows = [row for each in groups for row in each]
    output.write_each(settings, changes_view(with_group=len(found) > 1), rows, CHANGES)
    if rows and exit_code:
        raise click.exceptions.Exit(ExitCode.DRIFT)


def _pairs(
    settings: Settings,
    earlier: dict[int, RosterSnapshot],
    later: dict[int, RosterSnapshot],
    *,
    is_live: bool,
) -> Iterator[tuple[RosterSnapshot, RosterSnapshot]]:
    """Yield the rosters of each group that is in both; report the other groups."""
    if not earlier.keys() & later.keys():
        names = ", ".join(roster.group for roster in later.values())
        raise CliError(
            "validation",
            f"the old roster is not of {names}",
            ExitCode.VALIDATION,
            "compare rosters of the same group",
        )
    for number, roster in later.items():
        if number in earlier:
            yield earlier[number], roster
        else:
            output.info(settings, f"{roster.group}: not in the old file")
    if not is_live:
        for number, roster in earlier.items():
            if number not in later:
                output.info(settings, f"{roster.group}: not in the new file")


command.subcommands = {"diff": diff}
