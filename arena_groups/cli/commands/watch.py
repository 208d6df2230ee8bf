"""``arena-groups watch``."""

from __future__ import annotations

import os
import shlex
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import click

import arena_groups
from arena_groups.cli import output
from arena_groups.cli.connect import connected
from arena_groups.cli.errors import Problem, ProblemError
from arena_groups.cli.main import Command, example, wait_for
from arena_groups.cli.options import Format, Settings, common_options

# ruff: noqa: PLC0415 - help loads nothing that takes time

INTERVAL = 60.0
EVENT_NOUN = ("event", "events")


@example("From cron: what has happened since the last time", "watch GROUP --once --store FILE")
@example(
    "A command for every event, none forgotten over a restart",
    'watch GROUP --store FILE --exec "python welcome.py"',
)
@example("For a program, one line of JSON for every event", "watch GROUP --ndjson")
@example("Who comes and goes?", "watch GROUP")
@click.command("watch", cls=Command)
@click.argument("groups", metavar="GROUP...", nargs=-1, required=True)
@click.option(
    "--interval",
    type=float,
    default=INTERVAL,
    metavar="SECONDS",
    help="How often to look. [default: 60]",
)
@click.option(
    "--store",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where to remember what was told. Go on from there next time.",
)
@click.option("--name", default="default", metavar="NAME", help="For several watches in one FILE.")
@click.option(
    "--exec",
    "line",
    metavar="COMMAND",
    help="Run a command for each event, with its JSON on standard input, and write nothing.",
)
@click.option("--replay", is_flag=True, help="First tell all that is there already.")
@click.option("--once", is_flag=True, help="End after one look.")
@click.option("--ndjson", is_flag=True, help="The same as --format ndjson.")
@common_options
@click.pass_obj
def command(
    settings: Settings,
    *,
    groups: tuple[str, ...],
    interval: float,
    store: Path | None,
    name: str,
    line: str | None,
    replay: bool,
    once: bool,
    ndjson: bool,
) -> None:
    """Tell what happens in groups, as it happens, until Ctrl-C.

    Each GROUP is a slug or an id; an id outlasts a new name. The first look tells nothing. The
    command of --exec is run without a shell, with ARENA_EVENT, ARENA_EVENT_KEY, ARENA_GROUP and
    ARENA_GROUP_ID set. If it fails, the watch ends, and with --store the event comes again.
    """
    if ndjson:
        settings.format = Format.NDJSON
    work = watch_groups(
        settings,
        groups,
        interval=interval,
        path=store,
        name=name,
        words=None if line is None else parsed(line),
        replay=replay,
        once=once,
    )
    wait_for(settings, work)


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

    def tell(failure: arena_groups.PollFailure) -> None:
        output.note(
            settings, f"{failure.group}: {failure.error}; again in {failure.retry_in:.0f} s"
        )

    async with connected(settings) as arena, _opened(path) as store:
        watcher = arena_groups.watch(
            arena,
            *groups,
            interval=interval,
            store=store,
            name=name,
            replay=replay,
            once=once,
            on_failure=tell,
        )
        results = None if words is not None else output.Results(settings, output.EVENTS, EVENT_NOUN)
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
async def _opened(path: Path | None) -> AsyncGenerator[arena_groups.Store, None]:
    if path is None:
        yield arena_groups.MemoryStore()
        return
    async with arena_groups.SQLiteStore(path) as store:
        yield store


async def _run(words: Sequence[str], event: arena_groups.WatchEvent) -> None:
    import asyncio
    import json

    text = json.dumps(arena_groups.to_dict(event), ensure_ascii=False) + "\n"
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
