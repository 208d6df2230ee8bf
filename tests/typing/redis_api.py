"""Several processes as type checkers see them. Checked, never run."""

from typing import assert_type

from redis.asyncio import Redis

from arena_groups import ArenaClient, Pacer, PacerError, PacerSnapshot, Store, Watcher, watch
from arena_groups.redis import RedisPacer, RedisStore


async def replica(redis: Redis) -> None:
    """A pacer is a pacer, and a store is a store."""
    async with RedisPacer("redis://host", token="…", on_outage="raise") as pacer:
        assert_type(pacer, RedisPacer)
        assert_type(pacer.snapshot(), PacerSnapshot)
    async with RedisStore(redis, prefix="bot") as store:
        assert_type(store, RedisStore)
        assert_type(await store.read("namespace"), dict[str, str])
        assert_type(
            await store.compare_and_set("namespace", {"a": "1", "b": None}, expected={"a": None}),
            bool,
        )
    any_pacer: Pacer = RedisPacer(redis, fingerprint="ours", min_processes=3, write_spacing=0.5)
    any_store: Store = RedisStore("redis://host")
    async with ArenaClient(pacer=any_pacer) as arena:
        assert_type(watch(arena, "one", store=any_store, shared=True), Watcher)


def explain(error: PacerError) -> str:
    """It is an error like others."""
    return str(error)
