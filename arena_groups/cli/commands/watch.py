"""The command ``arena-groups watch``: events of groups, printed or passed to a command."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import click

import arena_groups
from arena_groups.cli import output
from arena_groups.cli.connect import connected, opened_store
from arena_groups.cli.errors import CliError
from arena_groups.cli.main import Command, example, run_async
from arena_groups.cli.options import (
    Format,
    Settings,
    WholeNumber,
    as_groups,
    common_options,
    store_option,
)

# ruff: noqa: PLC0415 - keeps --help fast

INTERVAL = 60.0
CONCURRENCY = 8
EVENT_NOUN = ("event", "events")


@example("From cron, print what is new since the last run", "watch GROUP --once --store FILE")
@example(
    "Run a command for each event, and resume after a restart",
    'watch GROUP --store FILE --exec "python welcome.py"',
)
@example(
    "Share the groups with the same command on other machines",
    "watch GROUP --shared --store redis://HOST",
)
@example("Print one line of JSON per event", "watch GROUP --ndjson")
@example("Print events as they happen", "watch GROUP")
@click.command("watch", cls=Command)
@click.argument("groups", metavar="GROUP...", nargs=-1, required=True, callback=as_groups)
@click.option(
    "--interval",
    type=float,
    default=INTERVAL,
    metavar="SECONDS",
    help="Seconds between polls. [default: 60]",
)
@click.option(
    "--concurrency",
    type=WholeNumber(1),
    default=CONCURRENCY,
    metavar="N",
    help="Poll up to N groups at the same time. [default: 8]",
)
@store_option(
    "Save progress in this file or Redis (redis://HOST:PORT/0), and resume from it next time."
)
@click.option(
    "--shared",
    is_flag=True,
    help="Share the groups with other processes that use the same STORE and NAME.",
)
@click.option(
    "--name", default="default", metavar="NAME", help="Name of this watch, if several share STORE."
)
@click.option(
    "--exec",
    "line",
    metavar="COMMAND",
    help="Run a command for each event, with the event as JSON on its standard input.",
)
@click.option("--replay", is_flag=True, help="Report what already exists as events, too.")
@click.option("--once", is_flag=True, help="Stop after one poll.")
@click.option("--ndjson", is_flag=True, help="Short for --format ndjson.")
@common_options
@click.pass_obj
def command(
    settings: Settings,
    *,
    groups: tuple[str, ...],
    interval: float,
    concurrency: int,
    store: str | Path | None,
    shared: bool,
    name: str,
    line: str | None,
    replay: bool,
    once: bool,
    ndjson: bool,
) -> None:
    """Watch groups and print events, until Ctrl-C.

    Each GROUP is a slug, an id or the URL of its page; only an id still works after the group is
    renamed. The first poll reports no events unless --replay is given.

    The command of --exec runs without a shell. ARENA_EVENT, ARENA_EVENT_KEY, ARENA_GROUP and
    ARENA_GROUP_ID are set in its environment. If it fails, the watch ends; with --store, the
    next start delivers the same event again.

    With --shared, one process watches each group, and another takes over within two intervals
    after a crash. If STORE is Redis, the processes share the rate limit of their token, too. To
    keep the password of Redis out of the list of processes, set ARENA_STORE instead of --store.
    """
    if shared and store is None:
        raise click.UsageError("--shared needs a --store that all processes use")
    if shared and once:
        raise click.UsageError("--shared and --once cannot be combined")
    if ndjson:
        settings.format = Format.NDJSON
    work = watch_groups(
        settings,
        groups,
        interval=interval,
        concurrency=concurrency,
        place=store,
        shared=shared,
        name=name,
        words=None if line is None else parse_command(line),
        replay=replay,
        once=once,
    )
    run_async(settings, work)


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


async def watch_groups(
    settings: Settings,
    groups: Sequence[str],
    *,
    interval: float,
    concurrency: int,
    place: str | Path | None,
    shared: bool,
    name: str,
    words: Sequence[str] | None,
    replay: bool,
    once: bool,
) -> None:
    """Write the events of groups, or run a command for each event."""
    report = FailureReporter(settings)
    redis = place if shared and isinstance(place, str) else None
    async with opened_store(place) as store, connected(settings, redis=redis) as arena:
        watcher = arena_groups.watch(
            arena,
            *groups,
            interval=interval,
            concurrency=concurrency,
            store=store,
            name=name,
            replay=replay,
            once=once,
            shared=shared,
            on_failure=report,
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


def parse_command(line: str) -> list[str]:
    """Split a command line into words. Raise ``UsageError`` if it is invalid or empty."""
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise click.UsageError(f"--exec: {error}") from None
    if not words:
        raise click.UsageError("--exec needs a command")
    return words


async def _run(words: Sequence[str], event: arena_groups.WatchEvent) -> None:
    import asyncio

    text = output.json_text(arena_groups.to_dict(event)) + "\n"
    process = await asyncio.create_subprocess_exec(
        *words,
        stdin=asyncio.subprocess.PIPE,
        env={
            **os.environ,
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
            process.terminate()
            await process.wait()
    if process.returncode != 0:
        raise CliError(
            "command",
            f"{words[0]} failed with exit code {process.returncode} for {event.key}",
            hint="with --store, the next start delivers the event again",
        )


def _as_environment(text: str) -> str:
    """Return a text without the characters that no variable can hold."""
    encoding = sys.getfilesystemencoding()
    return text.replace("\0", "\ufffd").encode(encoding, "replace").decode(encoding)
