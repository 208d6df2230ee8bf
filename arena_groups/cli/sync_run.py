"""Runs of ``arena-groups sync``: plan, show, ask, apply."""

import re
import secrets
import sys
from asyncio import CancelledError
from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final, Literal, TextIO

import click
from attrs import asdict, evolve, field, frozen
from yarl import URL

from arena_groups import (
    ArenaAPIError,
    ArenaClient,
    ArenaError,
    DriftError,
    InviteTarget,
    PacerSnapshot,
    RetryPolicy,
    Store,
    SyncError,
    SyncPlan,
    plan_sync,
)
from arena_groups._api import Secret
from arena_groups._types import hidden
from arena_groups.cli import output
from arena_groups.cli.batch import BatchFailure, raise_first_failure
from arena_groups.cli.connect import base_url_of, connected, opened_store
from arena_groups.cli.errors import CliError, ExitCode
from arena_groups.cli.options import Format, Settings
from arena_groups.cli.output.writers import csv_cell
from arena_groups.cli.plan_file import check_plan_path, read_plans, write_plans
from arena_groups.cli.result_file import ResultFile, result_file
from arena_groups.cli.run_progress import (
    WAITS_FOR_CLAIM,
    OutcomeCounts,
    RunProgress,
    claim_note,
    shown_quota_waits,
)
from arena_groups.cli.sync_file import NOTHING_CHANGED, ListedPerson
from arena_groups.cli.sync_view import (
    PLAN,
    RESULTS,
    RowFactory,
    describe_cost,
    markdown,
    slugs_in,
    write_tables,
)
from arena_groups.reconcile import ActionKind, DesiredPerson, SyncReason, link
from arena_groups.reconcile.sync_key import data_folder

ACTIONS: Final = ("action", "actions")
RESUMES: Final = "the same command resumes, and nobody gets a second email"
MAX_CHANGES: Final = 10  # shown one by one
KEY_LENGTH: Final = 32  # bytes
_NAMES: Final = {"desired": "the list", "keep": "--keep", "reinvite": "--reinvite"}
_POSITIONS: Final = re.compile(r"\bpositions? (\d+(?:, \d+)*)")


@frozen(kw_only=True)
class SyncOptions:
    """Options of a sync.

    Attributes:
        store: The store; ``None`` for that of the user's data folder.
        keep: People who are never removed and whose invitations are never revoked.
        reinvite: People who are invited again, or ``"all"``.
        max_removals: The largest number of removals, or their largest fraction.
        add_only: Remove and revoke nobody.
        remove_only: Invite nobody.
        on_drift: What to do about actions of a saved plan that do not fit any more.
        dry_run: Change nothing.
        exit_code: End with code 9 if there is something to do.
        result: Path of the result file, if one is wanted.
        plan: Path of the plan file, if one is wanted.
        markdown: Path of the Markdown file, if one is wanted.
        mask: Show masked addresses.
    """

    store: str | Path | None = field(default=None, repr=hidden)
    keep: tuple[InviteTarget, ...] = ()
    reinvite: tuple[InviteTarget, ...] | Literal["all"] = ()
    max_removals: float = 0.25
    add_only: bool = False
    remove_only: bool = False
    on_drift: Literal["refuse", "skip"] = "refuse"
    dry_run: bool = False
    exit_code: bool = False
    result: Path | None = None
    plan: Path | None = None
    markdown: Path | None = None
    mask: bool = False


@frozen
class _Part:
    """The plan of one group, and the maker of its rows."""

    plan: SyncPlan
    rows: RowFactory

    @property
    def is_saved(self) -> bool:
        """Whether the plan was saved by an earlier command. Then the lines are not known."""
        return not self.rows.lines

    @property
    def clearable(self) -> int:
        """Number of held actions that may be carried out.

        After a plan was saved, a link may have been recorded.
        """
        held = [each for each in self.plan.actions if each.kind is ActionKind.HELD]
        asked = [each for each in held if each.reason is SyncReason.WAITS_FOR_INVITATIONS]
        return len(held if self.is_saved else asked)


def _part(plan: SyncPlan, options: SyncOptions, lines: Sequence[int] = ()) -> _Part:
    rows = RowFactory(
        group=plan.group.slug, lines=lines, slugs=slugs_in(plan.actions), mask=options.mask
    )
    return _Part(plan, rows)


@frozen
class _Session:
    """What a run needs to plan and to apply."""

    arena: ArenaClient
    store: Store
    key: bytes | None = field(repr=False)


async def sync_lists(
    settings: Settings, lists: Mapping[str, Sequence[ListedPerson]], options: SyncOptions
) -> None:
    """Bring each group in step with its list, after a confirmation.

    All plans are made before the first one is applied.
    """
    if options.plan is not None:
        check_plan_path(options.plan)
    if not options.dry_run:
        output.require_confirmation(settings)
    async with _session(settings, options.store) as session:
        parts: list[_Part] = []
        with output.progress(settings) as shown:
            for group, people in lists.items():
                shown.update(f"reading {group}")
                with output.naming_group(settings, group, lists):
                    plan = await _plan(session, group, people, options)
                lines = [person.line for person in people]
                parts.append(_part(plan, options, lines))
        _check_groups(lists, parts)
        await _show_and_apply(settings, session, parts, options)


def _check_groups(names: Iterable[str], parts: Sequence[_Part]) -> None:
    """Raise an error if two names in a list are of one group: each list would be half of it."""
    seen: dict[int, str] = {}
    for name, part in zip(names, parts, strict=True):
        other = seen.setdefault(part.plan.group.id, name)
        if other != name:
            problem = f"{other} and {name} are the same group: name it in one way"
            raise CliError("validation", problem, ExitCode.VALIDATION, NOTHING_CHANGED)


async def sync_saved(settings: Settings, path: Path, options: SyncOptions) -> None:
    """Apply the plans in a file, after a confirmation."""
    output.require_confirmation(settings)
    plans = read_plans(path, lambda text: output.notify(settings, text))
    parts = [_part(plan, options) for plan in plans]
    async with _session(settings, options.store) as session:
        await _show_and_apply(settings, session, parts, options)


async def link_address(
    settings: Settings, email: Secret, user: str, store: str | Path | None
) -> None:
    """Record that an address belongs to a user, and write the link."""
    async with _session(settings, store) as session:
        number = await link(
            email.reveal(), user, store=session.store, arena=session.arena, key=session.key
        )
    row = output.ActionRow(outcome="linked", type="User", id=number, target=email.reveal())
    output.write_one(settings, output.ACTIONS, row)


@asynccontextmanager
async def _session(settings: Settings, place: str | Path | None) -> AsyncGenerator[_Session, None]:
    """Yield a client and the store.

    A private sandbox ends with the command, and so do its store and its key.
    """
    async with AsyncExitStack() as stack:
        arena = await stack.enter_async_context(connected(settings, retry=RetryPolicy()))
        if place is None and not settings.sandbox:
            with output.progress(settings):
                place = default_store(base_url_of(settings), (await arena.me()).id)
        store = await stack.enter_async_context(opened_store(place))
        key = secrets.token_bytes(KEY_LENGTH) if settings.sandbox else None
        yield _Session(arena, store, key)


def default_store(base_url: str, user_id: int) -> Path:
    """Return the file of the store for a server and an account, in a folder that exists."""
    url = URL(base_url)
    host = url.host_subcomponent or "localhost"
    port = f"-{url.explicit_port}" if url.explicit_port else ""
    folder = data_folder() / "sync"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder / f"{host.replace(':', '_')}{port}-{user_id}.sqlite"


async def _plan(
    session: _Session, group: str, people: Sequence[ListedPerson], options: SyncOptions
) -> SyncPlan:
    try:
        return await plan_sync(
            session.arena,
            group,
            [DesiredPerson(email=each.email, user=each.user, note=each.note) for each in people],
            store=session.store,
            key=session.key,
            add_only=options.add_only,
            remove_only=options.remove_only,
            max_removals=options.max_removals,
            keep=options.keep,
            reinvite=options.reinvite,
        )
    except ValueError as error:
        problem = with_lines(str(error), [person.line for person in people])
    raise CliError("validation", problem, ExitCode.VALIDATION, NOTHING_CHANGED)


def with_lines(message: str, lines: Sequence[int]) -> str:
    """Return an error of a plan with the lines of the list, and the numbers of options.

    It has the positions of inputs, from 0.
    """
    name, _, rest = message.partition(" ")
    if name not in _NAMES:
        return message
    is_list = name == "desired"

    def numbered(found: re.Match[str]) -> str:
        positions = [int(each) for each in found[1].split(", ")]
        numbers = [lines[each] if is_list else each + 1 for each in positions]
        noun = ("line" if is_list else "number") + ("s" if len(numbers) > 1 else "")
        return f"{noun} {', '.join(map(str, numbers))}"

    return f"{_NAMES[name]} {_POSITIONS.sub(numbered, rest)}"


async def _show_and_apply(
    settings: Settings, session: _Session, parts: Sequence[_Part], options: SyncOptions
) -> None:
    quota = session.arena.pacer.snapshot()
    if options.markdown is not None:
        text = "\n".join(_as_markdown(part, quota) for part in parts)
        options.markdown.write_text(text, "utf-8", errors="backslashreplace")
    if options.plan is not None:
        write_plans(options.plan, [part.plan for part in parts])
    if options.dry_run:
        _write_to_stdout(settings, parts, quota)
        _end_dry_run(settings, parts, options)
        return
    limits = [_limit_error(part) for part in parts if part.plan.over_limit]
    if limits:
        raise limits[0]
    _show(settings, parts, quota)
    busy = [part for part in parts if _is_busy(part)]
    if busy:
        output.confirm(settings, _question(busy), ())
    titles = [column.title for column in RESULTS.csv]
    with result_file(options.result, titles, bom=settings.bom) as file:
        await _apply(settings, session, busy, options, file)


def _end_dry_run(settings: Settings, parts: Sequence[_Part], options: SyncOptions) -> None:
    for part in parts:
        if part.plan.over_limit:
            output.notify(settings, _limit_text(part))
    if options.plan is not None:
        output.notify(settings, f"{options.plan} holds addresses, and only you can read it")
    if options.exit_code and any(part.plan.has_drift for part in parts):
        raise click.exceptions.Exit(ExitCode.DRIFT)


def _write_to_stdout(settings: Settings, parts: Sequence[_Part], quota: PacerSnapshot) -> None:
    """Write the plans in the chosen format: tables, or one row for each action."""
    stream = output.stdout_stream()
    if settings.chosen_format(terminal=stream.isatty()) is Format.TABLE:
        for part in parts:
            _write_tables(stream, part, quota)
        return
    rows = (part.rows.plan_row(action) for part in parts for action in part.plan.actions)
    output.write_each(settings, PLAN, rows, ACTIONS)


def _show(settings: Settings, parts: Sequence[_Part], quota: PacerSnapshot) -> None:
    """Show what is about to be done: tables at a terminal, else a line for each group."""
    for part in parts:
        if output.is_terminal(sys.stderr):
            _write_tables(sys.stderr, part, quota)
        else:
            output.info(settings, _summary(part, quota))


def _write_tables(stream: TextIO, part: _Part, quota: PacerSnapshot) -> None:
    write_tables(stream, map(part.rows.plan_row, part.plan.actions))
    stream.write(f"{_summary(part, quota)}\n")


def _summary(part: _Part, quota: PacerSnapshot) -> str:
    cost = f" ({describe_cost(part.plan.requests, quota)})" if _is_busy(part) else ""
    return f"{part.plan.group.slug}: {part.plan.summary}{cost}"


def _as_markdown(part: _Part, quota: PacerSnapshot) -> str:
    rows = evolve(part.rows, mask=True)
    return markdown(
        _summary(part, quota),
        map(rows.plan_row, part.plan.actions),
        warning=_limit_text(part) if part.plan.over_limit else "",
    )


def _is_busy(part: _Part) -> bool:
    """Return whether there is something to carry out."""
    summary = part.plan.summary
    return bool(summary.invite or summary.revoke or summary.remove or part.clearable)


def _question(parts: Sequence[_Part]) -> str:
    total = sum((Counter(asdict(part.plan.summary)) for part in parts), Counter[str]())
    changes = [f"{verb} {total[verb]}" for verb in ("invite", "revoke", "remove") if total[verb]]
    if held := sum(part.clearable for part in parts):
        changes.append(f"{'then ' if changes else ''}remove or revoke up to {held} who are held")
    group = parts[0].plan.group.slug
    where = f"in {group}" if len(parts) == 1 else f"in {len(parts)} groups"
    text = ", ".join(changes)
    return f"{text[0].upper()}{text[1:]} {where}?"


def _limit_error(part: _Part) -> CliError:
    reasons = {action.reason for action in part.plan.actions}
    is_saved = not part.rows.lines  # such a plan keeps its limit
    raise_limit = "make a new plan with a higher" if is_saved else "raise"
    ways = [f"{raise_limit} --max-removals, such as 50% or 20"]
    if SyncReason.WAITS_FOR_LINK in reasons:
        ways.insert(0, "say with sync link whose the addresses are")
    if SyncReason.WAITS_FOR_INVITATIONS in reasons:
        ways.insert(0, "run it with --add-only first, which shows which members are in the list")
    hint = f"nothing was changed; if the list is right, {', or '.join(ways)}"
    return CliError("removal_limit", _limit_text(part), hint=hint)


def _limit_text(part: _Part) -> str:
    plan = part.plan
    return (
        f"{plan.group.slug}: {plan.planned_removals} removals and revocations are over the limit"
        f" of {plan.removal_limit} (--max-removals)"
    )


def _drift_error(settings: Settings, error: DriftError, *, saved: bool) -> CliError:
    """Return the error of a plan that does not fit any more, and report what has changed."""
    for change in error.changes[:MAX_CHANGES]:
        output.info(settings, change)
    count = output.counted(len(error.changes), ("action does", "actions do"))
    return CliError(
        "drift",
        f"the group has changed since the plan was made: {count} not fit any more",
        hint="make a new plan, or do the rest with --on-drift skip"
        if saved
        else "run the same command again",
    )


async def _apply(
    settings: Settings,
    session: _Session,
    parts: Sequence[_Part],
    options: SyncOptions,
    file: ResultFile,
) -> None:
    """Apply plans one after the other, and write each result as soon as it is known."""
    results = output.Results(settings, RESULTS, None)
    counts = OutcomeCounts()
    failures: list[Exception] = []
    try:
        with RunProgress(settings) as shown:

            def report_wait(seconds: float) -> None:
                shown.wait(seconds, claim_note(seconds), WAITS_FOR_CLAIM)

            for part in parts:
                run = part.plan.apply(
                    session.arena,
                    store=session.store,
                    key=session.key,
                    on_drift=options.on_drift,
                    on_claim_wait=report_wait,
                )
                waits = shown_quota_waits(
                    session.arena.pacer.snapshot, lambda: counts.done, shown.count_down
                )
                async with waits, run:
                    async for result in run:
                        row = part.rows.result_row(result)
                        file.write([csv_cell(column.cell(row)) for column in RESULTS.csv])
                        shown.before_result()
                        results.write(row)
                        counts.add(result.outcome.value)
                        failures += [result.error] if result.error is not None else []
                        shown.update(f"{row.group}: {run.done} of {run.total}")
    except DriftError as error:
        raise _drift_error(settings, error, saved=parts[0].is_saved) from None
    except SyncError:
        raise  # the same command would be refused again
    except (CancelledError, ArenaError):
        done = f" ({counts})" if counts.done else ""
        output.notify(
            settings, f"stopped after {output.counted(counts.done, ACTIONS)}: {RESUMES}{done}"
        )
        raise
    results.close()
    output.info(settings, str(counts) or "nothing to do")
    raise_first_failure(
        [BatchFailure(each) for each in failures if isinstance(each, ArenaAPIError)],
        results.count,
        ACTIONS,
        "carried out",
    )
    if failures:
        raise failures[0]
