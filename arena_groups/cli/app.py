"""The commands and their options. What they load, they load when they run."""

import sys
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING

import click

from arena_groups._version import __version__
from arena_groups.cli import streams
from arena_groups.cli.exits import ExitCode
from arena_groups.cli.settings import Settings, common_options

if TYPE_CHECKING:
    from arena_groups.sandbox import Tier

# ruff: noqa: PLC0415

NAME = "arena-groups"
TIERS = ("guest", "free", "premium", "supporter")


@click.group(
    NAME,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="The token is read from ARENA_TOKEN, never from the command line.",
)
@click.version_option(__version__, prog_name=NAME, message="%(prog)s %(version)s")
@common_options
@click.pass_context
def app(context: click.Context) -> None:
    """Groups of Are.na at the terminal."""
    _help_without_command(context)


@app.group(invoke_without_command=True)
@common_options
@click.pass_context
def invitations(context: click.Context) -> None:
    """Pending invitations of a group."""
    _help_without_command(context)


@invitations.command("list")
@click.argument("group")
@common_options
@click.pass_obj
def invitations_list(settings: Settings, group: str) -> None:
    """List the pending invitations of GROUP, a slug or an id, as they arrive."""
    from arena_groups.cli.listing import list_invitations

    _wait_for(list_invitations(settings, group))


@app.group("invite-code", invoke_without_command=True)
@common_options
@click.pass_context
def invite_code(context: click.Context) -> None:
    """The shareable invite code of a group."""
    _help_without_command(context)


@invite_code.command("show")
@click.argument("group")
@common_options
@click.pass_obj
def invite_code_show(settings: Settings, group: str) -> None:
    """Show the invite code of GROUP, a slug or an id, and the URL to hand out."""
    from arena_groups.cli.listing import show_invite_code

    _wait_for(show_invite_code(settings, group))


class _SandboxCommand(click.Command):
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


@app.command(cls=_SandboxCommand)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
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
def sandbox(
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
    _wait_for(serve(port, tier, seed, faults, as_json=as_json))


def run(arguments: Sequence[str]) -> int:
    """Run the command line with ``arguments`` and return the exit code."""
    settings = Settings()
    try:
        code = app.main(list(arguments), prog_name=NAME, standalone_mode=False, obj=settings)
    except click.Abort:
        return ExitCode.INTERRUPTED
    except Exception as error:
        from arena_groups.cli.errors import describe

        problem = describe(error)
        if problem is None:
            raise
        if isinstance(error, OSError):
            streams.silence(sys.stdout)
        streams.tell(problem.as_json() if settings.json_errors else problem.as_line())
        return problem.code
    return code if isinstance(code, int) else ExitCode.OK


def _wait_for(work: Coroutine[object, object, None]) -> None:
    import asyncio

    try:
        asyncio.run(work)
    except KeyboardInterrupt:
        raise click.exceptions.Exit(ExitCode.INTERRUPTED) from None
    except BrokenPipeError:
        # Whoever reads the results has seen enough.
        streams.silence(sys.stdout)


def _help_without_command(context: click.Context) -> None:
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
