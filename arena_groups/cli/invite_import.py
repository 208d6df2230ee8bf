"""Import of a CSV file: ``arena-groups invitations send --from``."""

import codecs
import csv
import io
import math
import os
import sys
from collections.abc import Generator, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TextIO

from attrs import frozen
from rich.progress import Progress, TaskID

from arena_groups import (
    ArenaAPIError,
    ArenaError,
    BulkOutcome,
    BulkResult,
    BulkSummary,
    InviteTarget,
    RetryPolicy,
    SQLiteStore,
    invite_many,
)
from arena_groups.bulk import normalize_invite_target
from arena_groups.cli.batch import INVITATIONS, BatchFailure, raise_first_failure
from arena_groups.cli.connect import connected
from arena_groups.cli.errors import CliError, ExitCode
from arena_groups.cli.options import Settings
from arena_groups.cli.output.messages import info
from arena_groups.cli.output.rows import InviteSummaryRow
from arena_groups.cli.output.sanitize import csv_line, unescape_formula
from arena_groups.cli.output.views import INVITE_PREDICTION, INVITE_SUMMARY, Cell
from arena_groups.cli.output.writers import (
    counted,
    progress_console,
    write_one,
)

EMAIL, USER_ID, USER = "email", "user_id", "user"
# Titles of `send --result`, and of `invitations list`. The first that has a value counts.
COLUMNS = ((EMAIL, USER_ID, USER), ("invitee_id", "invitee_email"))
# Titles of columns in which a word is the slug of a user. Elsewhere it may be a mistyped address.
SLUG_COLUMNS = frozenset({USER, "slug"})
# Titles of ids that are not of users, and those beside which `id` is not either.
OTHER_IDS = frozenset({"invitation_id", "group_id"})
BESIDE_OTHER_IDS = frozenset({"invitee_id", "invitee_email", "owner_id", "visibility"})
STDIN = "-"
MAX_LISTED = 10
MAX_DIGITS = 19  # of a user id; longer numbers are not ids
RECIPIENTS = ("recipient", "recipients")
RESULT_COLUMNS = (
    "line",
    "outcome",
    "email",
    "user_id",
    "user",
    "name",
    "invitation_id",
    "from_journal",
    "error",
)


@frozen
class CsvRow:
    """One recipient, and the number of its line in the file (from 1)."""

    line: int
    target: InviteTarget


@frozen(kw_only=True)
class ImportOptions:
    """Options of an import.

    Attributes:
        file: Path of the file; ``-`` for standard input.
        column: Title of the column with the recipients; ``None`` for ``email``, ``user_id`` and
            ``user``.
        result: Path of the result file, if one is wanted.
        journal: Path of the journal, if one is wanted.
        dry_run: Send nothing.
        predict: In a dry run, tell apart who would be added at once.
    """

    file: str
    column: str | None = None
    result: str | None = None
    journal: str | None = None
    dry_run: bool = False
    predict: bool = False


async def import_invitations(settings: Settings, group: str, options: ImportOptions) -> None:
    """Invite the recipients in a file, and write the number of each outcome."""
    _check_paths(options)
    rows = read_invitees(options.file, options.column)
    failures: list[BatchFailure] = []
    async with AsyncExitStack() as stack:
        arena = await stack.enter_async_context(connected(settings, retry=RetryPolicy()))
        store = None
        if options.journal is not None:
            store = await stack.enter_async_context(SQLiteStore(options.journal))
        result_file = stack.enter_context(_result_file(options.result))
        bar = stack.enter_context(_progress_bar(settings, len(rows)))
        targets = [row.target for row in rows]
        run = invite_many(
            arena,
            group,
            targets,
            store=store,
            dry_run=options.dry_run,
            predict=options.predict,
            on_claim_wait=partial(_report_claim_wait, settings),
        )
        await stack.enter_async_context(run)
        try:
            async for result in run:
                row = rows[result.position]
                result_file.write(row, result)
                bar.update(run.summary)
                if isinstance(result.error, ArenaAPIError):
                    failures.append(BatchFailure(result.error))
                if result.failed:
                    info(settings, f"line {row.line}: {result.error}")
        except ArenaError:
            info(settings, f"stopped: {counted(len(rows) - run.done, RECIPIENTS)} not processed")
            raise
        summary = run.summary
    counts = {outcome.value: count for outcome, count in summary.counts.items()}
    if options.predict:
        counts.setdefault(BulkOutcome.WOULD_ADD.value, 0)
    line = InviteSummaryRow(total=summary.done, from_journal=summary.from_journal, **counts)
    write_one(settings, INVITE_PREDICTION if options.predict else INVITE_SUMMARY, line)
    raise_first_failure(failures, len(rows), INVITATIONS, "sent")
    if summary.failed and summary.failed[0].error is not None:
        raise summary.failed[0].error


def _report_claim_wait(settings: Settings, seconds: float) -> None:
    # Rounded up: a wait of 0 s would look like none.
    info(
        settings,
        f"waiting up to {math.ceil(seconds)} s for the outcome of an invitation that an earlier "
        "run began",
    )


def _check_paths(options: ImportOptions) -> None:
    """Raise an error if the result file would replace the recipients or the journal."""
    for option, path in (("--from", options.file), ("--journal", options.journal)):
        if options.result and path and _is_same_file(Path(options.result), path):
            raise CliError(
                "usage",
                f"--result and {option} are the same file, which would be overwritten",
                hint="name another file for --result",
            )


def _is_same_file(result: Path, other: str) -> bool:
    with suppress(OSError, RuntimeError):  # as of links that form a loop
        if not result.exists():
            return result.resolve() == Path(other).resolve()
        stat = os.fstat(sys.stdin.fileno()) if other == STDIN else Path(other).stat()
        return result.is_file() and os.path.samestat(result.stat(), stat)
    return False


def read_invitees(file: str, column: str | None) -> list[CsvRow]:
    """Return the recipients in a file, or on standard input for ``-``. Skip empty lines.

    Raises:
        CliError: If the file cannot be read as CSV, or lines have no valid recipient; the
            message names the lines.
    """
    result = _parse(_read_text(file), column)
    if isinstance(result, str):
        raise _unreadable(file, result)
    return result


def _parse(text: str, column: str | None) -> list[CsvRow] | str:
    """Return the recipients, or why there are none.

    It raises no error: a traceback would show the addresses in its frames.
    """
    rows = _parse_rows(text)
    if isinstance(rows, str):
        return rows
    if not rows:
        return []
    titles = [cell.strip().casefold() for cell in rows[0][1]]
    choices = COLUMNS if column is None else ((column.strip().casefold(),),)
    found = ([titles.index(each) for each in choice if each in titles] for choice in choices)
    columns = next(filter(None, found), None)
    if problem := _column_problem(titles, column, columns):
        return problem
    if columns:
        slug_columns = [each for each in columns if titles[each] in SLUG_COLUMNS]
        return _parse_recipients(rows[1:], columns, slug_columns)
    if any(len(cells) > 1 for _, cells in rows):
        return f"there is no column {EMAIL} or {USER_ID}, nor {USER}; name one with --column"
    return _parse_recipients(rows, [0], [])


def _column_problem(
    titles: Sequence[str], column: str | None, columns: Sequence[int] | None
) -> str:
    """Return why the column that was asked for cannot be used, or nothing."""
    if column is None:
        return ""
    if columns is None:
        return f"there is no column {column!r}"
    title = titles[columns[0]]
    is_other_id = title == "id" and not BESIDE_OTHER_IDS.isdisjoint(titles)
    return (
        f"the ids in column {column!r} are not of users"
        if is_other_id or title in OTHER_IDS
        else ""
    )


def _parse_recipients(
    rows: Sequence[tuple[int, list[str]]], columns: Sequence[int], slug_columns: Sequence[int]
) -> list[CsvRow] | str:
    """Return the recipients, each from the first column with a value, or the problem."""
    recipients: list[CsvRow] = []
    invalid: list[int] = []
    for line, cells in rows:
        chosen = {column: cells[column] for column in columns if column < len(cells)}
        filled = {c: unescape_formula(cell.strip()).strip() for c, cell in chosen.items()}
        column = next((each for each in filled if filled[each]), None)
        cell = "" if column is None else filled[column]
        try:
            recipients.append(CsvRow(line, _target(cell, may_be_slug=column in slug_columns)))
        except ValueError:
            invalid.append(line)
    if not invalid:
        return recipients
    lines = "line" if len(invalid) == 1 else "lines"
    listed = ", ".join(map(str, invalid[:MAX_LISTED]))
    more = f" and {len(invalid) - MAX_LISTED} more" if len(invalid) > MAX_LISTED else ""
    return f"no valid email address or user in {lines} {listed}{more}"


def _target(cell: str, *, may_be_slug: bool) -> InviteTarget:
    if cell.isascii() and cell.isdigit() and len(cell) <= MAX_DIGITS:
        return normalize_invite_target(int(cell))
    is_slug = may_be_slug and "@" not in cell
    return normalize_invite_target(InviteTarget(user=cell) if is_slug else cell)


def _parse_rows(text: str) -> list[tuple[int, list[str]]] | str:
    first = next(filter(str.strip, io.StringIO(text, newline="")), "")
    # Spreadsheets choose the delimiter by country. An email address contains no comma.
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        return [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error:
        return f"line {reader.line_num} is not valid CSV"


def _read_text(file: str) -> str:
    data = sys.stdin.buffer.read() if file == STDIN else Path(file).read_bytes()
    # Some Windows shells write redirected output as UTF-16.
    is_utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    with suppress(UnicodeDecodeError):
        return data.decode("utf-16" if is_utf16 else "utf-8-sig")
    del data  # a traceback would show it
    raise _unreadable(file, "the text is not UTF-8")


def _unreadable(file: str, reason: str) -> CliError:
    name = "standard input" if file == STDIN else Path(file).name
    return CliError(
        "validation", f"cannot read {name}: {reason}", ExitCode.VALIDATION, "nothing was sent"
    )


class _ResultFile:
    """CSV file with a line for each result, written as soon as it is known."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        error = self._write(RESULT_COLUMNS)
        if error is not None:
            raise error

    def write(self, row: CsvRow, result: BulkResult[InviteTarget]) -> None:
        """Write the result of one recipient."""
        error = self._write(_result_cells(row, result))
        if error is not None:
            raise error

    def _write(self, cells: Sequence[Cell]) -> OSError | None:
        """Write a line, or return the error: a traceback would show the address in this frame."""
        if self._stream is not None:
            try:
                self._stream.write(csv_line(cells))
                self._stream.flush()
            except OSError as error:
                return error.with_traceback(None)
        return None


def _result_cells(row: CsvRow, result: BulkResult[InviteTarget]) -> list[Cell]:
    invite, target = result.invite, row.target
    user = None if invite is None else invite.user
    invitation = None if invite is None else invite.invitation
    return [
        row.line,
        result.outcome.value,
        target.email,
        result.target.user_id if user is None else user.id,
        target.user if user is None else user.slug,
        None if user is None else user.name,
        None if invitation is None else invitation.id,
        str(result.from_journal).lower(),
        None if result.error is None else str(result.error),
    ]


@contextmanager
def _result_file(path: str | None) -> Generator[_ResultFile, None, None]:
    if path is None:
        yield _ResultFile(None)
        return
    # A name can hold half of a surrogate pair, which UTF-8 cannot.
    with Path(path).open("w", encoding="utf-8", errors="backslashreplace", newline="") as stream:
        yield _ResultFile(stream)


class _ProgressBar:
    """Progress bar, or none if ``progress`` is ``None``."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress = progress
        self._task = TaskID(0) if progress is None else progress.add_task("inviting", total=total)

    def update(self, summary: BulkSummary[InviteTarget]) -> None:
        """Show the number of recipients that are done, and of those that were so before."""
        if self._progress is None:
            return
        text = f"inviting ({summary.from_journal} in the journal)" if summary.from_journal else None
        self._progress.update(self._task, completed=summary.done, description=text)


@contextmanager
def _progress_bar(settings: Settings, total: int) -> Generator[_ProgressBar, None, None]:
    console = progress_console(settings)
    if console is None:
        yield _ProgressBar(None, total)
        return
    with Progress(console=console, transient=True) as progress:
        yield _ProgressBar(progress, total)
