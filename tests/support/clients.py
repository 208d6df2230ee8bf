"""Clients for tests of one attempt at a time."""

from typing import Any

from arena_groups import ArenaClient, NoPacer, RetryPolicy, TokenProvider


def single(token: str | TokenProvider | None = None, **options: Any) -> ArenaClient:
    """Return a client that sends each request once, without a rate limiter."""
    options.setdefault("retry", RetryPolicy(attempts=1))
    options.setdefault("pacer", NoPacer())
    return ArenaClient(token, **options)
