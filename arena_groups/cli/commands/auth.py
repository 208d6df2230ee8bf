"""The command ``arena-groups auth``: login, logout and status."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, NoReturn

import click

import arena_groups
from arena_groups.cli import output
from arena_groups.cli.connect import (
    SANDBOX_SOURCE,
    TOKEN_VARIABLE,
    base_url_of,
    choose_server,
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
from arena_groups.cli.options import APP, ENTERED, PORT, Format, Settings, common_options

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

    Each API has its own login, and the last one is the current one: commands use it unless
    another API is named. If ARENA_TOKEN is set, it is used instead of the stored token.
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

    If there are several logins, all are listed. Only the current one is checked.

    Whether the token has the scope write is known only after a login with --web.
    """
    run_async(settings, show_status(settings))


async def show_status(settings: Settings) -> None:
    """Write the user of the token, its scopes and quota, and all logins."""
    login = None if settings.sandbox else find_token(settings)
    logins = [] if settings.sandbox else _logins(settings)
    try:
        _require_login(settings, logins)
        async with connected(settings) as arena:
            me = await arena.me()
            quota = arena.pacer.snapshot()
    except (arena_groups.ArenaError, CliError):
        _write_logins(settings, logins)
        raise
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
        logins=logins,
    )
    output.write_one(settings, output.AUTH_STATUS, status)
    _write_logins(settings, logins, before="\n")


def _require_login(settings: Settings, logins: Sequence[output.LoginRow]) -> None:
    """Raise an error if there is no token. It names the other logins."""
    try:
        require_token(settings)
    except CliError as error:
        if logins:
            error.hint = f"`arena-groups auth switch` selects another login; {error.hint}"
        raise


def _logins(settings: Settings) -> list[output.LoginRow]:
    """Return the stored logins, and whether each is the one that commands use now."""
    from arena_groups.cli.credentials import KEYRING, stored_logins
    from arena_groups.cli.login_file import login_file

    used = None if uses_environment_token(settings) else base_url_of(settings)
    return [
        output.LoginRow(
            base_url=base_url,
            current=base_url == used,
            user=entry.user,
            token_source=KEYRING if entry.token is None else f"the file {login_file()}",
        )
        for base_url, entry in stored_logins(partial(output.notify, settings)).items()
    ]


def _write_logins(
    settings: Settings, logins: Sequence[output.LoginRow], *, before: str = ""
) -> None:
    """Write the logins below the status in a table; the other formats have them in the status."""
    stream = output.stdout_stream()
    as_table = settings.chosen_format(terminal=stream.isatty()) is Format.TABLE
    if as_table and not settings.columns and any(not login.current for login in logins):
        stream.write(before)
        results = output.Results(settings, output.LOGINS, None)
        for login in logins:
            results.write(login)
        results.close()


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
    is stored only if the API accepts it, and for that API only: Are.na, or the one of --base-url,
    ARENA_BASE_URL or the configuration file. That is then the API of commands that name none.
    """
    _refuse_sandbox(settings)
    # Never the API of an earlier login: a token for Are.na could go there.
    settings.server = choose_server(settings, None)
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
        run_async(
            settings,
            log_in(settings, Secret(output.ask_secret(f"Token for {settings.server.value}"))),
        )
        return
    secret = Secret(output.ask_secret("Client secret")) if client_secret_stdin else None
    scopes = SCOPES[scope or "write"]
    work = log_in_with_browser(settings, client_id, secret, scopes, port, browser=not no_browser)
    run_async(settings, work)


async def log_in(settings: Settings, token: Secret) -> None:
    """Check an entered token with the API, store it, and write its user."""
    settings.token_source = ENTERED
    me = await _fetch_user(settings, token)
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
        return await _fetch_user(settings, token)
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
    warn, user = partial(output.notify, settings), "" if me is None else me.slug
    place = store_login(base_url, token, scopes, warn, user=user)
    output.info(settings, f"token stored in {place}")
    if uses_environment_token(settings):
        output.info(settings, f"{TOKEN_VARIABLE} is set and is used instead of the stored token")
    if me is None:
        change = output.ActionRow(outcome="logged_in", type="Login", target=base_url)
    else:
        target = f"{me.name} ({me.slug})"
        change = output.ActionRow(outcome="logged_in", type="User", id=me.id, target=target)
    output.write_one(settings, output.ACTIONS, change)


@example("Delete the token of another API", "auth logout --base-url http://127.0.0.1:8080")
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
    from arena_groups.cli.credentials import current_host, delete_login, stored_logins

    base_url, warn = base_url_of(settings), partial(output.notify, settings)
    before = current_host(warn)
    removed = delete_login(base_url, warn)
    outcome = "logged_out" if removed else "not_logged_in"
    left, current = stored_logins(warn), current_host(warn)
    if uses_environment_token(settings):
        output.info(settings, f"{TOKEN_VARIABLE} is still set and is used")
    elif current is not None and current != before:
        output.info(settings, f"the current login is now that of {current}")
    elif left and current is None:
        places = ", ".join(left)
        output.info(settings, f"there are logins for {places}: `arena-groups auth switch` uses one")
    output.write_one(
        settings, output.ACTIONS, output.ActionRow(outcome=outcome, type="Login", target=base_url)
    )


@shows(lambda: output.ACTIONS)
@example("Use the other one of two logins", "auth switch")
@example("Use the login of Are.na from now on", "auth switch https://api.are.na")
@command.command("switch", short_help="Choose the login that commands use.")
@click.argument("url", required=False)
@common_options
@click.pass_obj
def switch(settings: Settings, *, url: str | None) -> None:
    """Choose the login that commands use from now on, if they name no API.

    URL is the base URL or the host of a stored login. It may be left out if there are two.
    """
    _refuse_sandbox(settings)
    if url is not None and settings.base_url is not None:
        raise click.UsageError("URL and --base-url cannot be combined")
    run_async(settings, switch_to(settings, url or settings.base_url))


async def switch_to(settings: Settings, url: str | None) -> None:
    """Make a stored login the current one, and write which one it is."""
    from arena_groups.cli.credentials import current_host, stored_logins, switch_login

    warn = partial(output.notify, settings)
    known = list(stored_logins(warn))
    if url is not None:
        chosen = _login_named(url, known)
    else:
        others = [base_url for base_url in known if base_url != current_host(warn)]
        chosen = others[0] if len(others) == 1 else _ask_for_url(known)
    switch_login(chosen, warn)
    used = choose_server(settings, chosen)
    if os.environ.get(TOKEN_VARIABLE):
        output.info(settings, f"{TOKEN_VARIABLE} is set and is used instead of the stored token")
    elif used.value != chosen:
        output.info(settings, f"commands still use {used.value}: it comes from {used.source}")
    output.write_one(
        settings, output.ACTIONS, output.ActionRow(outcome="switched", type="Login", target=chosen)
    )


def _login_named(url: str, known: Sequence[str]) -> str:
    """Return the base URL of the login that ``url`` names: as it is, or by its host."""
    from yarl import URL

    from arena_groups._http.network import checked_base_url
    from arena_groups.cli.credentials import not_logged_in

    found = [each for each in known if url.lower() in {URL(each).host, URL(each).authority}]
    if len(found) == 1:
        return found[0]
    try:
        base_url = checked_base_url(url, insecure_http=True, name="URL")
    except ValueError as error:
        hint = f"there are logins for {', '.join(known)}" if known else ""
        raise CliError("usage", str(error), hint=hint) from None
    if base_url not in known:
        raise not_logged_in(base_url, known)
    return base_url


def _ask_for_url(known: Sequence[str]) -> NoReturn:
    if not known:
        raise CliError(
            "unauthorized", "there is no login", ExitCode.UNAUTHORIZED, "arena-groups auth login"
        )
    raise CliError("usage", "name the API to use", hint=f"there are logins for {', '.join(known)}")


def _refuse_sandbox(settings: Settings) -> None:
    """Raise ``UsageError`` for ``--sandbox``, which must not touch the real login."""
    if settings.sandbox:
        raise click.UsageError("--sandbox needs no login")


async def _fetch_user(settings: Settings, token: Secret) -> arena_groups.Me:
    if token.validation_error():
        message = f"the token {token.validation_error()}"
        raise CliError("unauthorized", message, ExitCode.UNAUTHORIZED, _ENTER_HINT)
    from arena_groups.cli.request_summary import RequestSummary

    summary = RequestSummary()
    async with arena_groups.ArenaClient(
        token.reveal(),
        base_url=base_url_of(settings),
        trust_env=True,
        retry=retry_policy(),
        app=APP,
        on_request=summary.record,
    ) as arena:
        with summary.written_for(settings, arena):
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
