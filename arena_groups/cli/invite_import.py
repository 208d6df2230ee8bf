"""Import of a CSV file: ``arena-groups invitations send --from``."""

from collections.abc import Generator
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from pathlib import Path

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
from arena_groups.cli.batch import (
    INVITATIONS,
    BatchFailure,
    raise_first_failure,
    report_claim_wait,
)
from arena_groups.cli.connect import connected
from arena_groups.cli.errors import CliError
from arena_groups.cli.options import Settings
from arena_groups.cli.output.columns import Cell
from arena_groups.cli.output.messages import info
from arena_groups.cli.output.results import counted, progress_console, write_one
from arena_groups.cli.output.rows import InviteSummaryRow
from arena_groups.cli.output.views import INVITE_PREDICTION, INVITE_SUMMARY
from arena_groups.cli.people_file import CsvRow, read_invitees
from arena_groups.cli.result_file import is_same_file, result_file

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
    result: Path | None = None
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
        results = stack.enter_context(result_file(options.result, RESULT_COLUMNS))
        bar = stack.enter_context(_progress_bar(settings, len(rows)))
        targets = [row.target for row in rows]
        run = invite_many(
            arena,
            group,
            targets,
            store=store,
            dry_run=options.dry_run,
            predict=options.predict,
            on_claim_wait=partial(report_claim_wait, settings),
        )
        await stack.enter_async_context(run)
        try:
            async for result in run:
                row = rows[result.position]
                results.write(_result_cells(row, result))
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


def _check_paths(options: ImportOptions) -> None:
    """Raise an error if the result file would replace the recipients or the journal."""
    for option, path in (("--from", options.file), ("--journal", options.journal)):
        if options.result and path and is_same_file(options.result, path):
            raise CliError(
                "usage",
                f"--result and {option} are the same file, which would be overwritten",
                hint="name another file for --result",
            )


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
