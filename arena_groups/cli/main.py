"""The program: its commands by name, and how it ends. Commands are loaded when they run."""

import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from importlib import import_module
from typing import ClassVar, TypeVar

import click

from arena_groups._version import __version__
from arena_groups.cli.options import CommonOption, Settings, common_options, format_in

# ruff: noqa: PLC0415 - help loads nothing that takes time

F = TypeVar("F", bound=Callable[..., object])

Example = tuple[str, str]
"""What somebody may want, and the command line that does it."""


class Command(click.Command):
    """A command with examples."""

    examples: Sequence[Example] = ()

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the usage, what the command does, examples, and then the options."""
        write_help(self, self.examples, ctx, formatter)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command's own options, and then those that every command takes."""
        write_options(self, ctx, formatter)


class CommandGroup(click.Group):
    """A group of commands with examples; without a command it shows its help."""

    command_class = Command
    examples: Sequence[Example] = ()

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Return what follows the name; releases of click differ in it."""
        del ctx
        return [self.options_metavar or "", "COMMAND [ARGS]..."]

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the usage, what the group is for, examples, commands, and then the options."""
        write_help(self, self.examples, ctx, formatter)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, and then the options."""
        self.format_commands(ctx, formatter)
        write_options(self, ctx, formatter)


class LazyGroup(CommandGroup):
    """A group that imports a command's module when the command is run.

    ``lazy`` has the short help of each by name, so that help imports none of them.
    """

    lazy: ClassVar[Mapping[str, str]] = {}
    package: ClassVar[str] = ""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order of ``lazy``."""
        del ctx
        return list(self.lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command."""
        if cmd_name not in self.lazy:
            return None
        found = super().get_command(ctx, cmd_name)
        if found is None:
            module = import_module(f"{self.package}.{cmd_name.replace('-', '_')}")
            found = module.command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the names and what each is for."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(self.lazy.items()))


def example(purpose: str, line: str) -> Callable[[F], F]:
    """Give a command an example: what for, and the line without the program's name.

    The one nearest to the command comes first.
    """

    def add(command: F) -> F:
        earlier: Sequence[Example] = getattr(command, "examples", ())
        command.examples = (*earlier, (purpose, line))  # type: ignore[attr-defined]
        return command

    return add


def write_help(
    command: click.Command,
    examples: Sequence[Example],
    ctx: click.Context,
    formatter: click.HelpFormatter,
) -> None:
    """Write a command's help, examples before options."""
    command.format_usage(ctx, formatter)
    command.format_help_text(ctx, formatter)
    if examples:
        with formatter.section("Examples"):
            for purpose, line in examples:
                # Never wrapped: they are there to be copied.
                formatter.write(f"{'':>{formatter.current_indent}}# {purpose}\n")
                formatter.write(f"{'':>{formatter.current_indent}}arena-groups {line}\n")
    command.format_options(ctx, formatter)
    command.format_epilog(ctx, formatter)


def write_options(
    command: click.Command, ctx: click.Context, formatter: click.HelpFormatter
) -> None:
    """Write a command's own options, and then those that every command takes."""
    for title, wanted in (("Options", False), ("Common options", True)):
        records = [
            record
            for parameter in command.get_params(ctx)
            if isinstance(parameter, click.Option)
            and _is_common(parameter) is wanted
            and (record := parameter.get_help_record(ctx)) is not None
        ]
        if records:
            with formatter.section(title):
                formatter.write_dl(records)


def _is_common(option: click.Option) -> bool:
    return isinstance(option, CommonOption) or "--help" in option.opts


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
        from arena_groups.cli.errors import ExitCode

        return ExitCode.INTERRUPTED
    except SystemExit:
        # When nobody reads on, click wraps standard output so that flushing is safe, and ends.
        if sys.stdout is output:
            raise
        from arena_groups.cli.output.messages import silence

        silence(output)
        return 0
    except Exception as error:
        from arena_groups.cli.errors import describe
        from arena_groups.cli.output.messages import silence, tell

        problem = describe(error, settings.token_source)
        if problem is None:
            raise
        if settings.format is None and isinstance(error, click.UsageError):
            settings.format = format_in(arguments)
        if isinstance(error, OSError):
            silence(sys.stdout)
        tell(problem.as_json() if settings.json_errors else problem.as_line())
        return problem.code
    return code if isinstance(code, int) else 0


def wait_for(settings: Settings, work: Coroutine[object, object, None]) -> None:
    """Run ``work`` to its end; Ctrl-C and readers who have seen enough end it quietly."""
    import asyncio

    from arena_groups.cli.errors import ExitCode
    from arena_groups.cli.output.messages import logged, silence

    try:
        with logged(settings):
            asyncio.run(work)
    except KeyboardInterrupt:
        raise click.exceptions.Exit(ExitCode.INTERRUPTED) from None
    except BrokenPipeError:
        silence(sys.stdout)


SHELLS = ("bash", "zsh", "fish")


@example("zsh, in ~/.zshrc", "completion zsh > ~/.arena-groups.zsh; source ~/.arena-groups.zsh")
@example("fish", "completion fish > ~/.config/fish/completions/arena-groups.fish")
@example(
    "bash 4.4 or newer, in ~/.bashrc",
    "completion bash > ~/.arena-groups.bash; source ~/.arena-groups.bash",
)
@app.command("completion", cls=Command)
@click.argument("shell", metavar="SHELL", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that lets a shell complete commands and options.

    SHELL is bash, zsh or fish.
    """
    from click.shell_completion import ShellComplete, get_completion_class

    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"this release of click has no completion for {shell}")
    root = context.find_root()
    name = root.info_name or ""
    variable = f"_{name.replace('-', '_').upper()}_COMPLETE"
    # Not its own source(): that of bash looks for the bash of this machine first.
    click.echo(ShellComplete.source(found(root.command, {}, name, variable)))
