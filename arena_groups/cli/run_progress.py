"""Progress of runs that act on many people: waits with a countdown, and what was done."""

import sys
import time
from asyncio import CancelledError, create_task, sleep, wait
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from math import ceil
from types import TracebackType
from typing import Self

from attrs import field, frozen
from rich.status import Status
from rich.text import Text

from arena_groups import ArenaError, BulkOutcome, PacerSnapshot
from arena_groups.cli.options import Settings
from arena_groups.cli.output.messages import info, is_terminal, notify, write_stderr
from arena_groups.cli.output.results import Noun, counted, progress_console

WRITE_SPACING = 0.2  # seconds between two writes of a client
WAITS_FOR_CLAIM = "waiting for the outcome of an earlier run"
WAITS_FOR_QUOTA = "waiting for the quota"


@frozen
class Countdown:
    """A text with the seconds that are left, each time it is shown."""

    text: str
    until: float
    now: Callable[[], float] = time.monotonic

    def __str__(self) -> str:
        # Rounded up: a wait of 0 s would look like none.
        return f"{self.text}, {max(0, ceil(self.until - self.now()))} s"

    def __rich__(self) -> Text:
        return Text(str(self))


class RunProgress:
    """Progress of a run that writes its results one by one.

    Results at the same terminal are the progress: there it appears only while the run waits.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._console = progress_console(settings)
        self._beside_results = is_terminal(sys.stdout)
        self._status: Status | None = None

    def __enter__(self) -> Self:
        if not self._beside_results:
            self._show("waiting for Are.na")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._hide()

    def before_result(self) -> None:
        """Make room for a result."""
        if self._beside_results:
            self._hide()

    def update(self, text: str) -> None:
        """Show how far the run is."""
        if not self._beside_results:
            self._show(text)

    def wait(self, seconds: float, note: str, text: str) -> None:
        """Write a note about a wait, and count the seconds down at a terminal."""
        info(self._settings, note)
        self._show(Countdown(text, time.monotonic() + seconds))

    def count_down(self, countdown: Countdown) -> None:
        """Count seconds down at a terminal."""
        self._show(countdown)

    def _show(self, what: str | Countdown) -> None:
        if self._console is None:
            return
        if self._status is None:
            self._status = self._console.status(what)
            self._status.start()
        else:
            self._status.update(what)

    def _hide(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None


@asynccontextmanager
async def shown_quota_waits(
    snapshot: Callable[[], PacerSnapshot],
    done: Callable[[], int],
    show: Callable[[Countdown], None],
    *,
    interval: float = 1.0,
) -> AsyncGenerator[None, None]:
    """Show a countdown whenever the run in the block waits for the next window of the quota.

    Args:
        snapshot: Returns the state of the client's pacer.
        done: Returns the number of results so far.
        show: Shows the countdown until the next result.
        interval: Seconds between two checks.
    """

    async def watch() -> None:
        before = -1
        while True:
            await sleep(interval)
            now = done()
            # A write also waits for its distance from the one before, but not that long.
            if now == before and (seconds := quota_wait(snapshot())):
                show(Countdown(WAITS_FOR_QUOTA, time.monotonic() + seconds))
            before = now

    task = create_task(watch())
    try:
        yield
    finally:
        task.cancel()
        await wait([task])


def quota_wait(quota: PacerSnapshot) -> float:
    """Return the seconds until the quota permits the request that waits; 0 if none waits."""
    if not quota.waiting or quota.in_flight:
        return 0.0
    return max(quota.blocked_for, quota.resets_in or 0.0)


def claim_note(seconds: float, where: str = "") -> str:
    """Return a note about the wait for the outcome of what an earlier run began."""
    return (
        f"waiting up to {ceil(seconds)} s for the outcome of an invitation that an earlier run"
        f" began{where}"
    )


@frozen
class OutcomeCounts:
    """The results of a run so far, by outcome, without those of earlier runs.

    Attributes:
        counts: The number of results by outcome.
        earlier: The number of results that an earlier run has recorded, by outcome.
        skipped: The number of lines that name nobody, and have no result.
    """

    counts: Counter[str] = field(factory=Counter[str])
    earlier: Counter[str] = field(factory=Counter[str])
    skipped: int = 0

    def add(self, outcome: str, *, from_journal: bool = False) -> None:
        """Count a result."""
        (self.earlier if from_journal else self.counts)[outcome] += 1

    @property
    def done(self) -> int:
        """The number of results."""
        return self.counts.total() + self.earlier.total()

    def write(self, settings: Settings) -> None:
        """Write the number of each outcome to standard error, if that is a terminal."""
        if self.done and is_terminal(sys.stderr) and not settings.quiet:
            write_stderr(str(self))

    def __str__(self) -> str:
        known = [each.value for each in BulkOutcome if each in self.counts]
        outcomes = dict.fromkeys([*known, *self.counts])
        parts = [f"{self.counts[each]} {each.replace('_', ' ')}" for each in outcomes]
        if earlier := self.earlier.total():
            parts.append(f"{earlier} already done in an earlier run")
        parts += [f"{self.skipped} skipped"] if self.skipped else []
        return ", ".join(parts)


@contextmanager
def reported_stop(
    settings: Settings, counts: OutcomeCounts, total: int, noun: Noun, go_on: Callable[[], str]
) -> Generator[None, None, None]:
    """Say what was done, and how to go on, if the block ends early.

    It may end by Ctrl-C, an error of the API, a full disk, or a pipe whose reader has gone.
    """
    try:
        yield
    except (CancelledError, ArenaError, OSError) as error:
        left = total - counts.done
        has_effect = counts.done > counts.counts["failed"]  # otherwise the error says it all
        if left and (has_effect or isinstance(error, CancelledError)):
            done = str(counts) or "nothing was done"
            notify(settings, f"stopped: {counted(left, noun)} not processed ({done})")
            if text := go_on():
                notify(settings, text)
        raise


def describe_duration(writes: int, quota: PacerSnapshot) -> str:
    """Return the time that writes take at a quota, in words; empty if it is not known."""
    if not quota.limit:
        return ""
    seconds = max(1, ceil(writes * max(WRITE_SPACING, quota.window / quota.limit)))
    amount, noun = (seconds, "second") if seconds < 60 else (ceil(seconds / 60), "minute")
    rate = f"{quota.limit} requests in {quota.window:.0f} s"
    return f"about {counted(amount, (noun, noun + 's'))} at the quota of {rate}"
