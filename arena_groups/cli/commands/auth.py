"""``arena-groups auth``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

import arena_groups
from arena_groups.cli import output
from arena_groups.cli.connect import (
    SANDBOX_SOURCE,
    TOKEN_VARIABLE,
    base_url_of,
    connected,
    find_token,
    needs_token,
    retry_policy,
)
from arena_groups.cli.errors import ExitCode, Problem, ProblemError
from arena_groups.cli.main import CommandGroup, example, help_without_command, wait_for
from arena_groups.cli.options import ENTERED, PORT, Settings, common_options
from arena_groups.cli.prompts import ask_secret

if TYPE_CHECKING:
    from arena_groups._api import Secret
    from arena_groups.cli.browser_login import OAuth

# ruff: noqa: PLC0415 - help loads nothing that takes time

CALLBACK_PORT = 8765
_ENTER = "make a token in your settings at Are.na, and type it, paste it or pipe it in"


@example("Who am I here?", "auth status")
@example("Log in with a token from your settings at Are.na", "auth login")
@click.group("auth", cls=CommandGroup, invoke_without_command=True)
@common_options
@click.pass_context
def command(context: click.Context) -> None:
    """Log in, log out, and see who you are.

    The token of ARENA_TOKEN comes first, then the one stored by logging in.
    """
    help_without_command(context)


@example("Am I logged in? The exit code tells", "auth status --quiet")
@example("Who am I, and how much may I ask?", "auth status")
@command.command("status", short_help="Show who you are here, and what is left of your quota.")
@common_options
@click.pass_obj
def status(settings: Settings) -> None:
    """Show who the token stands for, where it came from, its quota and its scopes.

    Nothing is written to find out, so whether the token may write is often unknown.
    """
    wait_for(settings, show_status(settings))


async def show_status(settings: Settings) -> None:
    """Write who the token stands for, and what is known of its quota and scopes."""
    pacer = arena_groups.QuotaPacer()
    login = None if settings.sandbox else find_token(settings)
    needs_token(settings)
    async with connected(settings, pacer=pacer) as arena:
        me = await arena.me()
    quota = pacer.snapshot()
    granted = () if login is None else login.scopes
    status = output.AuthStatus(
        base_url=SANDBOX_SOURCE if settings.sandbox else base_url_of(settings),
        token_source=settings.token_source,
        user_id=me.id,
        slug=me.slug,
        name=me.name,
        tier=me.tier.value,
        # An answer to a read proves the scope read; only a write would tell of write.
        scopes=list(granted or ["read"]),
        write=_may_write(granted),
        quota_limit=quota.limit,
        quota_window=quota.window,
        quota_left=None if quota.limit is None else max(0, quota.limit - quota.used),
        quota_resets_in=None if quota.resets_in is None else round(quota.resets_in, 1),
    )
    output.write_one(settings, output.AUTH_STATUS, status)


@example("With the browser, for an app of yours", "auth login --web --client-id ID")
@example("From a password manager", "auth login < token.txt")
@example("With a token, typed or pasted when asked for", "auth login")
@command.command("login", short_help="Store a token: typed, piped in, or granted in a browser.")
@click.option("--web", is_flag=True, help="Authorize with the browser, by OAuth.")
@click.option("--client-id", metavar="ID", help="Of your OAuth app. Needs --web.")
@click.option(
    "--client-secret-stdin", is_flag=True, help="Ask for the app's secret, or read it from a pipe."
)
@click.option(
    "--port",
    type=PORT,
    default=CALLBACK_PORT,
    show_default=True,
    metavar="N",
    help="Where the browser's answer arrives: register http://127.0.0.1:N/callback.",
)
@click.option("--no-browser", is_flag=True, help="Only tell which address to open.")
@common_options
@click.pass_obj
def login(
    settings: Settings,
    *,
    web: bool,
    client_id: str | None,
    client_secret_stdin: bool,
    port: int,
    no_browser: bool,
) -> None:
    """Store a token, in the system's keyring or else in a file that only you can read.

    The token is asked for at a terminal and read from standard input elsewhere. It is stored
    once the API has accepted it.
    """
    _refuse_sandbox(settings)
    if web is (client_id is None):
        raise click.UsageError("--web and --client-id go together")
    if client_secret_stdin and not web:
        raise click.UsageError("--client-secret-stdin needs --web")
    from arena_groups._api import Secret

    if client_id is None:
        wait_for(settings, log_in(settings, Secret(ask_secret("Token"))))
        return
    secret = Secret(ask_secret("Client secret")) if client_secret_stdin else None
    work = log_in_with_browser(settings, client_id, secret, port, browser=not no_browser)
    wait_for(settings, work)


async def log_in(settings: Settings, token: Secret, scopes: tuple[str, ...] = ()) -> None:
    """Check a token, store it, and write whose it is."""
    from arena_groups.cli.credentials import store_login

    base_url = base_url_of(settings)
    settings.token_source = ENTERED
    me = await _whose(token, base_url)
    place = store_login(base_url, token, scopes)
    output.note(settings, f"the token is kept in {place}")
    if os.environ.get(TOKEN_VARIABLE):
        output.note(settings, f"{TOKEN_VARIABLE} is set, and comes before what is stored")
    change = output.Change(
        outcome="logged in", type="User", id=me.id, what=f"{me.name} ({me.slug})"
    )
    output.write_one(settings, output.CHANGES, change)


@example("Forget the stored token", "auth logout")
@command.command("logout")
@common_options
@click.pass_obj
def logout(settings: Settings) -> None:
    """Remove the stored token. It stays valid; revoke it at Are.na to end that."""
    _refuse_sandbox(settings)
    wait_for(settings, log_out(settings))


async def log_out(settings: Settings) -> None:
    """Remove the stored token, and write whether there was one."""
    from arena_groups.cli.credentials import forget_login

    base_url = base_url_of(settings)
    outcome = "logged out" if forget_login(base_url) else "was not logged in"
    if os.environ.get(TOKEN_VARIABLE):
        output.note(settings, f"{TOKEN_VARIABLE} is still set")
    output.write_one(
        settings, output.CHANGES, output.Change(outcome=outcome, type="Login", what=base_url)
    )


def _refuse_sandbox(settings: Settings) -> None:
    """Refuse to store or remove the real token for a sandbox, which has tokens of its own."""
    if settings.sandbox:
        raise click.UsageError("the sandbox of --sandbox has no login")


async def _whose(token: Secret, base_url: str) -> arena_groups.Me:
    if token.validation_error():
        message = f"the token {token.validation_error()}"
        raise ProblemError(Problem("unauthorized", message, ExitCode.UNAUTHORIZED, _ENTER))
    async with arena_groups.ArenaClient(
        token.reveal(), base_url=base_url, retry=retry_policy()
    ) as arena:
        return await arena.me()


def _may_write(granted: tuple[str, ...]) -> str:
    if not granted:
        return "unknown"
    return "yes" if "write" in granted else "no"


async def log_in_with_browser(
    settings: Settings, client_id: str, secret: Secret | None, port: int, *, browser: bool
) -> None:
    """Let somebody authorize this program in a browser, and store the token that it gets."""
    from arena_groups.cli.browser_login import authorize, oauth_client

    base_url = None if settings.base_url is None else base_url_of(settings)

    def client(redirect_uri: str) -> OAuth:
        return oauth_client(client_id, secret, redirect_uri, base_url)

    def tell(text: str) -> None:
        output.instruct(settings, text)

    token, scopes = await authorize(client, port, tell, browser=browser)
    await log_in(settings, token, scopes)
