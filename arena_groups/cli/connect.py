"""Which Are.na the commands talk to, and as whom."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import click

import arena_groups
from arena_groups.cli.errors import ProblemError, no_token
from arena_groups.cli.options import Settings

if TYPE_CHECKING:
    from arena_groups.cli.credentials import Login

# ruff: noqa: PLC0415 - help loads nothing that takes time

TOKEN_VARIABLE = "ARENA_TOKEN"  # noqa: S105 - its name, not a token
SANDBOX_SOURCE = "the sandbox"


def retry_policy() -> arena_groups.RetryPolicy:
    """Return how often and how long to try again."""
    # Somebody is waiting: better an error that says when to come back than a long silence.
    return arena_groups.RetryPolicy(attempts=3, total=30, max_retry_after=10)


@asynccontextmanager
async def connected(
    settings: Settings,
    *,
    pacer: arena_groups.Pacer | None = None,
    retry: arena_groups.RetryPolicy | None = None,
) -> AsyncGenerator[arena_groups.ArenaClient, None]:
    """Give a client for the Are.na asked for, and close it (and the sandbox) afterwards."""
    retry = retry or retry_policy()
    if settings.sandbox:
        refuse_base_url(settings)
        from arena_groups.sandbox import Sandbox

        settings.token_source = SANDBOX_SOURCE
        async with (
            Sandbox() as sandbox,
            arena_groups.ArenaClient(
                sandbox.tokens.owner, base_url=sandbox.url, retry=retry, pacer=pacer
            ) as arena,
        ):
            yield arena
    else:
        login = find_token(settings)
        token = None if login is None else login.token.reveal()
        async with arena_groups.ArenaClient(
            token, base_url=base_url_of(settings), retry=retry, pacer=pacer
        ) as arena:
            del token  # an error's traceback must not hold it
            yield arena


def find_token(settings: Settings) -> Login | None:
    """Return the token of the environment, else the one stored for the API asked for.

    Where it came from is left in ``settings``.
    """
    from arena_groups.cli.credentials import find_login

    given = os.environ.get(TOKEN_VARIABLE)
    login = find_login(base_url_of(settings)) if not given else None
    settings.token_source = f"the variable {TOKEN_VARIABLE}" if given else ""
    if login is not None:
        settings.token_source = login.source
    return login


def base_url_of(settings: Settings) -> str:
    """Return where the API is, in one spelling. Raises ``UsageError`` for what cannot be."""
    from arena_groups._client import BASE_URL
    from arena_groups._http.config import checked_base_url

    try:
        return checked_base_url(settings.base_url or BASE_URL, insecure_http=False)
    except ValueError as error:
        reason = str(error).removeprefix("base_url ").partition(" (")[0]
        raise click.UsageError(f"--base-url {reason}") from None


def refuse_base_url(settings: Settings) -> None:
    """Refuse two answers to the question which Are.na is meant."""
    if settings.base_url is not None:
        raise click.UsageError("--sandbox and --base-url exclude each other")


def needs_token(settings: Settings) -> None:
    """Refuse a command that is of no use to guests, before anything is sent."""
    if not settings.sandbox and not settings.token_source:
        raise ProblemError(no_token())
