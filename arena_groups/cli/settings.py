"""The options every command takes, before or after its name."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import click
from click.core import ParameterSource

Command = TypeVar("Command", bound=Callable[..., object] | click.Command)


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
    """What the common options were set to; ``None`` means left to us."""

    format: Format | None = None
    sandbox: bool = False
    base_url: str | None = None

    def chosen_format(self, *, terminal: bool) -> Format:
        """Return the format asked for, else a table for people and ndjson for programs."""
        return self.format or (Format.TABLE if terminal else Format.NDJSON)

    @property
    def json_errors(self) -> bool:
        """Whether problems are told as JSON: only to those who asked for JSON by name."""
        return self.format is not None and self.format.is_json


def _remember(context: click.Context, parameter: click.Parameter, value: object) -> None:
    # The option nearest to the end of the line wins, and an absent one changes nothing.
    name = parameter.name or ""
    if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
        setattr(context.ensure_object(Settings), name, value)


def _remember_format(context: click.Context, parameter: click.Parameter, value: object) -> None:
    _remember(context, parameter, None if value is None else Format(str(value)))


def format_option(command: Command) -> Command:
    """Add ``--format`` to a command."""
    return click.option(
        "--format",
        type=click.Choice([choice.value for choice in Format]),
        callback=_remember_format,
        expose_value=False,
        is_eager=True,
        help="How to write results. [default: table at a terminal, ndjson elsewhere]",
    )(command)


def connection_options(command: Command) -> Command:
    """Add the options that tell which Are.na to talk to."""
    sandbox = click.option(
        "--sandbox",
        is_flag=True,
        callback=_remember,
        expose_value=False,
        help="Use a private, made-up Are.na inside this process. Needs no token.",
    )
    base_url = click.option(
        "--base-url",
        metavar="URL",
        callback=_remember,
        expose_value=False,
        help="Where the API is. [default: https://api.are.na]",
    )
    return sandbox(base_url(command))


def common_options(command: Command) -> Command:
    """Add all the common options to a command."""
    return connection_options(format_option(command))
