"""What ``arena-groups invitations send --from`` does."""

import csv
from collections.abc import Generator, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import TextIO

from attrs import frozen
from rich.progress import Progress

from arena_groups import (
    ArenaError,
    BulkResult,
    InviteTarget,
    RetryPolicy,
    SQLiteStore,
    invite_many,
)
from arena_groups.cli.actions.turns import Failure, raise_first
from arena_groups.cli.connect import connected
from arena_groups.cli.notes import note
from arena_groups.cli.output import guarded
from arena_groups.cli.people import Line, read_people
from arena_groups.cli.records import InviteSummary
from arena_groups.cli.results import progress_console, write_one
from arena_groups.cli.settings import Settings
from arena_groups.cli.views import INVITE_SUMMARY, Cell
from arena_groups.errors import ArenaAPIError

INVITATIONS = ("invitation", "invitations")
COLUMNS = (
    "line",
    "outcome",
    "email",
    "user_id",
    "name",
    "invitation_id",
    "from_journal",
    "problem",
)


@frozen(kw_only=True)
class Sending:
    """Where the people come from, and where what is known of them is kept."""

    file: str
    column: str | None = None
    result: str | None = None
    journal: str | None = None
    dry_run: bool = False


async def send_from(settings: Settings, group: str, sending: Sending) -> None:
    """Invite the people in a file, and write how many had which outcome."""
    people = read_people(sending.file, sending.column)
    failures: list[Failure] = []
    async with AsyncExitStack() as stack:
        arena = await stack.enter_async_context(connected(settings, retry=RetryPolicy()))
        store = None
        if sending.journal is not None:
            store = await stack.enter_async_context(SQLiteStore(sending.journal))
        write = stack.enter_context(_result_file(sending.result))
        bar = stack.enter_context(_bar(settings, len(people)))
        targets = [line.who for line in people]
        run = invite_many(arena, group, targets, store=store, dry_run=sending.dry_run)
        await stack.enter_async_context(run)
        try:
            async for result in run:
                line = people[result.position]
                write.row(line, result)
                bar.update(run.done)
                if isinstance(result.error, ArenaAPIError):
                    failures.append(Failure(result.error))
                if result.failed:
                    note(settings, f"line {line.number}: {result.error}")
        except ArenaError:
            note(settings, f"ended early: {len(people) - run.done} lines were not begun")
            raise
        summary = run.summary
    counts = {outcome.value: count for outcome, count in summary.counts.items()}
    write_one(settings, INVITE_SUMMARY, InviteSummary(total=summary.done, **counts))
    raise_first(failures, len(people), INVITATIONS, "sent")
    if summary.failed and summary.failed[0].error is not None:
        raise summary.failed[0].error


class _Rows:
    """The result file: each line is there as soon as its outcome is."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._write(COLUMNS)

    def row(self, line: Line, result: BulkResult[InviteTarget]) -> None:
        """Write what became of a line."""
        invite, who = result.invite, line.who
        person = None if invite is None else invite.user
        sent = None if invite is None else invite.invitation
        cells: list[Cell] = [
            line.number,
            result.outcome.value,
            who.email,
            who.user_id if person is None else person.id,
            None if person is None else person.name,
            None if sent is None else sent.id,
            str(result.from_journal).lower(),
            None if result.error is None else str(result.error),
        ]
        self._write([guarded(cell) for cell in cells])

    def _write(self, cells: Sequence[Cell]) -> None:
        if self._stream is not None:
            csv.writer(self._stream, lineterminator="\n").writerow(cells)
            self._stream.flush()


@contextmanager
def _result_file(file: str | None) -> Generator[_Rows, None, None]:
    if file is None:
        yield _Rows(None)
        return
    with Path(file).open("w", encoding="utf-8", newline="") as stream:
        yield _Rows(stream)


class _Bar:
    def update(self, done: int) -> None:
        """Show how many are done."""


class _Shown(_Bar):
    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._task = progress.add_task("inviting", total=total)

    def update(self, done: int) -> None:
        """Show how many are done."""
        self._progress.update(self._task, completed=done)


@contextmanager
def _bar(settings: Settings, total: int) -> Generator[_Bar, None, None]:
    console = progress_console(settings)
    if console is None:
        yield _Bar()
        return
    with Progress(console=console, transient=True) as progress:
        yield _Shown(progress, total)
