"""Which Are.na the commands talk to."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import click

from arena_groups import ArenaClient, RetryPolicy
from arena_groups.cli.settings import Settings

# Somebody is waiting: better an error that says when to come back than a long silence.
RETRY = RetryPolicy(attempts=3, total=30, max_retry_after=10)


@asynccontextmanager
async def connected(settings: Settings) -> AsyncGenerator[ArenaClient, None]:
    """Give a client for the Are.na asked for, and close it (and the sandbox) afterwards."""
    if settings.sandbox and settings.base_url is not None:
        raise click.UsageError("--sandbox and --base-url exclude each other")
    if settings.sandbox:
        from arena_groups.sandbox import Sandbox  # noqa: PLC0415 - most runs need none

        async with (
            Sandbox() as sandbox,
            ArenaClient(sandbox.tokens.owner, base_url=sandbox.url, retry=RETRY) as arena,
        ):
            yield arena
    else:
        async with _client(settings.base_url) as arena:
            yield arena


def _client(base_url: str | None) -> ArenaClient:
    if base_url is None:
        return ArenaClient(retry=RETRY)
    return ArenaClient(base_url=base_url, retry=RETRY)
