"""The program: its commands by name, and how it ends. Commands are loaded when they run."""

import sys
from collections.abc import Mapping, Sequence
from typing import ClassVar

import click

from arena_groups._version import __version__
from arena_groups.cli import streams
from arena_groups.cli.base import LazyGroup, example
from arena_groups.cli.exits import ExitCode
from arena_groups.cli.settings import Settings, common_options, format_in

NAME = "arena-groups"


class _Program(LazyGroup):
    package = "arena_groups.cli.commands"
    lazy: ClassVar[Mapping[str, str]] = {
        "auth": "Log in, log out, and see who you are.",
        "groups": "Look at groups and look after your own.",
        "members": "The people in a group.",
        "invitations": "Pending invitations.",
        "invite-code": "The shareable invite code of a group.",
        "watch": "Tell what happens in groups, as it happens.",
        "sandbox": "Serve a made-up Are.na on this machine until Ctrl-C.",
        "completion": "Print the script that lets a shell complete commands and options.",
    }


@example(
    "Who has not answered for a month, in all groups?",
    "invitations list --all-groups --older-than 30d",
)
@example("Try it without an account", "invitations list research-studio --sandbox")
@click.group(
    NAME,
    cls=_Program,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="A token is never taken from the command line: log in, or set ARENA_TOKEN.",
)
@click.version_option(__version__, prog_name=NAME, message="%(prog)s %(version)s")
@common_options
@click.pass_context
def app(context: click.Context) -> None:
    """Groups of Are.na at the terminal."""
    help_without_command(context)


def help_without_command(context: click.Context) -> None:
    """Show the help of a group that was named without a command."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def run(arguments: Sequence[str]) -> int:
    """Run the command line with ``arguments`` and return the exit code."""
    settings, output = Settings(), sys.stdout
    try:
        code = app.main(list(arguments), prog_name=NAME, standalone_mode=False, obj=settings)
    except click.Abort:
        return ExitCode.INTERRUPTED
    except SystemExit:
        # When nobody reads on, click wraps standard output so that flushing is safe, and ends.
        if sys.stdout is output:
            raise
        streams.silence(output)
        return ExitCode.OK
    except Exception as error:
        from arena_groups.cli.errors import describe  # noqa: PLC0415 - only where it is needed

        problem = describe(error, settings.token_source)
        if problem is None:
            raise
        if settings.format is None and isinstance(error, click.UsageError):
            settings.format = format_in(arguments)
        if isinstance(error, OSError):
            streams.silence(sys.stdout)
        streams.tell(problem.as_json() if settings.json_errors else problem.as_line())
        return problem.code
    return code if isinstance(code, int) else ExitCode.OK
