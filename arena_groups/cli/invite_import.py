"""What ``arena-groups invitations send --from`` does."""

import csv
import io
import sys
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
from arena_groups.bulk import normalize_invite_target
from arena_groups.cli.batch import Failure, raise_first
from arena_groups.cli.connect import connected
from arena_groups.cli.errors import ExitCode, Problem, ProblemError
from arena_groups.cli.options import Settings
from arena_groups.cli.output.messages import note
from arena_groups.cli.output.rows import InviteSummary
from arena_groups.cli.output.views import INVITE_SUMMARY, Cell
from arena_groups.cli.output.writers import guarded, progress_console, write_one
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


@frozen
class Line:
    """Somebody, and the number of the line that tells of them."""

    number: int
    who: InviteTarget


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


EMAIL, USER_ID = "email", "user_id"
STDIN = "-"
SHOWN = 10


def read_people(file: str, column: str | None) -> list[Line]:
    """Return the people in a file, or on standard input for ``-``. Empty lines are skipped.

    Raises a problem that names every line with nobody that can be invited.
    """
    text = _text(file)
    rows = _rows(text)
    if not rows:
        return []
    titles = [cell.strip().casefold() for cell in rows[0][1]]
    wanted = [EMAIL, USER_ID] if column is None else [column.strip().casefold()]
    places = [(name, titles.index(name)) for name in wanted if name in titles]
    if column is not None and not places:
        raise _refused(f"there is no column {column!r}")
    if places:
        rows = rows[1:]
    elif any(len(cells) > 1 for _, cells in rows):
        raise _refused(f"no column is titled {EMAIL} or {USER_ID}: name one with --column")
    return _checked(rows, places or [("", 0)])


def _checked(
    rows: Sequence[tuple[int, list[str]]], places: Sequence[tuple[str, int]]
) -> list[Line]:
    people: list[Line] = []
    bad: list[int] = []
    for number, cells in rows:
        told = [cells[place].strip() for _, place in places if place < len(cells)]
        try:
            people.append(Line(number, _person(next((each for each in told if each), ""))))
        except ValueError:
            bad.append(number)
    if bad:
        listed = ", ".join(map(str, bad[:SHOWN]))
        more = f" and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
        raise _refused(f"no email address and no user id in line {listed}{more}")
    return people


def _person(cell: str) -> InviteTarget:
    is_id = cell.isascii() and cell.isdigit() and len(cell) < 20
    return normalize_invite_target(int(cell) if is_id else cell)


def _rows(text: str) -> list[tuple[int, list[str]]]:
    first = text.lstrip().partition("\n")[0]
    # Spreadsheets write what their country uses; a comma within an address there is none.
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        return [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error:
        raise _refused(f"line {reader.line_num} is not CSV") from None


def _text(file: str) -> str:
    try:
        data = sys.stdin.buffer.read() if file == STDIN else Path(file).read_bytes()
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _refused("it is not in UTF-8") from None


def _refused(reason: str) -> ProblemError:
    return ProblemError(
        Problem(
            "validation",
            f"the people cannot be read: {reason}",
            ExitCode.VALIDATION,
            "nothing was sent",
        )
    )
