"""Pages of groups and users on are.na, opened in a browser."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from arena_groups.cli import output
from arena_groups.cli.connect import connected
from arena_groups.cli.errors import CliError

# ruff: noqa: PLC0415 - keeps --help fast

if TYPE_CHECKING:
    from arena_groups.cli.options import Settings

F = TypeVar("F", bound=Callable[..., object])
WITH_WEB = {
    "web", "user", "all_groups",
    "format", "sandbox", "base_url", "yes", "quiet", "verbose", "no_pager",
}  # fmt: skip
"""Names of the options that do no harm beside ``--web``."""


class WebOption(click.Option):
    """A flag that opens a page in place of results, so that the options of results are refused."""

    def handle_parse_result(
        self, ctx: click.Context, opts: Mapping[str, Any], args: list[str]
    ) -> tuple[Any, list[str]]:
        """Read the flag, and raise ``UsageError`` if an option beside it has no effect."""
        if self.name in opts and not ctx.resilient_parsing:
            for option in ctx.command.params:
                is_given = isinstance(option, click.Option) and option.name in opts
                if is_given and option.name not in WITH_WEB:
                    name = max(option.opts, key=len)
                    raise click.UsageError(f"{name} has no effect with --web", ctx)
        return super().handle_parse_result(ctx, opts, args)


def web_option(command: F) -> F:
    """Add ``--web``."""
    text = "Open the page in a browser instead."
    return click.option("--web", cls=WebOption, is_flag=True, help=text)(command)


async def open_group(settings: Settings, group: str) -> None:
    """Open the page of a group, after a request that shows that it exists."""
    refuse_sandbox(settings)
    async with connected(settings) as arena:
        url = (await arena.groups.get(group)).url
    await open_page(settings, url)


async def open_page(settings: Settings, url: str) -> None:
    """Open a page in a browser, and show its address: in a pipe, as the result.

    Raises:
        CliError: If no browser can be opened.
    """
    import asyncio

    from arena_groups.cli.browser_login import open_in_browser

    if output.is_terminal(sys.stdout):
        output.info(settings, f"opening {url}")
    else:
        print(url, file=output.stdout_stream(), flush=True)
    if not await asyncio.to_thread(open_in_browser, url):
        hint = f"open {url} yourself, or name a browser in BROWSER"
        raise CliError("system", "cannot open a browser", hint=hint)


def refuse_sandbox(settings: Settings) -> None:
    """Raise ``UsageError`` for a private sandbox, whose groups have no page."""
    if settings.sandbox:
        raise click.UsageError("the groups of --sandbox have no page")
