"""Arguments and options that several commands take."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    NumberType = click.ParamType[int]
else:
    NumberType = click.ParamType  # generic in newer releases only

F = TypeVar("F", bound=Callable[..., object])


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
