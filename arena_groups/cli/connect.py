"""Client of a command: API or sandbox, with the token from the environment or the login."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

import arena_groups
from arena_groups.cli import output
from arena_groups.cli.defaults import BASE_URL_VARIABLE, BUILT_IN, FILE, LOGIN, first
from arena_groups.cli.errors import CliError, malformed_token, no_token
from arena_groups.cli.options import APP, Default, Settings

if TYPE_CHECKING:
    from arena_groups.cli.credentials import Login

# ruff: noqa: PLC0415 - keeps --help fast

TOKEN_VARIABLE = "ARENA_TOKEN"  # noqa: S105 - its name, not a token
SANDBOX_TOKEN = "sandbox_"  # noqa: S105 - how each of them begins
SANDBOX_SOURCE = "the sandbox"


def retry_policy() -> arena_groups.RetryPolicy:
    """Return the retry policy of commands.

    It is shorter than the client's own: a user who waits is better served by an error that
    says when to try again.
    """
    return arena_groups.RetryPolicy(attempts=3, total=30, max_retry_after=10)


@asynccontextmanager
async def connected(
    settings: Settings,
    *,
    retry: arena_groups.RetryPolicy | None = None,
    redis: str | None = None,
    background: bool = False,
    notes_waits: bool = True,
) -> AsyncGenerator[arena_groups.ArenaClient, None]:
    """Yield a client for the chosen API; close it, and the sandbox if any, at the end.

    With ``redis``, the URL of a Redis server, the client shares its rate limit with all processes
    that use the same token and server. Each sandbox has a rate limit of its own. With
    ``background``, its calls may wait for others with the same pacer, and the caller shows how far
    it is. Otherwise, and with ``notes_waits``, a note says how long the calls wait for the quota.
    """
    from arena_groups._client import in_background
    from arena_groups.cli.request_summary import RequestSummary, noted_quota_waits

    summary, retry = RequestSummary(), retry or retry_policy()
    on_request = summary.record if settings.verbose else None
    if settings.sandbox:
        refuse_base_url(settings)
        from arena_groups.sandbox import Sandbox

        settings.token_source = SANDBOX_SOURCE
        async with (
            Sandbox() as sandbox,
            arena_groups.ArenaClient(
                sandbox.tokens.owner,
                base_url=sandbox.url,
                retry=retry,
                app=APP,
                on_request=on_request,
            ) as arena,
        ):
            with summary.written_for(settings, arena):
                yield in_background(arena) if background else arena
    else:
        login = find_token(settings)
        async with AsyncExitStack() as stack:
            pacer: arena_groups.Pacer | None = None
            if redis is not None:
                from arena_groups.redis import RedisPacer

                secret = None if login is None else login.token
                pacer = await stack.enter_async_context(RedisPacer(redis, token=secret))
            token = None if login is None else login.token.reveal()
            arena = _client_class(settings, login)(
                token,
                base_url=base_url_of(settings),
                trust_env=True,
                retry=retry,
                pacer=pacer,
                app=APP,
                on_request=on_request,
            )
            del token  # keeps it out of tracebacks
            await stack.enter_async_context(arena)
            if notes_waits and not background:
                waits = noted_quota_waits(settings, arena.pacer.snapshot)
                await stack.enter_async_context(waits)
            with summary.written_for(settings, arena):
                yield in_background(arena) if background else arena


def _client_class(settings: Settings, login: Login | None) -> type[arena_groups.ArenaClient]:
    """Return a class whose client does not send ARENA_TOKEN to a server that it is not for."""
    from arena_groups._client import GuestClient

    is_set = bool(os.environ.get(TOKEN_VARIABLE))
    if login is not None or not is_set or uses_environment_token(settings):
        return arena_groups.ArenaClient
    output.info(settings, f"{TOKEN_VARIABLE} is not for {base_url_of(settings)} and was not sent")
    return GuestClient


@asynccontextmanager
async def opened_store(place: str | Path | None) -> AsyncGenerator[arena_groups.Store, None]:
    """Yield a store in a file, in Redis at a URL, or in memory for ``None``; close it at the end.

    Raises:
        CliError: If the extra ``redis`` is not installed.
        StoreError: If Redis cannot be used.
    """
    if place is None:
        yield arena_groups.MemoryStore()
    elif isinstance(place, Path):
        async with arena_groups.SQLiteStore(place) as store:
            yield store
    else:
        try:
            from arena_groups.redis import RedisStore
        except ImportError as error:
            raise CliError("system", str(error)) from None
        async with RedisStore(place) as store:
            await store.read("watch")  # a shared watch would try again and again
            yield store


def find_token(settings: Settings) -> Login | None:
    """Return the stored token for the chosen API; ``None`` for that of ARENA_TOKEN, or without one.

    Sets ``settings.token_source``.
    """
    from arena_groups._api import Secret
    from arena_groups.cli.credentials import find_login

    if uses_environment_token(settings):
        settings.token_source = f"the environment variable {TOKEN_VARIABLE}"
        if problem := Secret(os.environ[TOKEN_VARIABLE]).validation_error():
            raise malformed_token(problem, settings.token_source)
        return None
    login = find_login(base_url_of(settings), partial(output.notify, settings))
    settings.token_source = "" if login is None else login.source
    return login


def uses_environment_token(settings: Settings) -> bool:
    """Return whether ARENA_TOKEN is set, and belongs to the chosen API.

    It belongs to the server of ARENA_BASE_URL, and without that to Are.na. The token of a sandbox,
    which Are.na never issues, may also be used with ``--base-url``.
    """
    from arena_groups._http.network import has_environment_token, is_production

    token = os.environ.get(TOKEN_VARIABLE, "")
    if not token:
        return False
    base_url = base_url_of(settings)
    if os.environ.get(BASE_URL_VARIABLE):
        return has_environment_token(base_url)
    named_for_sandbox = token.startswith(SANDBOX_TOKEN) and settings.base_url is not None
    return is_production(base_url) or named_for_sandbox


def base_url_of(settings: Settings) -> str:
    """Return the normalized base URL of the API: see :func:`choose_server`."""
    if settings.server is None:
        settings.server = choose_server(settings, current_login(settings))
    return settings.server.value


def choose_server(settings: Settings, login: str | None) -> Default[str]:
    """Return the normalized base URL of the API, and what it comes from.

    Of ``--base-url``, ARENA_BASE_URL, the configuration file, the host of the current login, and
    Are.na, the first counts that is set.

    Raises:
        click.UsageError: If it is invalid.
    """
    from arena_groups._http.network import BASE_URL, checked_base_url

    chosen = (
        first((settings.base_url, "--base-url"))
        or settings.defaults.base_url
        or first((login, LOGIN))
        or Default(BASE_URL, BUILT_IN)
    )
    try:
        return Default(checked_base_url(chosen.value, insecure_http=False), chosen.source)
    except ValueError as error:
        problem = str(error).partition(" (")[0].removeprefix("base_url ")
        inside = "base_url in " if chosen.source in {FILE, LOGIN} else ""
        raise click.UsageError(f"{inside}{chosen.source} {problem}") from None


def current_login(settings: Settings) -> str | None:
    """Return the base URL of the last login or switch; ``None`` if ARENA_TOKEN is set instead."""
    if settings.base_url or settings.defaults.base_url or os.environ.get(TOKEN_VARIABLE):
        return None
    from arena_groups.cli.credentials import current_host

    return current_host(partial(output.notify, settings))


def refuse_base_url(settings: Settings) -> None:
    """Raise ``UsageError`` if both ``--sandbox`` and ``--base-url`` were given."""
    if settings.base_url is not None:
        raise click.UsageError("--sandbox and --base-url cannot be combined")


def require_token(settings: Settings) -> None:
    """Raise an error, before anything is sent, if there is no token."""
    if not settings.sandbox and not settings.token_source:
        raise no_token()
