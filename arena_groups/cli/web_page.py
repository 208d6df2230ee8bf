"""Pages of groups and users on are.na, opened in a browser."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import click

from arena_groups.cli import output
from arena_groups.cli.connect import connected
from arena_groups.cli.errors import CliError

if TYPE_CHECKING:
    from arena_groups.cli.options import Settings


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
    from arena_groups.cli.browser_login import open_in_browser  # noqa: PLC0415 - keeps --help fast

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
