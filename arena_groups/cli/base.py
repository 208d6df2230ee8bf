"""Commands whose help leads with examples, and groups that load a command when it is used."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import ClassVar, TypeVar

import click

from arena_groups.cli.settings import CommonOption

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


class Group(click.Group):
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


class LazyGroup(Group):
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
        del ctx
        if cmd_name not in self.lazy:
            return None
        module = import_module(f"{self.package}.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command

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
