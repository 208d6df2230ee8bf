"""``arena-groups watch``."""

from pathlib import Path

import click

from arena_groups.cli.base import Command, example
from arena_groups.cli.running import wait_for
from arena_groups.cli.settings import Format, Settings, common_options

# ruff: noqa: PLC0415

INTERVAL = 60.0


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
    from arena_groups.cli.actions.watch import parsed, watch_groups

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
