"""Import of a CSV file: ``arena-groups invitations send --from``."""

import shlex
import subprocess
import sys
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import AsyncExitStack, contextmanager
from math import inf
from pathlib import Path
from time import monotonic

from attrs import define, field, frozen
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskProgressColumn
from rich.text import Text

from arena_groups import (
    ArenaAPIError,
    ArenaClient,
    BulkOutcome,
    BulkResult,
    InviteTarget,
    RetryPolicy,
    SQLiteStore,
    Store,
    invite_many,
)
from arena_groups.cli.batch import (
    INVITATIONS,
    MAX_EMAILS,
    BatchFailure,
    confirm_emails,
    raise_first_failure,
)
from arena_groups.cli.connect import connected
from arena_groups.cli.csv_text import STDIN
from arena_groups.cli.errors import CliError
from arena_groups.cli.invite_rows import (
    IMPORT,
    ImportRow,
    InviteSummaryRow,
    import_row,
    invite_summary,
)
from arena_groups.cli.options import Format, Settings
from arena_groups.cli.output.columns import View
from arena_groups.cli.output.messages import info, stdout_stream
from arena_groups.cli.output.results import Results, progress, progress_console, write_one
from arena_groups.cli.output.writers import csv_cell
from arena_groups.cli.people_file import (
    MAX_DETAILS,
    BadLine,
    CsvRow,
    Invitees,
    read_invitees,
    read_valid_invitees,
)
from arena_groups.cli.result_file import ResultFile, is_same_file, result_file
from arena_groups.cli.run_progress import (
    WAITS_FOR_CLAIM,
    Countdown,
    OutcomeCounts,
    claim_note,
    reported_stop,
    shown_quota_waits,
)

RECIPIENTS = ("recipient", "recipients")
SKIPPED = "skipped"
BAR_WIDTH = 20
READING = "reading the group"


@frozen(kw_only=True)
class ImportOptions:
    """Options of an import.

    Attributes:
        file: Path of the file; ``-`` for standard input.
        column: Title of the column with the recipients; ``None`` for ``email``, ``user_id`` and
            ``user``.
        encoding: Encoding of the file; ``None`` to find it.
        skip_invalid: Invite the others if lines name nobody.
        result: Path of the result file, if one is wanted.
        journal: Path of the journal, if one is wanted.
        dry_run: Send nothing.
        predict: In a dry run, tell apart who would be added at once.
    """

    file: str
    column: str | None = None
    encoding: str | None = None
    skip_invalid: bool = False
    result: Path | None = None
    journal: str | None = None
    dry_run: bool = False
    predict: bool = False


@define
class _Import:
    """An import in progress: what it reads, and where its results go.

    Attributes:
        counts: The results so far.
        bad_lines: The lines that name nobody and have no row yet.
    """

    settings: Settings
    group: str
    options: ImportOptions
    people: Invitees
    results: ResultFile
    counts: OutcomeCounts = field(init=False)
    bad_lines: deque[BadLine] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.counts = OutcomeCounts(skipped=len(self.people.bad_lines))
        self.bad_lines = deque(self.people.bad_lines)

    @property
    def total(self) -> int:
        """Number of recipients."""
        return len(self.people.rows)

    def rows(self, result: BulkResult[InviteTarget]) -> list[ImportRow]:
        """Return the row of a result, after those of the lines before it that name nobody."""
        source = self.people.rows[result.position]
        row = import_row(source, result)
        self.counts.add(row.outcome, from_journal=row.from_journal)
        return [*self.skipped_rows(before=source.line), *self._written([row])]

    def skipped_rows(self, before: float = inf) -> list[ImportRow]:
        """Return the rows of the next lines that name nobody."""
        rows: list[ImportRow] = []
        while self.bad_lines and self.bad_lines[0].line < before:
            bad = self.bad_lines.popleft()
            rows.append(ImportRow(line=bad.line, outcome=SKIPPED, error=bad.problem))
        return self._written(rows)

    def _written(self, rows: list[ImportRow]) -> list[ImportRow]:
        for row in rows:
            self.results.write([csv_cell(column.cell(row)) for column in IMPORT.csv])
        return rows

    def summary(self, people: Sequence[ImportRow] | None = None) -> None:
        """Write the number of each outcome; in a table those of this run alone."""
        found, settings = self.counts, self.settings
        is_table = settings.chosen_format(terminal=stdout_stream().isatty()) is Format.TABLE
        counts = dict(found.counts if is_table else found.counts + found.earlier)
        if self.options.predict:
            counts.setdefault(BulkOutcome.WOULD_ADD.value, 0)
        if self.options.skip_invalid:
            counts[SKIPPED] = len(self.people.bad_lines)
        row = InviteSummaryRow(
            total=found.done, from_journal=found.earlier.total(), people=people, **counts
        )
        write_one(settings, _summary_view(self.options), row)


async def import_invitations(settings: Settings, group: str, options: ImportOptions) -> None:
    """Invite the recipients in a file, and write the number of each outcome.

    A dry run writes what would happen to each.
    """
    _check_paths(options)
    people = _read(settings, options)
    async with AsyncExitStack() as stack:
        arena = await stack.enter_async_context(connected(settings, retry=RetryPolicy()))
        store = None
        if options.journal is not None:
            store = await stack.enter_async_context(SQLiteStore(options.journal))
        file = result_file(options.result, [each.title for each in IMPORT.csv], bom=settings.bom)
        if options.dry_run:
            run = _Import(settings, group, options, people, stack.enter_context(file))
            await _preview(run, arena, store)
            return
        targets = await _confirmed_targets(settings, arena, group, people.rows, store)
        run = _Import(settings, group, options, people, stack.enter_context(file))
        await _send(run, arena, targets, store)


def _summary_view(options: ImportOptions) -> View[InviteSummaryRow]:
    return invite_summary(predict=options.predict, skip_invalid=options.skip_invalid)


def _read(settings: Settings, options: ImportOptions) -> Invitees:
    """Return the recipients; name the lines that are skipped."""
    if not options.skip_invalid:
        rows = read_invitees(options.file, options.column, encoding=options.encoding)
        return Invitees(rows)
    people = read_valid_invitees(options.file, options.column, encoding=options.encoding)
    for each in people.bad_lines[:MAX_DETAILS]:
        info(settings, f"skipped {each}")
    if len(people.bad_lines) > MAX_DETAILS:
        info(settings, f"skipped {len(people.bad_lines) - MAX_DETAILS} more lines")
    return people


async def _confirmed_targets(
    settings: Settings,
    arena: ArenaClient,
    group: str,
    rows: Sequence[CsvRow],
    store: Store | None,
) -> list[InviteTarget]:
    """Return whom to invite, after a confirmation if that may be many emails.

    Who is in the group, and who was invited in an earlier run, gets none, so they are looked up.
    """
    targets = [row.target for row in rows]
    if settings.yes or len(targets) <= MAX_EMAILS:
        return targets
    emails = 0
    with progress(settings) as shown:
        async with invite_many(arena, group, targets, store=store, dry_run=True) as run:
            async for result in run:
                shown.update(f"{READING}, {run.done} of {len(targets)}")
                emails += result.outcome is BulkOutcome.WOULD_INVITE
                if not result.failed:
                    targets[result.position] = result.target  # with the id that was looked up
    await confirm_emails(settings, arena, group, emails)
    return targets


async def _preview(run: _Import, arena: ArenaClient, store: Store | None) -> None:
    """Write what would happen to each recipient. Send nothing."""
    settings, options = run.settings, run.options
    targets = [row.target for row in run.people.rows]
    at_terminal = stdout_stream().isatty()
    is_json = settings.chosen_format(terminal=at_terminal) is Format.JSON
    results = None if is_json else Results(settings, IMPORT, None)
    rows: list[ImportRow] = []
    failures: list[Exception] = []

    def write(row: ImportRow) -> None:
        rows.append(row)
        if results is not None:
            results.write(row)

    with progress(settings, beside_results=not is_json) as shown:
        async with invite_many(
            arena, run.group, targets, store=store, dry_run=True, predict=options.predict
        ) as found:
            async for result in found:
                for row in run.rows(result):
                    write(row)
                failures += [] if result.error is None else [result.error]
                shown.update(f"{found.done} of {run.total}")
    for row in run.skipped_rows():
        write(row)
    if results is None:
        run.summary(rows)
    else:
        results.close()
    run.counts.write(settings)
    _raise_first(failures, run.total, "checked")


async def _send(
    run: _Import, arena: ArenaClient, targets: Sequence[InviteTarget], store: Store | None
) -> None:
    settings = run.settings
    failures: list[Exception] = []
    stop = reported_stop(settings, run.counts, run.total, RECIPIENTS, lambda: _how_to_go_on(run))
    with stop, _progress_bar(settings, run.total) as bar:

        def report_wait(seconds: float) -> None:
            line = run.people.rows[run.counts.done].line
            info(settings, claim_note(seconds, f" (line {line})"))
            bar.wait(Countdown(WAITS_FOR_CLAIM, monotonic() + seconds))

        waits = shown_quota_waits(arena.pacer.snapshot, lambda: run.counts.done, bar.wait)
        sending = invite_many(arena, run.group, targets, store=store, on_claim_wait=report_wait)
        async with waits, sending as found:
            async for result in found:
                row = run.rows(result)[-1]
                bar.update(run.counts)
                if result.error is not None:
                    failures.append(result.error)
                    info(settings, f"line {row.line}: {row.error}")
    run.skipped_rows()
    run.summary()
    run.counts.write(settings)
    _raise_first(failures, run.total, "sent")


def _raise_first(errors: Sequence[Exception], total: int, verb: str) -> None:
    """Raise the first error of a recipient, if there is one."""
    failures = [BatchFailure(each) for each in errors if isinstance(each, ArenaAPIError)]
    raise_first_failure(failures, total, INVITATIONS, verb)
    if errors:
        raise errors[0]


def _how_to_go_on(run: _Import) -> str:
    if run.settings.sandbox:
        return ""  # its people are gone
    rule = "nobody gets a second email" if run.options.journal else "who was invited is skipped"
    if run.options.file == STDIN or not Path(run.options.file).is_file():  # <(a pipe) is read once
        return f"run the same command with the same people to go on: {rule}"
    words = repeated_command(run.settings, run.group, run.options)
    line = subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)
    return f"to go on, run the same command again ({rule}): {line}"


def repeated_command(settings: Settings, group: str, options: ImportOptions) -> list[str]:
    """Return the words of the command line that continues an import. None of them is a secret."""
    words = ["arena-groups", "invitations", "send", group, "--from", options.file]
    has_password = "@" in (settings.base_url or "")
    values = {
        "--column": options.column,
        "--encoding": options.encoding,
        "--journal": options.journal,
        "--result": options.result and str(options.result),
        "--format": settings.format and settings.format.value,
        "--base-url": None if has_password else settings.base_url,
    }
    words += [word for name, value in values.items() if value for word in (name, value)]
    flags = {"--skip-invalid": options.skip_invalid, "--bom": settings.bom, "--yes": settings.yes}
    return words + [name for name, is_set in flags.items() if is_set]


def _check_paths(options: ImportOptions) -> None:
    """Raise an error if the result file would replace the recipients or the journal."""
    for option, path in (("--from", options.file), ("--journal", options.journal)):
        if options.result and path and is_same_file(options.result, path):
            raise CliError(
                "usage",
                f"--result and {option} are the same file, which would be overwritten",
                hint="name another file for --result",
            )


class _Description(ProgressColumn):
    """What the run does: a countdown while it waits."""

    def __init__(self) -> None:
        super().__init__()
        self.wait: Countdown | None = None

    def render(self, task: Task) -> Text:
        return Text(task.description if self.wait is None else str(self.wait))


class _ProgressBar:
    """Progress bar, or none if there is no console."""

    def __init__(self, shown: Progress | None, description: _Description, total: int) -> None:
        self._shown = shown
        self._description = description
        self._task = None if shown is None else shown.add_task(READING, total=total)

    def update(self, counts: OutcomeCounts) -> None:
        """Show the number of recipients that are done, and of those that were so before."""
        self._description.wait = None
        if self._shown is None or self._task is None:
            return
        earlier = counts.earlier.total()
        text = f"inviting ({earlier} in the journal)" if earlier else "inviting"
        self._shown.update(self._task, completed=counts.done, description=text)

    def wait(self, countdown: Countdown) -> None:
        """Count down until the next result."""
        self._description.wait = countdown


@contextmanager
def _progress_bar(settings: Settings, total: int) -> Generator[_ProgressBar, None, None]:
    console = progress_console(settings)
    description = _Description()
    if console is None:
        yield _ProgressBar(None, description, total)
        return
    columns = (description, BarColumn(BAR_WIDTH), TaskProgressColumn())
    with Progress(*columns, console=console, transient=True) as shown:
        yield _ProgressBar(shown, description, total)
