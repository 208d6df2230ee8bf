"""The command ``arena-groups mcp``: a server of the Model Context Protocol for assistants."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from arena_groups.cli import output
from arena_groups.cli.connect import connected, opened_store
from arena_groups.cli.errors import CliError, cannot_listen, no_token
from arena_groups.cli.main import Command, example, run_async
from arena_groups.cli.options import PORT, Settings, common_options, refuse_common_options
from arena_groups.cli.store_option import store_option

if TYPE_CHECKING:
    from mcp.server import MCPServer

    from arena_groups._api import Secret

# ruff: noqa: PLC0415 - keeps --help fast

TOKEN_VARIABLE = "ARENA_MCP_TOKEN"  # noqa: S105 - its name, not a token
EFFECTIVE = ("base_url", "format", "quiet", "sandbox", "verbose")
"""Common options that have an effect on this command."""


@dataclass(frozen=True, kw_only=True)
class Permissions:
    """What the owner of the server lets assistants do and see."""

    allow_writes: bool
    allow_removals: bool
    show_personal_data: bool
    show_invite_code: bool


@dataclass(frozen=True)
class HttpAccess:
    """Port of the server, and the token that requests need.

    Attributes:
        port: Port of the loopback interface; 0 for any free one.
        token: The token.
        is_new: Whether the token was created for this run, and has to be shown.
    """

    port: int
    token: Secret
    is_new: bool


@example("Serve programs of this machine that connect over HTTP", "mcp --http 8765")
@example("Let it invite people, too", "mcp --allow-writes --store FILE")
@example("Let an assistant read your groups", "mcp")
@example("Try it without an account", "mcp --sandbox")
@click.command("mcp", cls=Command)
@click.option(
    "--http",
    "port",
    type=PORT,
    metavar="PORT",
    help="Serve HTTP at this port of 127.0.0.1 (0: any free port), not standard input and output.",
)
@click.option(
    "--allow-writes",
    is_flag=True,
    help="Add tools that invite, revoke, remove and sync, each in two steps.",
)
@click.option(
    "--allow-removals",
    is_flag=True,
    help="Let hosts that cannot ask you revoke, remove and sync, too.",
)
@click.option(
    "--show-personal-data", is_flag=True, help="Show email addresses, and the invite code."
)
@click.option("--show-invite-code", is_flag=True, help="Show the invite code of a group.")
@store_option("Keep rosters, and who was invited, in this file or Redis (redis://HOST:PORT/0).")
@common_options
@click.pass_context
def command(
    context: click.Context,
    /,
    *,
    port: int | None,
    store: str | Path | None,
    **permissions: bool,
) -> None:
    """Serve tools for groups to an assistant, until its host closes the input.

    The host, which is the program of the assistant, starts this command and speaks the Model
    Context Protocol with it. Without --allow-writes, the assistant can read your groups, and
    change nothing.

    With --http, each request needs the token of ARENA_MCP_TOKEN; without that variable, a new
    token is written to standard error.
    """
    settings = context.ensure_object(Settings)
    refuse_common_options(context, except_for=EFFECTIVE)
    permitted = Permissions(**permissions)
    if permitted.allow_removals and not permitted.allow_writes:
        raise click.UsageError("--allow-removals needs --allow-writes")
    _require_extra()
    access = None if port is None else http_access(port)
    from arena_groups.cli.termination import Termination

    termination = Termination()
    try:
        run_async(settings, termination.run(serve_groups(settings, permitted, store, access)))
    finally:
        termination.close()


def _require_extra() -> None:
    try:
        import_module("arena_groups.mcp")
    except ImportError as error:
        raise CliError("system", str(error)) from None


def http_access(port: int) -> HttpAccess:
    """Return a port with the token of ARENA_MCP_TOKEN, or else with a new one.

    Raises:
        CliError: If the token of the variable cannot be used.
    """
    from arena_groups._api import Secret
    from arena_groups.mcp.http_app import new_token, token_problem

    if not os.environ.get(TOKEN_VARIABLE):
        return HttpAccess(port, Secret(new_token()), is_new=True)
    token = Secret(os.environ[TOKEN_VARIABLE])
    if problem := token_problem(token.reveal()):
        hint = "without the variable, a new token is written to standard error"
        raise CliError("usage", f"{TOKEN_VARIABLE} {problem}", hint=hint)
    return HttpAccess(port, token, is_new=False)


async def serve_groups(
    settings: Settings,
    permitted: Permissions,
    place: str | Path | None,
    access: HttpAccess | None,
) -> None:
    """Serve tools for the groups of the user: over HTTP, or else standard input and output.

    Raises:
        CliError: If the port, the store or a standard stream cannot be used.
    """
    from arena_groups.cli.output.messages import errors_to_stderr
    from arena_groups.mcp import create_server

    async with opened_store(place) as store, connected(settings, notes_waits=False) as arena:
        await store.read("mcp")  # an error of the store is for the owner, not for an assistant
        if permitted.allow_writes and not settings.token_source:
            error = no_token()
            output.notify(settings, f"{error.message}, so nothing can be changed: {error.hint}")
        server = create_server(
            arena,
            allow_writes=permitted.allow_writes,
            allow_removals=permitted.allow_removals,
            show_personal_data=permitted.show_personal_data,
            show_invite_code=permitted.show_invite_code,
            store=None if place is None else store,
        )
        with errors_to_stderr(settings):
            if access is None:
                await _serve_stdio(settings, server)
            else:
                await _serve_http(settings, server, access)


async def _serve_stdio(settings: Settings, server: MCPServer[Any]) -> None:
    from arena_groups.mcp.stdio import serve_stdio

    if sys.stdin is None or sys.stdout is None:
        hint = "let the host start this command, or use --http"
        raise CliError("system", "standard input or output is closed", hint=hint)
    if output.is_terminal(sys.stdin):
        output.info(settings, "waiting for the host of an assistant; Ctrl-C ends this")
    await serve_stdio(server)


async def _serve_http(settings: Settings, server: MCPServer[Any], access: HttpAccess) -> None:
    from arena_groups.mcp.http_app import LOOPBACK, PATH, RequestGuard, listen, serve_http

    try:
        listener = listen(access.port)
    except OSError as error:
        raise cannot_listen(access.port, error, option="--http") from None
    port: int = listener.getsockname()[1]
    url = f"http://{LOOPBACK}:{port}{PATH}"
    _write_server(settings, {"url": url}, f"serving {url} until Ctrl-C")
    if access.is_new:
        token = access.token.reveal()
        _write_server(settings, {"token": token}, f"token for this run: {token}")
        del token  # keeps it out of tracebacks
    await serve_http(server, RequestGuard(access.token.reveal(), port), listener)


def _write_server(settings: Settings, facts: dict[str, object], text: str) -> None:
    from arena_groups.cli.output.messages import write_facts

    write_facts(settings, "server", facts, f"arena-groups: {text}")
