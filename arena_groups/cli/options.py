"""Options and arguments: those of every command, and those that several commands share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import click
from click.core import ParameterSource

from arena_groups._version import __version__

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from arena_groups._api import GroupReference, Secret
    from arena_groups.cli.output.pager import Pager

    NumberType = click.ParamType[int]
else:
    NumberType = click.ParamType  # generic in newer releases only

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., object])
Decorated = TypeVar("Decorated", bound=Callable[..., object] | click.Command)

APP = f"arena-groups-cli/{__version__}"
"""Name of the command line in the User-Agent."""
ENTERED = "the input"
"""Source of a token that was typed or piped in and is not stored yet."""


class Format(StrEnum):
    """Output format of results."""

    TABLE = "table"
    JSON = "json"
    NDJSON = "ndjson"
    CSV = "csv"

    @property
    def is_json(self) -> bool:
        """``True`` for the formats that consist of JSON."""
        return self in {Format.JSON, Format.NDJSON}


@dataclass(frozen=True)
class Default(Generic[T]):
    """Value of a setting for which there is no option, with its source in words."""

    value: T
    source: str


@dataclass(frozen=True)
class Defaults:
    """Settings of variables, and else of the configuration file; ``None`` for those of neither."""

    base_url: Default[str] | None = None
    format: Default[Format] | None = None
    group: Default[str] | None = None
    pager: Default[bool] | None = None


@dataclass
class Settings:
    """Values of the common options, shared by all parts of one run.

    Attributes:
        format: Output format; ``None`` selects it by the kind of standard output.
        sandbox: Use a private sandbox instead of the API.
        base_url: Base URL of the API; ``None`` for that of the defaults, a login, or Are.na.
        yes: Skip confirmation prompts.
        quiet: Suppress notes, counts and progress.
        verbose: Log requests on standard error.
        no_pager: Write tables to the terminal, without a pager.
        utc: Show times in UTC; ``False`` for those of the local time zone.
        columns: Names of the fields to show, in this order; ``None`` for those of the command.
        bom: Begin CSV with a byte order mark.
        defaults: Settings of variables and of the configuration file.
        defaults_error: The error of a variable or of the configuration file, for commands to raise.
        server: Base URL of the API that was chosen; ``None`` until it is needed.
        token_source: Source of the token, in words; empty until a token is found.
        pager: The running pager; ``None`` if there is none.
    """

    format: Format | None = None
    sandbox: bool = False
    base_url: str | None = None
    yes: bool = False
    quiet: bool = False
    verbose: bool = False
    no_pager: bool = False
    utc: bool = False
    columns: tuple[str, ...] | None = None
    bom: bool = False
    defaults: Defaults = field(default_factory=Defaults, compare=False)
    defaults_error: Exception | None = field(default=None, compare=False)
    server: Default[str] | None = field(default=None, compare=False)
    token_source: str = field(default="", compare=False)
    pager: "Pager | None" = field(default=None, compare=False)

    def chosen_format(self, *, terminal: bool) -> Format:
        """Return the format asked for; by default a table at a terminal, else ndjson."""
        return self.requested_format or (Format.TABLE if terminal else Format.NDJSON)

    @property
    def requested_format(self) -> Format | None:
        """The format of ``--format``, or else of ARENA_FORMAT or the configuration file."""
        default = self.defaults.format
        return self.format or (None if default is None else default.value)

    @property
    def json_errors(self) -> bool:
        """``True`` if errors are written as JSON, which only an explicit format selects."""
        chosen = self.requested_format
        return chosen is not None and chosen.is_json

    @property
    def may_page(self) -> bool:
        """``False`` if ``--no-pager`` or the configuration file turns the pager off."""
        default = self.defaults.pager
        return not self.no_pager and (default is None or default.value)


def find_format(arguments: Sequence[str]) -> Format | None:
    """Return the format that a command line asks for, even if the line is invalid otherwise."""
    found = None
    for word, following in pairwise([*arguments, ""]):
        name, _, value = word.partition("=")
        if name == "--format" and (value or following) in list(Format):
            found = Format(value or following)
    return found


class CommonOption(click.Option):
    """An option that every command accepts; help lists these separately."""


def _set_option(context: click.Context, parameter: click.Parameter, value: object) -> None:
    # The last one on the line wins, and an absent option changes nothing.
    name = parameter.name or ""
    if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
        setattr(context.ensure_object(Settings), name, value)


def _set_format(context: click.Context, parameter: click.Parameter, value: object) -> None:
    _set_option(context, parameter, None if value is None else Format(str(value)))


def _set_columns(context: click.Context, parameter: click.Parameter, value: object) -> None:
    if value is None:
        return
    names = tuple(name.strip() for name in str(value).split(","))
    if "" in names:
        raise click.BadParameter("use names separated by commas, as id,name", context, parameter)
    for name in names:
        if names.count(name) > 1:
            raise click.BadParameter(f"{name!r} comes twice", context, parameter)
    _set_option(context, parameter, names)


def _flag(*names: str, text: str) -> Callable[[Decorated], Decorated]:
    return click.option(
        *names, cls=CommonOption, is_flag=True, callback=_set_option, expose_value=False, help=text
    )


_COMMON_OPTIONS = (
    click.option(
        "--format",
        cls=CommonOption,
        type=click.Choice([choice.value for choice in Format]),
        metavar="FORMAT",
        callback=_set_format,
        expose_value=False,
        is_eager=True,
        help="table, json, ndjson or csv. [default: table at a terminal, ndjson elsewhere]",
    ),
    click.option(
        "--columns",
        cls=CommonOption,
        metavar="NAMES",
        callback=_set_columns,
        expose_value=False,
        help="Show only these fields, as id,name.",
    ),
    _flag("--bom", text="Begin CSV with a byte order mark, for Excel."),
    _flag("--utc", text="Show times in UTC, not in the local time zone."),
    _flag("--no-pager", text="Write tables without a pager."),
    _flag("--sandbox", text="Use a private sandbox instead of Are.na. Needs no token."),
    click.option(
        "--base-url",
        cls=CommonOption,
        metavar="URL",
        callback=_set_option,
        expose_value=False,
        help="Base URL of the API. [default: that of `config`, or Are.na]",
    ),
    _flag("-y", "--yes", text="Skip confirmation prompts."),
    _flag("-q", "--quiet", text="Suppress notes and progress."),
    _flag("-v", "--verbose", text="Log every request on standard error."),
)


def common_options(command: Decorated) -> Decorated:
    """Add the options that every command accepts."""
    for option in reversed(_COMMON_OPTIONS):
        command = option(command)
    return command


def refuse_common_options(context: click.Context, *, except_for: Sequence[str] = ()) -> None:
    """Raise ``UsageError`` for a common option on the command line that has no effect here."""
    command: click.Context | None = context
    while command is not None:
        for option in command.command.params:
            name = option.name or ""
            is_given = command.get_parameter_source(name) is ParameterSource.COMMANDLINE
            if isinstance(option, CommonOption) and is_given and name not in except_for:
                raise click.UsageError(
                    f"{max(option.opts, key=len)} has no effect on this command", context
                )
        command = command.parent


class WholeNumber(NumberType):
    """An integer from ``minimum`` to ``maximum``, whose limits do not clutter the help."""

    name = "whole number"

    def __init__(self, minimum: int, maximum: int | None = None) -> None:
        self.minimum = minimum
        self.maximum = maximum

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return the number, or fail with the limit that it breaks."""
        try:
            number = int(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a whole number", param, ctx)
        if number < self.minimum:
            self.fail(f"{number} is too low: the minimum is {self.minimum}", param, ctx)
        if self.maximum is not None and number > self.maximum:
            self.fail(f"{number} is too high: the maximum is {self.maximum}", param, ctx)
        return number


PORT = WholeNumber(0, 65_535)


def as_group(_context: click.Context, _parameter: click.Parameter, text: str | None) -> str | None:
    """Return the slug or id in an argument, which may be the URL of a page."""
    return None if text is None else _name(text, is_group=True)


def as_groups(
    _context: click.Context, _parameter: click.Parameter, texts: Sequence[str]
) -> tuple[str, ...]:
    """Return the slugs and ids in an argument, as :func:`as_group` does."""
    return tuple(_name(text, is_group=True) for text in texts)


def as_reference(
    _context: click.Context, _parameter: click.Parameter, text: str
) -> "GroupReference":
    """Return an argument that names a group, hidden from tracebacks."""
    from arena_groups._api import GroupReference  # noqa: PLC0415 - keeps --help fast

    return GroupReference(text)


def as_user(_context: click.Context, _parameter: click.Parameter, text: str | None) -> str | None:
    """Return the slug or id in an option, which may be the URL of a profile."""
    return None if text is None else _name(text, is_group=False)


def as_users(
    _context: click.Context, _parameter: click.Parameter, texts: Sequence[str]
) -> tuple[str, ...]:
    """Return the slugs and ids in an argument, as :func:`as_user` does."""
    return tuple(_name(text, is_group=False) for text in texts)


def _name(text: str, *, is_group: bool) -> str:
    if is_group and "@" in text and "/" not in text:
        raise click.BadParameter("this is an email address, and GROUP comes first")
    try:
        return name_in(text, is_group=is_group)
    except ValueError as error:
        del text  # the traceback must not hold the URL of an invite
        raise click.BadParameter(str(error)) from None


def name_in(text: str, *, is_group: bool) -> str:
    """Return the slug or id of a group or user, in the URL of the page or alone.

    Raises:
        ValueError: If the text is another URL. The error does not show it.
    """
    if not any(mark in text for mark in "/\\.@"):
        return text  # a slug or an id, which the operation checks
    from arena_groups._api import GroupReference, UserReference  # noqa: PLC0415 - keeps --help fast

    reference = GroupReference(text) if is_group else UserReference(text)
    del text  # an error's traceback must not hold the URL of an invite
    return str(reference.name)


class InputFile(click.Path):
    """A file that is read, or - for standard input. It is opened later; shells complete it."""

    def __init__(self) -> None:
        super().__init__(allow_dash=True, readable=False)


def complete_group(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> "list[CompletionItem]":
    """Return the groups of the user, and the subcommands that can stand in place of a group."""
    from arena_groups.cli.completion import (  # noqa: PLC0415 - keeps --help fast
        group_items,
        subcommand_items,
    )

    return [*subcommand_items(context, incomplete), *group_items(context, incomplete)]


def group_argument(command: F) -> F:
    """Add the argument GROUP: a slug, an id, or the URL of the group's page."""
    return click.argument("group", callback=as_group, shell_complete=complete_group)(command)


def default_group(settings: Settings) -> str | None:
    """Return the group of ARENA_GROUP, or else of the configuration file, if there is one.

    Raises:
        Exception: The error of a variable or of the configuration file.
    """
    if settings.defaults_error is not None:
        raise settings.defaults_error
    default = settings.defaults.group
    return None if default is None else default.value


def _group_or_default(
    context: click.Context, parameter: click.Parameter, text: str | None
) -> str | None:
    settings = context.ensure_object(Settings)
    group = default_group(settings) if text is None else as_group(context, parameter, text)
    if group is None and not context.resilient_parsing:
        from arena_groups.cli.words import missing_group  # noqa: PLC0415 - keeps --help fast

        raise missing_group(context)
    return group


def _groups_or_default(
    context: click.Context, parameter: click.Parameter, texts: Sequence[str]
) -> tuple[str, ...]:
    group = None if texts else _group_or_default(context, parameter, None)
    return as_groups(context, parameter, texts) if group is None else (group,)


def optional_group_argument(command: F) -> F:
    """Add the argument GROUP, which may be left out if there is a default group.

    It is for commands that only read, and whose only word is GROUP.
    """
    return click.argument(
        "group", required=False, callback=_group_or_default, shell_complete=complete_group
    )(command)


def optional_groups_argument(command: F) -> F:
    """Add the argument GROUP..., which may be left out if there is a default group."""
    return click.argument(
        "groups",
        metavar="[GROUP]...",
        nargs=-1,
        callback=_groups_or_default,
        shell_complete=complete_group,
    )(command)


def _as_encoding(_context: click.Context, _option: click.Parameter, text: str | None) -> str | None:
    if text is not None:
        from arena_groups.cli.csv_text import is_encoding  # noqa: PLC0415 - keeps --help fast

        if not is_encoding(text):
            forms = "utf-8, utf-16, windows-1252 or mac-roman"
            raise click.BadParameter(f"there is no encoding {text!r}: use for example {forms}")
    return text


def encoding_option(command: F) -> F:
    """Add ``--encoding``, of a file with people."""
    return click.option(
        "--encoding",
        metavar="NAME",
        callback=_as_encoding,
        help="Encoding of the file. [default: UTF-8, or that of its byte order mark]",
    )(command)


def limit_option(command: F) -> F:
    """Add ``--limit``."""
    return click.option(
        "--limit", type=WholeNumber(0), metavar="N", help="List at most N results."
    )(command)


def sort_option(*orders: str, default: str | None = None) -> Callable[[F], F]:
    """Return a decorator that adds ``--sort`` with these orders."""
    text = "Sort order." if default is None else f"Sort order. [default: {default}]"
    return click.option("--sort", type=click.Choice(orders), default=default, help=text)


Arrange = Callable[[Sequence[T]], list[T]]
"""A function that sorts a list."""


def by(key: Callable[[T], Any], *, descending: bool = False) -> Arrange[T]:
    """Return a function that sorts a list by a key. Equal items keep their order."""
    return lambda items: sorted(items, key=key, reverse=descending)


def as_secret(_context: click.Context, _option: click.Parameter, text: str) -> "Secret":
    """Return the value of an argument, hidden from tracebacks."""
    from arena_groups._api import Secret  # noqa: PLC0415 - keeps --help fast

    return Secret(text)


def as_secrets(
    _context: click.Context, _option: click.Parameter, texts: Sequence[str]
) -> "tuple[Secret, ...]":
    """Return the values of an option or argument, hidden from tracebacks."""
    from arena_groups._api import Secret  # noqa: PLC0415 - keeps --help fast

    return tuple(map(Secret, texts))
