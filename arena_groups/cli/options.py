"""Arguments and options that several commands take."""

from collections.abc import Callable
from typing import TypeVar

import click

F = TypeVar("F", bound=Callable[..., object])


def group_argument(command: F) -> F:
    """Add the argument GROUP, a slug or an id."""
    return click.argument("group")(command)


def limit_option(command: F) -> F:
    """Add ``--limit``."""
    return click.option(
        "--limit", type=click.IntRange(min=0), metavar="N", help="List no more than N."
    )(command)


def sort_option(*orders: str, default: str | None = None) -> Callable[[F], F]:
    """Return a decorator that adds ``--sort`` with these orders."""
    text = "The order." if default is None else f"The order. [default: {default}]"
    return click.option("--sort", type=click.Choice(orders), default=default, help=text)
