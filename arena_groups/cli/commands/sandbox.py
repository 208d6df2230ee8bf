"""``arena-groups sandbox``."""

from typing import TYPE_CHECKING

import click

from arena_groups.cli.base import Command, example
from arena_groups.cli.options import PORT
from arena_groups.cli.running import wait_for
from arena_groups.cli.settings import Settings

if TYPE_CHECKING:
    from arena_groups.sandbox import Tier

# ruff: noqa: PLC0415

TIERS = ("guest", "free", "premium", "supporter")


class _SandboxCommand(Command):
    """A command whose help ends with the faults that the sandbox has."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a line for each fault."""
        from arena_groups.cli.serve import fault_help

        del ctx
        introduction, faults = fault_help()
        with formatter.section("Faults"):
            formatter.write_text(introduction)
            formatter.write_paragraph()
            formatter.write_dl(faults, col_max=24)


def _checked_faults(
    _context: click.Context, _option: click.Parameter, specs: tuple[str, ...]
) -> tuple[str, ...]:
    from arena_groups.cli.serve import check_fault

    for spec in specs:
        try:
            check_fault(spec)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None
    return specs


@example(
    "What does my bot do when a third of the answers fail?",
    "sandbox --fault server-failure:probability=0.33",
)
@example("With the quota of a free account", "sandbox --port 8080 --tier free")
@example("For a program: one line of JSON, then it serves", "sandbox --json")
@click.command("sandbox", cls=_SandboxCommand)
@click.option(
    "--port",
    type=PORT,
    default=0,
    metavar="N",
    help="Where to listen. [default: any free port]",
)
@click.option(
    "--tier",
    type=click.Choice(TIERS),
    help="Hold clients to the quota of this tier. [default: a quota nobody meets]",
)
@click.option("--seed", type=int, metavar="N", help="Make up other people and groups.")
@click.option(
    "--fault",
    "faults",
    multiple=True,
    callback=_checked_faults,
    metavar="SPEC",
    help="Let something go wrong (see below). May be given several times.",
)
@click.option("--json", "as_json", is_flag=True, help="First print one line of JSON for programs.")
@click.pass_obj
def command(
    settings: Settings,
    *,
    port: int,
    tier: "Tier | None",
    seed: int | None,
    faults: tuple[str, ...],
    as_json: bool,
) -> None:
    """Serve a made-up Are.na on this machine until Ctrl-C.

    Prints its URL, its groups, its people and their tokens.
    """
    from arena_groups.cli.serve import serve

    as_json = as_json or settings.json_errors
    wait_for(settings, serve(port, tier, seed, faults, as_json=as_json))
