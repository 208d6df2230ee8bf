"""What ``arena-groups watch`` does."""

import asyncio
import json
import os
import shlex
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import click

from arena_groups import MemoryStore, PollFailure, SQLiteStore, Store, WatchEvent, to_dict, watch
from arena_groups.cli.connect import connected
from arena_groups.cli.notes import note
from arena_groups.cli.problem import Problem, ProblemError
from arena_groups.cli.results import Results
from arena_groups.cli.settings import Settings
from arena_groups.cli.views import EVENTS

EVENT_NOUN = ("event", "events")


async def watch_groups(
    settings: Settings,
    groups: Sequence[str],
    *,
    interval: float,
    path: Path | None,
    name: str,
    words: Sequence[str] | None,
    replay: bool,
    once: bool,
) -> None:
    """Write what happens in groups, or run a command for each event."""

    def tell(failure: PollFailure) -> None:
        note(settings, f"{failure.group}: {failure.error}; again in {failure.retry_in:.0f} s")

    async with connected(settings) as arena, _opened(path) as store:
        watcher = watch(
            arena,
            *groups,
            interval=interval,
            store=store,
            name=name,
            replay=replay,
            once=once,
            on_failure=tell,
        )
        results = None if words is not None else Results(settings, EVENTS, EVENT_NOUN)
        async with watcher:
            async for event in watcher:
                if results is not None:
                    results.write(event)
                elif words is not None:
                    await _run(words, event)
        if results is not None:
            results.close()


def parsed(line: str) -> list[str]:
    """Return the words of a command line. Raises ``UsageError`` where it is none."""
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise click.UsageError(f"--exec: {error}") from None
    if not words:
        raise click.UsageError("--exec needs a command")
    return words


@asynccontextmanager
async def _opened(path: Path | None) -> AsyncGenerator[Store, None]:
    if path is None:
        yield MemoryStore()
        return
    async with SQLiteStore(path) as store:
        yield store


async def _run(words: Sequence[str], event: WatchEvent) -> None:
    text = json.dumps(to_dict(event), ensure_ascii=False) + "\n"
    process = await asyncio.create_subprocess_exec(
        *words,
        stdin=asyncio.subprocess.PIPE,
        env={
            **os.environ,
            "ARENA_EVENT": event.kind,
            "ARENA_EVENT_KEY": event.key,
            "ARENA_GROUP": event.group.slug,
            "ARENA_GROUP_ID": str(event.group.id),
        },
    )
    try:
        await process.communicate(text.encode())
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    if process.returncode != 0:
        raise ProblemError(
            Problem(
                "command",
                f"{words[0]} failed with exit code {process.returncode} for {event.key}",
                hint="with --store the event comes again at the next start",
            )
        )
