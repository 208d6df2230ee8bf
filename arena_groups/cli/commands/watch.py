"""The command ``arena-groups watch``: events of groups, printed or passed to a command."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from arena_groups.cli import output
from arena_groups.cli.durations import Duration, PastTime
from arena_groups.cli.main import Command, example, run_async, shows
from arena_groups.cli.options import (
    Format,
    Settings,
    WholeNumber,
    as_groups,
    common_options,
    complete_group,
    default_group,
)
from arena_groups.cli.store_option import store_option
from arena_groups.cli.watch_config import WatchConfig
from arena_groups.cli.watch_health import as_address
from arena_groups.cli.webhook_options import make_senders, webhook_options

if TYPE_CHECKING:
    from arena_groups._api import Secret
    from arena_groups.cli.watch_service import WatchRun

# ruff: noqa: PLC0415 - keeps --help fast

INTERVAL = 60.0
CONCURRENCY = 8
DELIVER_FOR = 300.0


class GroupsArgument(click.Argument):
    """Groups of the command line or, without any there, those of the configuration file."""

    def consume_value(
        self, ctx: click.Context, opts: Mapping[str, object]
    ) -> tuple[object, ParameterSource]:
        """Read the value; before version 8.3, click took no groups for a value."""
        return super().consume_value(ctx, {name: opts[name] for name in opts if opts[name] != ()})


@example("From cron, print what is new since the last run", "watch GROUP --once --store FILE")
@example(
    "Run a command for each event, and resume after a restart",
    'watch GROUP --store FILE --exec "python welcome.py"',
)
@example(
    "Share the groups with the same command on other machines",
    "watch GROUP --shared --store redis://HOST",
)
@example(
    "Send the events of all your groups to a webhook",
    "watch --all-groups --store FILE --webhook https://example.org/hook",
)
@example("Print one line of JSON per event", "watch GROUP --ndjson")
@example("Print events as they happen", "watch GROUP")
@shows(lambda: output.EVENTS)
@click.command("watch", cls=Command)
@click.argument(
    "groups",
    cls=GroupsArgument,
    metavar="[GROUP]...",
    nargs=-1,
    callback=as_groups,
    shell_complete=complete_group,
)
@click.option(
    "--all-groups", is_flag=True, help="Watch every group that you manage, also later ones."
)
@click.option(
    "--interval",
    type=Duration(),
    default=INTERVAL,
    metavar="TIME",
    help="Time between polls, such as 90s or 5m. [default: 1m]",
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
@click.option(
    "--since",
    type=PastTime(),
    metavar="TIME",
    help="Begin with pending invitations sent since then: an age (2h) or a date.",
)
@click.option(
    "--feed", is_flag=True, help="Also read your notifications, for who added a new member."
)
@click.option("--once", is_flag=True, help="Stop after one poll.")
@webhook_options
@click.option(
    "--give-up-after",
    type=Duration(),
    metavar="TIME",
    help="Give up an event that an endpoint has not accepted for this long. [default: 3d]",
)
@click.option(
    "--deliver-for",
    type=Duration(zero=True),
    default=DELIVER_FOR,
    metavar="TIME",
    help="With --once, try to deliver for this long. [default: 5m]",
)
@click.option(
    "--health",
    "health_at",
    callback=as_address,
    metavar="HOST:PORT",
    help="Serve /health and /metrics at this address.",
)
@click.option("--ndjson", is_flag=True, help="Short for --format ndjson.")
@common_options
@click.pass_context
def command(
    context: click.Context,
    /,
    *,
    line: str | None,
    ndjson: bool,
    webhooks: tuple[Secret, ...],
    webhook_format: str | None,
    secret_file: Path | None,
    give_up_after: float | None,
    include_emails: bool,
    allow_private_targets: bool,
    config: WatchConfig | None,
    groups: tuple[str, ...],
    all_groups: bool,
    interval: float,
    concurrency: int,
    store: str | Path | None,
    shared: bool,
    name: str,
    replay: bool,
    since: datetime | None,
    feed: bool,
    once: bool,
    deliver_for: float,
    health_at: tuple[str, int] | None,
) -> None:
    """Watch groups and print events, until Ctrl-C or SIGTERM.

    Each GROUP is a slug, an id or the URL of its page; only an id still works after the group is
    renamed. The first poll reports no events unless --replay or --since is given.

    The command of --exec runs without a shell. ARENA_EVENT, ARENA_EVENT_KEY, ARENA_GROUP and
    ARENA_GROUP_ID are set in its environment. If it fails, the watch ends; with --store, the
    next start delivers the same event again.

    Webhooks are signed with the secret of ARENA_WEBHOOK_SECRET. An event that an endpoint does not
    accept waits in STORE and is sent again. To keep URLs and passwords out of the list of
    processes, set ARENA_WEBHOOK_URL and ARENA_STORE, or use --config.

    With --shared, one process watches each group, and another takes over within two intervals
    after a crash. If STORE is Redis, the processes share the rate limit of their token, too.
    """
    settings = context.ensure_object(Settings)
    if ndjson:
        if settings.format not in {None, Format.NDJSON}:
            raise click.UsageError("--ndjson and another --format cannot be combined")
        settings.format = Format.NDJSON
    if not once and context.get_parameter_source("deliver_for") is ParameterSource.COMMANDLINE:
        raise click.UsageError("--deliver-for needs --once")
    groups, all_groups = _chosen_groups(context, groups, all_groups=all_groups)
    senders = make_senders(
        webhooks,
        config,
        chosen_format=webhook_format,
        secret_file=secret_file,
        give_up_after=give_up_after,
        include_emails=include_emails,
        allow_private=allow_private_targets,
    )
    from arena_groups.cli.termination import Termination
    from arena_groups.cli.watch_service import WatchRun, watch_groups

    run = WatchRun(
        groups=groups,
        all_groups=all_groups,
        interval=interval,
        concurrency=concurrency,
        place=store,
        shared=shared,
        name=name,
        words=None if line is None else parse_command(line),
        replay=replay,
        since=since,
        feed=feed,
        once=once,
        health_at=health_at,
        senders=senders,
        deliver_for=deliver_for,
    )
    _check(run)
    for note in _notes(run):
        output.info(settings, note)
    termination = Termination()
    try:
        run_async(settings, termination.run(watch_groups(settings, run)))
    finally:
        termination.close()


def _chosen_groups(
    context: click.Context, groups: tuple[str, ...], *, all_groups: bool
) -> tuple[tuple[str, ...], bool]:
    """Return the groups, and whether to watch all: the command line comes before the file."""
    on_line = {
        name
        for name in ("groups", "all_groups")
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    }
    if len(on_line) == 1:
        return (groups, False) if "groups" in on_line else ((), all_groups)
    if groups and all_groups:
        raise click.UsageError("give either GROUP or --all-groups")
    if groups or all_groups:
        return groups, all_groups
    group = default_group(context.ensure_object(Settings))
    if group is None:
        raise click.UsageError("give either GROUP or --all-groups")
    return (group,), False


def _check(run: WatchRun) -> None:
    if run.shared and run.place is None:
        raise click.UsageError("--shared needs a --store that all processes use")
    if run.shared and run.once:
        raise click.UsageError("--shared and --once cannot be combined")
    if run.replay and run.since is not None:
        raise click.UsageError("--replay and --since cannot be combined")
    if run.words and shutil.which(run.words[0]) is None:
        raise click.UsageError(f"--exec: there is no command {run.words[0]} that can be run")


def _notes(run: WatchRun) -> list[str]:
    """Return warnings about choices that are allowed, and probably not meant."""
    notes = list[str]()
    if run.place is None and run.once and not run.replay and run.since is None:
        notes.append("--once without --store reports nothing: the first poll has no events")
    elif run.place is None and run.senders:
        notes.append("without --store, what waits for a webhook is lost when the program ends")
    if any(each.format == "json" and not each.signed for each in run.senders):
        notes.append("webhooks are not signed: set ARENA_WEBHOOK_SECRET")
    return notes


def parse_command(line: str) -> list[str]:
    """Split a command line into words. Raise ``UsageError`` if it is invalid or empty."""
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise click.UsageError(f"--exec: {error}") from None
    if not words:
        raise click.UsageError("--exec needs a command")
    return words
