"""The command ``arena-groups auth``: login, logout and status."""

from __future__ import annotations

from functools import partial
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
    require_token,
    retry_policy,
    uses_environment_token,
)
from arena_groups.cli.errors import REVOKE_HINT, CliError, ExitCode, describe_api
from arena_groups.cli.main import (
    CommandGroup,
    example,
    run_async,
    show_help_without_command,
    shows,
)
from arena_groups.cli.options import APP, ENTERED, PORT, Settings, common_options

if TYPE_CHECKING:
    from arena_groups._api import Secret
    from arena_groups.oauth import OAuthClient

# ruff: noqa: PLC0415 - keeps --help fast

CALLBACK_PORT = 8765
SCOPES = {"read": ("read",), "write": ("read", "write")}
_ENTER_HINT = "create a token in your settings at Are.na, and type it or pipe it in"


@example("Show the current user", "auth status")
@example("Log in with a token from your settings at Are.na", "auth login")
@click.group("auth", cls=CommandGroup, invoke_without_command=True)
@common_options
@click.pass_context
def command(context: click.Context) -> None:
    """Log in, log out, and show the current user.

    If ARENA_TOKEN is set, it is used instead of the stored token.
    """
    show_help_without_command(context)


@example("Check in a script whether a token works", "auth status > /dev/null")
@example("Show the current user and quota", "auth status")
@shows(lambda: output.AUTH_STATUS)
@command.command("status", short_help="Show the current user, token source, scopes and quota.")
@common_options
@click.pass_obj
def status(settings: Settings) -> None:
    """Show the current user, and the source, scopes and quota of the token.

    Whether the token has the scope write is known only after a login with --web.
    """
    run_async(settings, show_status(settings))


async def show_status(settings: Settings) -> None:
    """Write the user of the token, and its scopes and quota."""
    login = None if settings.sandbox else find_token(settings)
    require_token(settings)
    async with connected(settings) as arena:
        me = await arena.me()
        quota = arena.pacer.snapshot()
    granted = () if login is None else login.scopes
    status = output.AuthStatusRow(
        base_url=SANDBOX_SOURCE if settings.sandbox else base_url_of(settings),
        token_source=settings.token_source,
        user_id=me.id,
        slug=me.slug,
        name=me.name,
        tier=me.tier.value,
        # A successful read proves the scope read; only a write could prove write.
        scopes=list(granted or ["read"]),
        write=_may_write(granted),
        quota_limit=quota.limit,
        quota_window=quota.window,
        quota_left=None if quota.limit is None else max(0, quota.limit - quota.used),
        quota_resets_in=None if quota.resets_in is None else round(quota.resets_in, 1),
    )
    output.write_one(settings, output.AUTH_STATUS, status)


@example("With a browser, for an OAuth app of yours", "auth login --web --client-id ID")
@example("With a token from a file", "auth login < token.txt")
@example("With a token, typed at the prompt", "auth login")
@command.command("login", short_help="Store a token: typed, piped in, or granted in a browser.")
@click.option("--web", is_flag=True, help="Log in with a browser, by OAuth.")
@click.option("--client-id", metavar="ID", help="Client ID of your OAuth app. Needs --web.")
@click.option(
    "--client-secret-stdin",
    is_flag=True,
    help="Prompt for the app's secret, or read it from a pipe.",
)
@click.option(
    "--scope",
    type=click.Choice(list(SCOPES)),
    help="What the token may do: read, or read and write. Needs --web.  [default: write]",
)
@click.option(
    "--port",
    type=PORT,
    default=CALLBACK_PORT,
    show_default=True,
    metavar="N",
    help="Port of the redirect URI http://127.0.0.1:N/callback.",
)
@click.option("--no-browser", is_flag=True, help="Show the address instead of opening a browser.")
@common_options
@click.pass_obj
def login(
    settings: Settings,
    *,
    web: bool,
    client_id: str | None,
    client_secret_stdin: bool,
    scope: str | None,
    port: int,
    no_browser: bool,
) -> None:
    """Store a token in the system's keyring, or else in a file that only you can read.

    The token is typed at a prompt, or read from standard input if that is not a terminal. It
    is stored only if the API accepts it.
    """
    _refuse_sandbox(settings)
    if web is (client_id is None):
        raise click.UsageError("--web and --client-id must be given together")
    if client_secret_stdin and not web:
        raise click.UsageError("--client-secret-stdin needs --web")
    if scope is not None and not web:
        raise click.UsageError("--scope needs --web: an entered token has its scopes already")
    from arena_groups._api import Secret
    from arena_groups.cli.credentials import check_store

    with output.log_to_stderr(settings):
        check_store(partial(output.notify, settings))
    if client_id is None:
        run_async(settings, log_in(settings, Secret(output.ask_secret("Token"))))
        return
    secret = Secret(output.ask_secret("Client secret")) if client_secret_stdin else None
    scopes = SCOPES[scope or "write"]
    work = log_in_with_browser(settings, client_id, secret, scopes, port, browser=not no_browser)
    run_async(settings, work)


async def log_in(settings: Settings, token: Secret) -> None:
    """Check an entered token with the API, store it, and write its user."""
    settings.token_source = ENTERED
    me = await _fetch_user(token, base_url_of(settings))
    _store(settings, token, (), me)


async def keep_grant(settings: Settings, token: Secret, scopes: tuple[str, ...]) -> None:
    """Store a token that was granted in a browser, and write its user.

    The token is valid from now on. So it is stored even if the API cannot check it now, and a
    message says where to revoke one that is not kept.
    """
    settings.token_source = ENTERED
    try:
        me = await _fetch_user_if_possible(settings, token)
        if output.is_interactive():
            who = "an unknown user" if me is None else f"{me.name} ({me.slug})"
            output.confirm(settings, f"Log in as {who}?", [])
        _store(settings, token, scopes, me)
    except BaseException:
        output.notify(settings, f"the new token was not kept; {REVOKE_HINT}")
        raise


async def _fetch_user_if_possible(settings: Settings, token: Secret) -> arena_groups.Me | None:
    """Return the user of a new token, or ``None`` if the API cannot answer now."""
    try:
        return await _fetch_user(token, base_url_of(settings))
    except arena_groups.AuthenticationError:
        raise
    except arena_groups.ArenaError as error:
        output.notify(settings, f"the new token cannot be checked: {describe_api(error).message}")
        return None


def _store(
    settings: Settings, token: Secret, scopes: tuple[str, ...], me: arena_groups.Me | None
) -> None:
    from arena_groups.cli.credentials import store_login

    base_url = base_url_of(settings)
    place = store_login(base_url, token, scopes, partial(output.notify, settings))
    output.info(settings, f"token stored in {place}")
    if uses_environment_token(settings):
        output.info(settings, f"{TOKEN_VARIABLE} is set and is used instead of the stored token")
    if me is None:
        change = output.ActionRow(outcome="logged_in", type="Login", target=base_url)
    else:
        target = f"{me.name} ({me.slug})"
        change = output.ActionRow(outcome="logged_in", type="User", id=me.id, target=target)
    output.write_one(settings, output.ACTIONS, change)


@example("Delete the stored token", "auth logout")
@command.command("logout")
@common_options
@click.pass_obj
def logout(settings: Settings) -> None:
    """Delete the stored token. It remains valid until you revoke it at Are.na."""
    _refuse_sandbox(settings)
    run_async(settings, log_out(settings))


async def log_out(settings: Settings) -> None:
    """Delete the stored token, and write whether there was one."""
    from arena_groups.cli.credentials import delete_login

    base_url = base_url_of(settings)
    removed = delete_login(base_url, partial(output.notify, settings))
    outcome = "logged_out" if removed else "not_logged_in"
    if uses_environment_token(settings):
        output.info(settings, f"{TOKEN_VARIABLE} is still set and is used")
    output.write_one(
        settings, output.ACTIONS, output.ActionRow(outcome=outcome, type="Login", target=base_url)
    )


def _refuse_sandbox(settings: Settings) -> None:
    """Raise ``UsageError`` for ``--sandbox``, which must not touch the real login."""
    if settings.sandbox:
        raise click.UsageError("--sandbox needs no login")


async def _fetch_user(token: Secret, base_url: str) -> arena_groups.Me:
    if token.validation_error():
        message = f"the token {token.validation_error()}"
        raise CliError("unauthorized", message, ExitCode.UNAUTHORIZED, _ENTER_HINT)
    async with arena_groups.ArenaClient(
        token.reveal(), base_url=base_url, trust_env=True, retry=retry_policy(), app=APP
    ) as arena:
        return await arena.me()


def _may_write(granted: tuple[str, ...]) -> str:
    if not granted:
        return "unknown"
    return "yes" if "write" in granted else "no"


async def log_in_with_browser(
    settings: Settings,
    client_id: str,
    secret: Secret | None,
    scopes: tuple[str, ...],
    port: int,
    *,
    browser: bool,
) -> None:
    """Have the user grant access in a browser, then store the token."""
    from arena_groups.cli.browser_login import authorize, oauth_client

    def make_client(redirect_uri: str) -> OAuthClient:
        return oauth_client(client_id, secret, redirect_uri, base_url_of(settings))

    notify = partial(output.notify, settings)
    token, granted = await authorize(make_client, scopes, port, notify, browser=browser)
    await keep_grant(settings, token, granted)
