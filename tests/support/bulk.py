"""Helpers for tests of bulk calls: addresses, results, and what a sandbox received."""

import asyncio
from collections.abc import AsyncIterable
from pathlib import Path
from typing import Any, Final

from arena_groups import ArenaClient, BulkResult, InviteTarget, NoPacer, RetryPolicy, Store, bulk
from arena_groups.bulk.journal import InviteJournal
from arena_groups.sandbox import Sandbox

GROUP: Final = "spring"
INVITE: Final = "createGroupInvitation"
BULK_FOLDER: Final = str(Path(bulk.__file__).parent)


def addresses(count: int, start: int = 0) -> list[str]:
    """Return different email addresses, numbered from ``start``."""
    return [f"p{number}@example.org" for number in range(start, start + count)]


def make_client(sandbox: Sandbox, token: str | None = None, **options: Any) -> ArenaClient:
    """Return a client without pacing that sends a request at most twice."""
    options.setdefault("retry", RetryPolicy(attempts=2, backoff=0))
    return ArenaClient(
        token or sandbox.tokens.owner, base_url=sandbox.url, pacer=NoPacer(), **options
    )


def sent_emails(sandbox: Sandbox) -> list[str]:
    """Return the addresses that the sandbox sent an invitation to, in order."""
    return [email.address for email in sandbox.emails]


def invite_requests(sandbox: Sandbox) -> int:
    """Return how many requests to invite the sandbox received."""
    return sum(request.operation == INVITE for request in sandbox.requests)


def bulk_tasks() -> list[asyncio.Task[Any]]:
    """Return the unfinished tasks of bulk calls."""
    return [task for task in asyncio.all_tasks() if _file_of(task).startswith(BULK_FOLDER)]


async def outcomes_of(run: AsyncIterable[BulkResult[Any]]) -> list[str]:
    """Return the outcome of each result as a string."""
    return [result.outcome.value async for result in run]


def journal_namespace(sandbox: Sandbox, journal: str = "invitations") -> str:
    """Return the namespace of a journal for :data:`GROUP`."""
    return f"invite_many/{sandbox.groups[GROUP]}/{journal}"


async def claim_elsewhere(
    sandbox: Sandbox, store: Store, address: str, **options: Any
) -> InviteJournal:
    """Claim an address as another process would, and return that process's journal."""
    namespace = journal_namespace(sandbox)
    journal = InviteJournal(store, namespace, claim_timeout=120, **options)
    await journal.open()
    assert await journal.claim(InviteTarget(email=address).key)
    return journal


def _file_of(task: asyncio.Task[Any]) -> str:
    code = getattr(task.get_coro(), "cr_code", None)
    return "" if code is None else str(code.co_filename)
