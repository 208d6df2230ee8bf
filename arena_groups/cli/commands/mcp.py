"""The command ``arena-groups mcp``: a server of the Model Context Protocol for assistants."""

from __future__ import annotations

import click

from arena_groups.cli.connect import connected
from arena_groups.cli.errors import CliError
from arena_groups.cli.main import Command, example, run_async
from arena_groups.cli.options import Settings, common_options

# ruff: noqa: PLC0415 - keeps --help fast


@example("Try it with a sandbox", "mcp --sandbox")
@example("Serve your groups to an assistant, to read", "mcp")
@click.command("mcp", cls=Command)
@common_options
@click.pass_obj
def command(settings: Settings) -> None:
    """Serve tools for groups to an assistant, over standard input and output.

    The host of an assistant starts this command, and speaks the Model Context Protocol with it.
    The assistant can read your groups, and change nothing.
    """
    run_async(settings, serve(settings))


async def serve(settings: Settings) -> None:
    """Serve one host until it closes standard input.

    Raises:
        CliError: If the extra ``mcp`` is not installed.
    """
    try:
        from arena_groups.mcp import create_server
    except ImportError as error:
        raise CliError("system", str(error)) from None
    async with connected(settings) as arena:
        await create_server(arena).run_stdio_async()
