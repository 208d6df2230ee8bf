"""Requests of a command: the summary that ends ``--verbose``, and notes about waits."""

from __future__ import annotations

from asyncio import create_task, sleep, wait
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from math import ceil
from time import monotonic
from typing import TYPE_CHECKING

from attrs import Factory, define

from arena_groups.cli.output.messages import info, write_facts

if TYPE_CHECKING:
    from arena_groups import ArenaClient, PacerSnapshot, RequestEvent
    from arena_groups.cli.options import Settings


SHORTEST_WAIT = 3.0  # seconds; nobody wonders about a shorter one


@define
class RequestSummary:
    """Counts of requests: all of them, those that the cache answered, and those sent again."""

    requests: int = 0
    from_cache: int = 0
    retried: int = 0
    started: float = Factory(monotonic)

    def record(self, event: RequestEvent) -> None:
        """Count one attempt at a request."""
        self.requests += 1
        self.from_cache += event.from_cache
        self.retried += event.attempt > 1

    def facts(self, quota: PacerSnapshot, seconds: float) -> dict[str, object]:
        """Return the summary for JSON."""
        return {
            "requests": self.requests,
            "from_cache": self.from_cache,
            "retried": self.retried,
            "seconds": round(seconds, 1),
            "quota_limit": quota.limit,
            "quota_left": _left(quota),
            "quota_resets_in": None if quota.resets_in is None else round(quota.resets_in, 1),
        }

    def text(self, quota: PacerSnapshot, seconds: float) -> str:
        """Return the summary as one line."""
        parts = [(self.from_cache, "from the cache"), (self.retried, "retried")]
        details = ", ".join(f"{count} {words}" for count, words in parts if count)
        line = f"{self.requests} request{'s' * (self.requests != 1)}"
        line += f" ({details})" * bool(details) + f" in {seconds:.1f} s"
        if quota.limit is not None:
            line += f"; quota: {_left(quota)} of {quota.limit} left"
            if quota.resets_in is not None:
                line += f", window ends in {quota.resets_in:.0f} s"
        return line

    @contextmanager
    def written_for(self, settings: Settings, arena: ArenaClient) -> Generator[None, None, None]:
        """Write the summary after a block, however it ends, if ``--verbose`` was given."""
        try:
            yield
        finally:
            if settings.verbose and self.requests:
                quota, seconds = arena.pacer.snapshot(), monotonic() - self.started
                facts, text = self.facts(quota, seconds), self.text(quota, seconds)
                write_facts(settings, "summary", facts, f"arena-groups: {text}")


def _left(quota: PacerSnapshot) -> int | None:
    return None if quota.limit is None else max(0, quota.limit - quota.used)


@asynccontextmanager
async def noted_quota_waits(
    settings: Settings, snapshot: Callable[[], PacerSnapshot], *, interval: float = 1.0
) -> AsyncGenerator[None, None]:
    """Write a note whenever the requests in the block wait for the next window of the quota.

    Args:
        settings: Settings of the command. A running pager has the terminal, and gets no notes.
        snapshot: Returns the state of the client's pacer.
        interval: Seconds between two checks.
    """

    async def watch() -> None:
        noted_until, waited = 0.0, False
        while True:
            await sleep(interval)
            seconds = _quota_wait(snapshot())
            until = monotonic() + seconds
            is_new = until > noted_until + SHORTEST_WAIT
            # Seen twice, as a request may be about to be sent.
            if waited and is_new and seconds >= SHORTEST_WAIT and settings.pager is None:
                info(settings, f"waiting {ceil(seconds)} s for the quota")
                noted_until = until
            waited = seconds > 0

    task = create_task(watch())
    try:
        yield
    finally:
        task.cancel()
        await wait([task])


def _quota_wait(quota: PacerSnapshot) -> float:
    """Return the seconds until a request can be sent; 0 if none waits."""
    if quota.in_flight or not (quota.waiting or quota.blocked_for):
        return 0.0
    return max(quota.blocked_for, quota.resets_in or 0.0) if _is_used_up(quota) else 0.0


def _is_used_up(quota: PacerSnapshot) -> bool:
    """Return whether a request may have to wait for the next window of the quota.

    If not, one that waits is a write, which keeps a distance from the one before.
    """
    from arena_groups._pacing.window import reserve_of  # noqa: PLC0415 - keeps --help fast

    left = _left(quota)
    return bool(quota.blocked_for) or left is None or left <= reserve_of(quota.limit or 1)
