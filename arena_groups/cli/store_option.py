"""Option for the store of watches and plans: a file, or a Redis server."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    StoreParamType = click.ParamType[str | Path]
else:
    StoreParamType = click.ParamType  # generic in newer releases only

F = TypeVar("F", bound=Callable[..., object])

STORE_VARIABLE = "ARENA_STORE"
REDIS_SCHEMES = ("redis://", "rediss://", "unix://")


class StoreType(StoreParamType):
    """A file, or the URL of a Redis server, which may contain a password."""

    name = "store"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str | Path:
        """Return a URL as it is, and everything else as a path."""
        text = str(value)
        if text.startswith(REDIS_SCHEMES):
            return text
        if "://" in text:
            self.fail(f"use a file, or a URL with {', '.join(REDIS_SCHEMES)}", param, ctx)
        return Path(str(click.Path(dir_okay=False).convert(text, param, ctx)))

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> "list[CompletionItem]":
        """Let the shell complete a file."""
        return click.Path().shell_complete(ctx, param, incomplete)


def store_option(text: str) -> Callable[[F], F]:
    """Return a decorator that adds ``--store`` with this help."""
    return click.option(
        "--store", type=StoreType(), envvar=STORE_VARIABLE, metavar="STORE", help=text
    )
