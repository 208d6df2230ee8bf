"""The ``arena-groups`` program: command classes, the top-level command, and ``run``.

A command's module is imported only when that command is used, so that ``--help`` and shell
completion stay fast.
"""

import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import reduce
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import augment_usage_errors

from arena_groups._version import PROJECT_PAGE, __version__
from arena_groups.cli.help_text import HelpContext, HelpFormatter
from arena_groups.cli.options import CommonOption, Format, Settings, common_options, find_format

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from arena_groups.cli.errors import CliError
    from arena_groups.cli.output.columns import View

# ruff: noqa: PLC0415 - keeps --help fast

F = TypeVar("F", bound=Callable[..., object])

NAME = "arena-groups"
COMMANDS = {
    "auth": "Log in, log out, and show the current user.",
    "groups": "List, create, change and delete groups.",
    "members": "List and remove members, join and leave groups.",
    "invitations": "List, send and revoke invitations.",
    "sync": "Bring groups in step with a list of people.",
    "invite-code": "Show, create and delete a group's invite code.",
    "roster": "List members and pending invitations of groups.",
    "report": "Show who has not answered in groups, and what has changed.",
    "watch": "Watch groups and print events.",
    "deliveries": "Show and repeat deliveries to webhooks.",
    "config": "Show and change the defaults of settings.",
    "api": "Call any endpoint of the API, and print the response as JSON.",
    "mcp": "Serve tools for groups to an assistant.",
    "sandbox": "Run a local server that imitates the Are.na API.",
    "completion": "Print a script that adds shell completion.",
}
"""Short help of each command by name, known without importing the command."""

NO_LIMIT = 1000  # characters of a short help
WITHOUT_DEFAULTS = {None, "completion", "config", "help"}
"""Commands that work even if the configuration file or a variable is wrong."""

Example = tuple[str, str]
"""A purpose, and the command line that serves it, without the program's name."""


class Command(click.Command):
    """A command whose help shows examples."""

    context_class = HelpContext
    examples: Sequence[Example] = ()
    view: "Callable[[], View[Any]] | None" = None

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write usage, description, examples and options."""
        write_help(self, self.examples, ctx, formatter)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command's own options, then the common ones."""
        write_options(self, ctx, formatter)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments. An error of too many does not repeat them."""
        allowed, ctx.allow_extra_args = ctx.allow_extra_args, True
        with augment_usage_errors(ctx):
            rest = super().parse_args(ctx, args)
        ctx.allow_extra_args = allowed
        if rest and not allowed and not ctx.resilient_parsing:
            from arena_groups.cli.words import too_many_words

            raise too_many_words(ctx, len(rest))
        return rest

    def invoke(self, ctx: click.Context) -> object:
        """Run the command, if the common options fit each other and the command."""
        settings = ctx.ensure_object(Settings)
        if settings.defaults_error is not None:
            raise settings.defaults_error
        writes_csv = settings.requested_format is Format.CSV or bool(ctx.params.get("result"))
        if settings.bom and not writes_csv:
            raise click.UsageError("--bom needs --format csv", ctx)
        if settings.columns is not None:
            if self.view is None:
                raise click.UsageError("this command has no --columns", ctx)
            with augment_usage_errors(ctx):
                self.view().select(settings.columns)
        return super().invoke(ctx)


class CommandWithSubcommands(Command):
    """A command with arguments of its own, and with subcommands.

    The first word that is not a common option selects a subcommand, if it is the name of one.
    After ``--`` no word does.
    """

    subcommands: Mapping[str, click.Command] = MappingProxyType({})

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: object,
    ) -> click.Context:
        """Return the context of a subcommand, or of this command."""
        at = self._index_of_first_word(args)
        if at is None or args[at] not in self.subcommands:
            return super().make_context(info_name, args, parent, **extra)
        name, rest = f"{info_name} {args[at]}", [*args[:at], *args[at + 1 :]]
        return self.subcommands[args[at]].make_context(name, rest, parent, **extra)

    def _index_of_first_word(self, args: Sequence[str]) -> int | None:
        """Return the index of the first word before which there are only common options."""
        common = [option for option in self.params if isinstance(option, CommonOption)]
        takes_value = {name: not option.is_flag for option in common for name in option.opts}
        index = 0
        while index < len(args):
            name, has_value, _ = args[index].partition("=")
            if not name.startswith("-"):
                return index
            if name not in takes_value:
                return None
            index += 2 if takes_value[name] and not has_value else 1
        return None

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the subcommands, then the options."""
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, each.get_short_help_str()) for name, each in self.subcommands.items()]
            )
        super().format_options(ctx, formatter)


class CommandGroup(click.Group):
    """A group of commands whose help shows examples."""

    command_class = Command
    context_class = HelpContext
    examples: Sequence[Example] = ()

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Return the usage after the name. Fixed, as releases of click differ here."""
        del ctx
        return [self.options_metavar or "", "COMMAND [ARGS]..."]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the first word names, also by an alias."""
        from arena_groups.cli.words import SUBCOMMAND_ALIASES, unknown_command

        word = args[0]
        for name in (word, *SUBCOMMAND_ALIASES.get(word, ())):
            found = self.get_command(ctx, name)
            if found is not None:
                return name, found, args[1:]
        if ctx.resilient_parsing or word.startswith("-"):
            return super().resolve_command(ctx, args)
        raise unknown_command(ctx, word, self.list_commands(ctx), "".join(args[1:2]))

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write usage, description, examples, commands and options."""
        write_help(self, self.examples, ctx, formatter)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, then the options."""
        self.format_commands(ctx, formatter)
        write_options(self, ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each command's name and short help, which click would shorten."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(
                [
                    (name, each.get_short_help_str(NO_LIMIT))
                    for name, each in commands
                    if each is not None and not each.hidden
                ]
            )


class LazyCommandGroup(CommandGroup):
    """The top-level group. It imports the module of a command when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands, in the order of the help."""
        del ctx
        return list(COMMANDS)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        """Return the commands that begin so, or else the aliases. It imports none of them."""
        from click.shell_completion import CompletionItem

        from arena_groups.cli.words import ALIASES

        texts = {name: text for name, text in COMMANDS.items() if name.startswith(incomplete)}
        others = {name: None for name in (*ALIASES, "help") if name.startswith(incomplete)}
        items = [CompletionItem(name, help=text) for name, text in (texts or others).items()]
        return [*items, *click.Command.shell_complete(self, ctx, incomplete)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command."""
        if cmd_name not in COMMANDS:
            return None
        found = super().get_command(ctx, cmd_name)
        if found is None:
            module = import_module(f"arena_groups.cli.commands.{cmd_name.replace('-', '_')}")
            found = module.command
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the first word names, also by an alias for several words."""
        if args[0] in COMMANDS:  # no import of the aliases
            return args[0], self.get_command(ctx, args[0]), args[1:]
        if args[0] == "help":
            return "help", help_, args[1:]
        from arena_groups.cli.words import ALIASES

        words = ALIASES.get(args[0])
        if words is None:
            return super().resolve_command(ctx, args)
        found: click.Command | None = self
        for word in words:
            found = found.get_command(ctx, word) if isinstance(found, click.Group) else None
        return " ".join(words), found, args[1:]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each command's name and short help."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def example(purpose: str, line: str) -> Callable[[F], F]:
    """Return a decorator that adds an example to a command.

    The decorator nearest to the command gives the first example.
    """

    def add(command: F) -> F:
        nearer: Sequence[Example] = getattr(command, "examples", ())
        command.examples = (*nearer, (purpose, line))  # type: ignore[attr-defined]
        return command

    return add


def shows(view: "Callable[[], View[Any]]") -> Callable[[F], F]:
    """Return a decorator that names the view of a command's results, for ``--columns``.

    It is a function, as views are imported only when they are used.
    """

    def add(command: F) -> F:
        command.view = view  # type: ignore[attr-defined]
        return command

    return add


def write_help(
    command: click.Command,
    examples: Sequence[Example],
    ctx: click.Context,
    formatter: click.HelpFormatter,
) -> None:
    """Write the help of a command, with the examples before the options."""
    command.format_usage(ctx, formatter)
    command.format_help_text(ctx, formatter)
    if examples:
        with formatter.section("Examples"):
            if isinstance(formatter, HelpFormatter):
                formatter.write_examples(NAME, examples)
    command.format_options(ctx, formatter)
    command.format_epilog(ctx, formatter)
    formatter.write_paragraph()
    formatter.write_text(f"Documentation: {PROJECT_PAGE}")


def write_options(
    command: click.Command, ctx: click.Context, formatter: click.HelpFormatter
) -> None:
    """Write the options of a command: its own, then the common ones."""
    for title, common in (("Options", False), ("Common options", True)):
        records = [
            record
            for parameter in command.get_params(ctx)
            if isinstance(parameter, click.Option)
            and _is_common(parameter) is common
            and (record := parameter.get_help_record(ctx)) is not None
        ]
        if records:
            with formatter.section(title):
                formatter.write_dl(records)


def _is_common(option: click.Option) -> bool:
    return isinstance(option, CommonOption) or "--help" in option.opts


@example(
    "List invitations older than a month, in all your groups",
    "invitations list --all-groups --older-than 30d",
)
@example("Try it without an account", "invitations list research-studio --sandbox")
@click.group(
    NAME,
    cls=LazyCommandGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="There is no option for the token: log in, or set ARENA_TOKEN.",
)
@click.version_option(
    __version__, "-V", "--version", prog_name=NAME, message="%(prog)s %(version)s"
)
@common_options
@click.pass_context
def app(context: click.Context) -> None:
    """Manage Are.na groups from the terminal."""
    show_help_without_command(context)
    if context.invoked_subcommand not in WITHOUT_DEFAULTS:
        load_defaults(context.ensure_object(Settings))


@click.command("help", cls=Command)
@click.argument("names", nargs=-1, metavar="[COMMAND]...")
@common_options
@click.pass_context
def help_(context: click.Context, *, names: tuple[str, ...]) -> None:
    """Show the help of a command."""
    click.echo(reduce(_context_of, names, context.find_root()).get_help())


def _context_of(context: click.Context, name: str) -> click.Context:
    """Return a context of the subcommand that ``name`` names."""
    command = context.command
    if isinstance(command, click.Group):
        path, found, _ = command.resolve_command(context, [name])
        if found is not None:
            return found.context_class(found, info_name=path, parent=context)
    subcommands: Mapping[str, click.Command] = (
        command.subcommands if isinstance(command, CommandWithSubcommands) else {}
    )
    if name not in subcommands:
        from arena_groups.cli.words import unknown_command

        raise unknown_command(context, name, subcommands)
    path, found = f"{context.info_name} {name}", subcommands[name]
    return found.context_class(found, info_name=path, parent=context.parent)


def load_defaults(settings: Settings) -> None:
    """Read the defaults of the settings. An error is kept, so that ``--help`` still works."""
    from arena_groups.cli.defaults import read_defaults

    try:
        settings.defaults = read_defaults()
    except Exception as error:  # noqa: BLE001 - raised before the command runs
        settings.defaults_error = error


def show_help_without_command(context: click.Context) -> None:
    """Show the help of a group that was called without a command."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def run(arguments: Sequence[str]) -> int:
    """Run the program with ``arguments`` and return the exit code."""
    settings, stdout = Settings(), sys.stdout
    try:
        code = app.main(list(arguments), prog_name=NAME, standalone_mode=False, obj=settings)
    except click.Abort:
        from arena_groups.cli.errors import ExitCode

        return ExitCode.INTERRUPTED
    except SystemExit:
        # When the reader of a pipe has gone, click replaces sys.stdout and exits.
        if sys.stdout is stdout:
            raise
        from arena_groups.cli.output.messages import flush_or_discard

        flush_or_discard(stdout)
        return 0
    except Exception as error:
        from arena_groups.cli.output.messages import flush_or_discard, write_error

        described = _describe(error, settings, arguments)
        if described is None:
            raise
        if settings.format is None:
            settings.format = find_format(arguments)
        if isinstance(error, OSError):
            flush_or_discard(sys.stdout)
        write_error(settings, described)
        return described.code
    return code if isinstance(code, int) else 0


def _describe(error: Exception, settings: Settings, words: Sequence[str]) -> "CliError | None":
    from arena_groups.cli.errors import describe, hint_at
    from arena_groups.cli.words import usage_error

    if isinstance(error, click.UsageError):
        return usage_error(error, words)
    found = describe(error, settings.token_source)
    if found is not None and settings.server is not None:
        found.hint = hint_at(found.hint, settings.server.value)
    return found


def run_async(settings: Settings, work: Coroutine[object, object, None]) -> None:
    """Run a command's coroutine; Ctrl-C and a closed pipe end it without a traceback."""
    import asyncio

    from arena_groups.cli.errors import ExitCode
    from arena_groups.cli.output.messages import flush_or_discard, log_to_stderr

    try:
        with log_to_stderr(settings):
            asyncio.run(work)
    except KeyboardInterrupt:
        raise click.exceptions.Exit(ExitCode.INTERRUPTED) from None
    except BrokenPipeError:
        flush_or_discard(sys.stdout)
    except asyncio.CancelledError:
        if settings.pager is None or not settings.pager.left:
            raise
    finally:
        if settings.pager is not None:
            settings.pager.finish(settings)
            settings.pager = None
