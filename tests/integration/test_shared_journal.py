"""Journal in Redis, shared by processes that work through the same list."""

import asyncio
from collections import Counter

import pytest

from arena_groups import ArenaClient, BulkOutcome, NoPacer, invite_many
from arena_groups.sandbox import Sandbox
from tests.support.redis_server import RedisServer

pytest.importorskip("redis", reason="redis is in the extra redis")

from arena_groups.redis import RedisStore

PEOPLE = [f"person{number}@example.org" for number in range(40)]


async def test_concurrent_runs_send_one_email_to_each_address(redis_server: RedisServer) -> None:
    async def replica(sandbox: Sandbox, people: list[str]) -> Counter[BulkOutcome]:
        async with (
            RedisStore(redis_server.url) as store,
            ArenaClient(sandbox.tokens.owner, base_url=sandbox.url, pacer=NoPacer()) as arena,
        ):
            summary = await invite_many(
                arena, "spring", people, store=store, concurrency=4, claim_timeout=5
            )
            assert not summary.failed
            return Counter(summary.counts)

    async with Sandbox() as sandbox:
        sandbox.add_group("spring", slug="spring")
        counts = await asyncio.gather(
            replica(sandbox, PEOPLE), replica(sandbox, list(reversed(PEOPLE)))
        )
        sent = Counter(email.address for email in sandbox.emails)
    assert sent == Counter(PEOPLE)
    assert [count[BulkOutcome.INVITED] for count in counts] == [40, 40]
