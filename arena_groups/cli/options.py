"""Arguments and options: those that every command takes, and those that several do."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    NumberType = click.ParamType[int]
else:
    NumberType = click.ParamType  # generic in newer releases only

F = TypeVar("F", bound=Callable[..., object])
Command = TypeVar("Command", bound=Callable[..., object] | click.Command)

ENTERED = "what was entered"  # where a token came from that is about to be stored


class Format(StrEnum):
    """How results are written."""

    TABLE = "table"
    JSON = "json"
    NDJSON = "ndjson"
    CSV = "csv"

    @property
    def is_json(self) -> bool:
        """Whether a program that reads the results expects JSON."""
        return self in {Format.JSON, Format.NDJSON}


@dataclass
class Settings:
    """What the common options were set to; ``None`` means left to us.

    ``token_source`` is where the token came from, once it has been looked for.
    """

    format: Format | None = None
    sandbox: bool = False
    base_url: str | None = None
    yes: bool = False
    quiet: bool = False
    verbose: bool = False
    token_source: str = field(default="", compare=False)

    def chosen_format(self, *, terminal: bool) -> Format:
        """Return the format asked for, else a table for people and ndjson for programs."""
        return self.format or (Format.TABLE if terminal else Format.NDJSON)

    @property
    def json_errors(self) -> bool:
        """Whether problems are told as JSON: only to those who asked for JSON by name."""
        return self.format is not None and self.format.is_json


def format_in(arguments: Sequence[str]) -> Format | None:
    """Return the format that a command line asks for, even where it makes no sense otherwise."""
    asked = None
    for word, following in pairwise([*arguments, ""]):
        name, _, value = word.partition("=")
        if name == "--format" and (value or following) in list(Format):
            asked = Format(value or following)
    return asked


class CommonOption(click.Option):
    """An option that every command takes; help lists these apart."""


def _remember(context: click.Context, parameter: click.Parameter, value: object) -> None:
    # The option nearest to the end of the line wins, and an absent one changes nothing.
    name = parameter.name or ""
    if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
        setattr(context.ensure_object(Settings), name, value)


def _remember_format(context: click.Context, parameter: click.Parameter, value: object) -> None:
    _remember(context, parameter, None if value is None else Format(str(value)))


def _flag(*names: str, text: str) -> Callable[[Command], Command]:
    return click.option(
        *names, cls=CommonOption, is_flag=True, callback=_remember, expose_value=False, help=text
    )


_OPTIONS = (
    click.option(
        "--format",
        cls=CommonOption,
        type=click.Choice([choice.value for choice in Format]),
        metavar="FORMAT",
        callback=_remember_format,
        expose_value=False,
        is_eager=True,
        help="table, json, ndjson or csv. [default: table at a terminal, ndjson elsewhere]",
    ),
    _flag("--sandbox", text="Use a private, made-up Are.na inside this process. Needs no token."),
    click.option(
        "--base-url",
        cls=CommonOption,
        metavar="URL",
        callback=_remember,
        expose_value=False,
        help="Where the API is. [default: https://api.are.na]",
    ),
    _flag("-y", "--yes", text="Do not ask before something is lost."),
    _flag("-q", "--quiet", text="Tell results and problems only."),
    _flag("-v", "--verbose", text="Log every request on standard error."),
)


def common_options(command: Command) -> Command:
    """Add all the common options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


class WholeNumber(NumberType):
    """A whole number from ``least`` to ``most``; help does not go into its limits."""

    name = "whole number"

    def __init__(self, least: int, most: int | None = None) -> None:
        self.least = least
        self.most = most

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return the number, or fail with the limits."""
        try:
            number = int(str(value))
        except ValueError:
            self.fail(f"{value!r} is no whole number", param, ctx)
        if number < self.least:
            self.fail(f"{number} is too low: the least is {self.least}", param, ctx)
        if self.most is not None and number > self.most:
            self.fail(f"{number} is too high: the most is {self.most}", param, ctx)
        return number


PORT = WholeNumber(0, 65_535)


def group_argument(command: F) -> F:
    """Add the argument GROUP, a slug or an id."""
    return click.argument("group")(command)


def limit_option(command: F) -> F:
    """Add ``--limit``."""
    return click.option("--limit", type=WholeNumber(0), metavar="N", help="List no more than N.")(
        command
    )


def sort_option(*orders: str, default: str | None = None) -> Callable[[F], F]:
    """Return a decorator that adds ``--sort`` with these orders."""
    text = "The order." if default is None else f"The order. [default: {default}]"
    return click.option("--sort", type=click.Choice(orders), default=default, help=text)


_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGE = re.compile(r"(\d{1,6})([mhdw])")


def parse_age(text: str) -> timedelta:
    """Return the age that a text such as ``30d`` means.

    Raises ``ValueError`` for anything but a number and one of the units m, h, d and w.
    """
    match = _AGE.fullmatch(text.strip().lower())
    if match is None:
        raise ValueError(f"{text!r} is no age: write a number and m, h, d or w, as in 30d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def short_age(age: timedelta) -> str:
    """Return an age in its largest whole unit up to days, such as ``12d``."""
    seconds = max(0, int(age.total_seconds()))
    for size, unit in ((86_400, "d"), (3_600, "h")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds // 60}m"


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)
