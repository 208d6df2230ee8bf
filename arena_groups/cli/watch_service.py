"""Run of ``arena-groups watch``: events printed, passed to a command and sent to endpoints."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import arena_groups
from arena_groups.cli import output
from arena_groups.cli.connect import TOKEN_VARIABLE, connected, opened_store
from arena_groups.cli.defaults import SECRET_VARIABLES
from arena_groups.cli.errors import CliError, in_options
from arena_groups.cli.options import Settings
from arena_groups.cli.watch_health import WatchState, serving_health

if TYPE_CHECKING:
    from arena_groups.webhooks import Backlog, Delivery, WebhookSender

# ruff: noqa: PLC0415 - keeps --help fast

WITHHELD = SECRET_VARIABLES - {TOKEN_VARIABLE}
"""Variables that a command of ``--exec`` does not get."""

EVENT_NOUN = ("event", "events")
GROUP_NOUN = ("group", "groups")
KILL_AFTER = 2.0  # seconds, for the command of an event
BACKLOG_EVERY = 2.0  # seconds between two reports about the deliveries


@dataclass(frozen=True, kw_only=True)
class WatchRun:
    """Choices of a run of the command."""

    groups: Sequence[str]
    all_groups: bool
    interval: float
    concurrency: int
    place: str | Path | None = field(repr=False)
    shared: bool
    name: str
    words: Sequence[str] | None
    replay: bool
    since: datetime | None
    feed: bool
    once: bool
    health_at: tuple[str, int] | None
    senders: Sequence[WebhookSender]
    deliver_for: float


class FailureReporter:
    """Reports failed polls: the first ones of a row, then fewer and fewer of the same."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._last: dict[str | int, str] = {}

    def __call__(self, failure: arena_groups.PollFailure) -> None:
        """Report a failure. Raise one that will not heal."""
        if isinstance(failure.error, arena_groups.PacerError):
            raise failure.error  # Redis has never shared the rate limit
        text, count = str(failure.error), failure.failures
        is_power_of_two = count & (count - 1) == 0
        if is_power_of_two or text != self._last.get(failure.group):
            row = f" ({count} in a row)" if count > 1 else ""
            seconds = max(1.0, failure.retry_in)
            output.info(
                self._settings, f"{failure.group}: {text}; next try in {seconds:.0f} s{row}"
            )
        self._last[failure.group] = text


class GroupsReporter:
    """Reports which groups are watched, at the start and after each change."""

    def __init__(self, settings: Settings, run: WatchRun) -> None:
        self.started = False
        self._settings = settings
        self._run = run

    def start(self, count: int) -> None:
        """Report the number of groups at the start."""
        self.started = True
        if not count:
            output.info(self._settings, "there is no group whose invitations you may manage")
        if not self._run.once:
            shown = output.counted(count, GROUP_NOUN)
            output.info(self._settings, f"watching {shown} every {self._run.interval:g} s")

    def __call__(self, change: arena_groups.GroupsChange) -> None:
        """Report a change of the groups."""
        if change.skipped:
            names = ", ".join(change.skipped)
            output.info(self._settings, f"skipped, no permission to manage invitations: {names}")
        if not self.started:
            self.start(change.watched)
            return
        if change.added:
            output.info(self._settings, f"now watching {', '.join(change.added)}")
        if change.removed:
            output.info(self._settings, f"no longer watching {', '.join(change.removed)}")


def backlog_notes(before: Sequence[Backlog], after: Sequence[Backlog]) -> list[str]:
    """Return what is new about endpoints, in words: a failure, its end, events given up."""
    notes = list[str]()
    for old, new in zip(before, after, strict=True):
        if new.failing_since is not None and new.last_failure != old.last_failure:
            waiting = output.counted(new.waiting, EVENT_NOUN)
            notes.append(f"{new.target}: {in_options(new.last_failure)}; {waiting} waiting")
        elif old.failing_since is not None and new.delivered > old.delivered and not new.waiting:
            notes.append(f"{new.target}: events are delivered again")
        if new.dead > old.dead:
            given_up = output.counted(new.dead - old.dead, EVENT_NOUN)
            notes.append(f"{new.target}: gave up {given_up}; see `arena-groups deliveries list`")
    return notes


async def watch_groups(settings: Settings, run: WatchRun) -> None:
    """Write the events of groups, or run a command for each, and send them to endpoints."""
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(opened_store(run.place))
        redis = run.place if run.shared and isinstance(run.place, str) else None
        arena = await stack.enter_async_context(connected(settings, redis=redis, notes_waits=False))
        groups = GroupsReporter(settings, run)
        watcher = arena_groups.watch(
            arena,
            *run.groups,
            all_groups=run.all_groups,
            interval=run.interval,
            concurrency=run.concurrency,
            store=store,
            name=run.name,
            replay=run.replay,
            since=run.since,
            feed=run.feed,
            once=run.once,
            shared=run.shared,
            on_failure=FailureReporter(settings),
            on_groups=groups,
        )
        await stack.enter_async_context(watcher)
        delivery = await stack.enter_async_context(_delivering(settings, run, store, watcher))
        dead = 0 if delivery is None else delivery.summary().dead
        handler = _EventHandler(settings, run, delivery)
        if run.health_at is not None:
            started = time.monotonic()

            def state() -> WatchState:
                late = 0.0 if groups.started else time.monotonic() - started - run.interval
                quota = arena.pacer.snapshot()
                return WatchState(
                    time=time.time(),
                    interval=run.interval,
                    groups=watcher.snapshot(),
                    events=handler.counts,
                    list_late_by=late,
                    backlog=() if delivery is None else delivery.backlog(),
                    limit=quota.limit,
                    used=quota.used,
                )

            url = await stack.enter_async_context(serving_health(*run.health_at, state))
            output.info(settings, f"health at {url}/health, metrics at {url}/metrics")
        if not run.all_groups:
            groups.start(len(run.groups))
        async for event in watcher:
            await handler(event)
        handler.close()
        if delivery is not None:
            await _drain(run, delivery, dead)


class _EventHandler:
    """Handles events: each is saved for the endpoints, and then written or passed to a command."""

    def __init__(self, settings: Settings, run: WatchRun, delivery: Delivery | None) -> None:
        self.counts = Counter[str]()
        self._delivery = delivery
        self._words = run.words
        self._results = (
            output.Results(settings, output.EVENTS, EVENT_NOUN) if run.words is None else None
        )

    async def __call__(self, event: arena_groups.WatchEvent) -> None:
        if self._delivery is not None:
            await self._delivery.enqueue(event)
        if self._results is not None:
            self._results.write(event)
        elif self._words is not None:
            await run_command(self._words, event)
        self.counts[event.kind] += 1

    def close(self) -> None:
        """Write the end of the output."""
        if self._results is not None:
            self._results.close()


@asynccontextmanager
async def _delivering(
    settings: Settings,
    run: WatchRun,
    store: arena_groups.Store,
    watcher: arena_groups.Watcher,
) -> AsyncGenerator[Delivery | None, None]:
    """Deliver to the endpoints while the block runs, and report failures. ``None`` without any."""
    if not run.senders:
        yield None
        return
    from arena_groups.watching.delivering import closing_on_failure
    from arena_groups.webhooks import Delivery

    async with (
        Delivery(run.senders, store=store, name=run.name, shared=run.shared) as delivery,
        closing_on_failure(delivery, watcher.aclose),
    ):
        reporter = BacklogReporter(settings, delivery)
        repeated = asyncio.ensure_future(reporter.run())
        try:
            yield delivery
        finally:
            repeated.cancel()
            await asyncio.wait([repeated])
            reporter.report()


class BacklogReporter:
    """Reports what is new about endpoints, every few seconds and at the end."""

    def __init__(self, settings: Settings, delivery: Delivery) -> None:
        self._settings = settings
        self._delivery = delivery
        self._before = delivery.backlog()

    async def run(self) -> None:
        """Report until this is cancelled."""
        while True:
            await asyncio.sleep(BACKLOG_EVERY)
            self.report()

    def report(self) -> None:
        """Report what is new since the last time."""
        before, self._before = self._before, self._delivery.backlog()
        for note in backlog_notes(before, self._before):
            output.info(self._settings, note)


async def _drain(run: WatchRun, delivery: Delivery, dead: int) -> None:
    """Deliver what is left, for some time. Raise an error if events are left then, or given up.

    ``dead`` is the number of events that were given up before this run.
    """
    summary = await delivery.drain(run.deliver_for)
    if summary.waiting:
        waiting = [each for each in delivery.backlog() if each.waiting]
        targets = ", ".join(sorted({each.target for each in waiting}))
        reasons = ", ".join(sorted({each.last_failure for each in waiting if each.last_failure}))
        left = output.counted(summary.waiting, EVENT_NOUN)
        hint = "the next run tries again" if run.place else "use --store to try again next time"
        raise CliError(
            "delivery",
            f"{left} not delivered to {targets} in {run.deliver_for:g} s"
            + (f": {in_options(reasons)}" if reasons else ""),
            hint=hint,
        )
    if summary.dead > dead:
        given_up = output.counted(summary.dead - dead, EVENT_NOUN)
        hint = "send them again with `arena-groups deliveries retry`" if run.place else ""
        raise CliError("delivery", f"{given_up} given up: not accepted for too long", hint=hint)


async def run_command(words: Sequence[str], event: arena_groups.WatchEvent) -> None:
    """Run a command with an event on its standard input. Raise ``CliError`` if it fails."""
    text = output.json_text(arena_groups.to_dict(event)) + "\n"
    kept = {name: value for name, value in os.environ.items() if name not in WITHHELD}
    process = await asyncio.create_subprocess_exec(
        *words,
        stdin=asyncio.subprocess.PIPE,
        env={
            **kept,
            "ARENA_EVENT": event.kind,
            "ARENA_EVENT_KEY": event.key,
            "ARENA_GROUP": _as_environment(event.group.slug),
            "ARENA_GROUP_ID": str(event.group.id),
        },
    )
    try:
        # JSON can hold half of a surrogate pair, which UTF-8 cannot, as an escape.
        await process.communicate(text.encode("utf-8", "backslashreplace"))
    finally:
        if process.returncode is None:
            await _end_process(process)
    if process.returncode != 0:
        raise CliError(
            "command",
            f"{words[0]} failed with exit code {process.returncode} for {event.key}",
            hint="with --store, the next start delivers the event again",
        )


async def _end_process(process: asyncio.subprocess.Process) -> None:
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), KILL_AFTER)
    except TimeoutError:
        process.kill()
        await process.wait()


def _as_environment(text: str) -> str:
    """Return a text without the characters that no variable can hold."""
    encoding = sys.getfilesystemencoding()
    return text.replace("\0", "\ufffd").encode(encoding, "replace").decode(encoding)
