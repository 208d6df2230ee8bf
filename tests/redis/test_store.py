"""A store in Redis does what any store does, and says so when Redis is away."""

import asyncio
import pickle
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arena_groups import MemoryStore, StoreError
from tests.redis.servers import OwnRedis

pytest.importorskip("redis", reason="redis is in the extra redis")

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from arena_groups.redis import RedisStore
from arena_groups.redis.connection import Server

names = st.sampled_from(["a", "b", "c", "", "ü", "a'b", "1"])
texts = st.text(max_size=8)
steps = st.lists(
    st.tuples(
        st.sampled_from(["one", "two"]),
        st.dictionaries(names, st.none() | texts, max_size=3),
        st.dictionaries(names, st.none() | texts, max_size=2),
    ),
    max_size=12,
)


@pytest.fixture
async def store(redis: OwnRedis) -> AsyncIterator[RedisStore]:
    async with RedisStore(redis.url) as made:
        yield made


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(steps)
def test_memory_and_redis_agree(
    redis: OwnRedis, course: list[tuple[str, dict[str, str | None], dict[str, str | None]]]
) -> None:
    async def run() -> None:
        redis.command("FLUSHALL")
        memory = MemoryStore()
        async with RedisStore(redis.url) as store:
            for namespace, updates, expected in course:
                done = await memory.compare_and_set(namespace, updates, expected=expected)
                assert await store.compare_and_set(namespace, updates, expected=expected) == done
        async with Redis.from_url(redis.url, decode_responses=True) as client:
            for namespace in ("one", "two"):
                assert await RedisStore(client).read(namespace) == await memory.read(namespace)

    asyncio.run(run())


async def test_of_many_that_claim_one_record_one_gets_it(redis: OwnRedis) -> None:
    stores = [RedisStore(redis.url) for _ in range(6)]
    won = await asyncio.gather(
        *(
            store.compare_and_set("one", {"lease": str(number)}, expected={"lease": None})
            for number, store in enumerate(stores)
        )
    )
    assert sorted(won) == [False] * 5 + [True]
    assert await stores[0].read("one") == {"lease": str(won.index(True))}
    await asyncio.gather(*(store.aclose() for store in stores))


async def test_thousands_of_records_at_once(store: RedisStore) -> None:
    many: dict[str, str | None] = {f"member/{number}": "x" * 300 for number in range(5000)}
    assert await store.compare_and_set("one", many, expected={"member/1": None})
    assert len(await store.read("one")) == 5000
    assert await store.compare_and_set(
        "one", dict.fromkeys(many), expected={"member/4999": "x" * 300}
    )
    assert await store.read("one") == {}


async def test_an_update_is_one_command(redis: OwnRedis, store: RedisStore) -> None:
    await store.compare_and_set("one", {"a": "1"})
    redis.command("CONFIG RESETSTAT")
    await store.compare_and_set("one", {"a": "2", "b": "3"}, expected={"a": "1"})
    assert redis.commands()["evalsha"] == 1
    assert "eval" not in redis.commands()


async def test_two_prefixes_are_two_stores(redis: OwnRedis) -> None:
    async with RedisStore(redis.url) as one, RedisStore(redis.url, prefix="two") as two:
        await one.compare_and_set("one", {"a": "1"})
        assert await two.read("one") == {}
        assert repr(two) == "RedisStore(prefix='two')"


async def test_a_connection_that_was_idle_for_too_long_is_replaced(
    redis: OwnRedis, store: RedisStore
) -> None:
    await store.compare_and_set("one", {"a": "1"})
    for _ in range(2):
        redis.command("CLIENT KILL TYPE normal")
        await asyncio.sleep(0.05)
        assert await store.compare_and_set("one", {"a": "2"}, expected={"a": "1"})
        redis.command("CLIENT KILL TYPE normal")
        assert await store.read("one") == {"a": "2"}
        await store.compare_and_set("one", {"a": "1"})


@pytest.mark.parametrize("done", [True, False])
async def test_a_connection_that_breaks_during_an_update(
    store: RedisStore, monkeypatch: pytest.MonkeyPatch, done: bool
) -> None:
    run, left = Server._run, ["gone"]

    async def broken(self: Server, *arguments: Any) -> object:
        answer = await run(self, *arguments) if done or not left else None
        if left:
            raise RedisConnectionError(left.pop())
        return answer

    monkeypatch.setattr(Server, "_run", broken)
    assert await store.compare_and_set("one", {"a": "1", "b": None}, expected={"a": None})
    assert await store.read("one") == {"a": "1"}
    left.append("gone")
    assert not await store.compare_and_set("one", {"a": "3"}, expected={"a": "2"})
    assert await store.read("one") == {"a": "1"}


async def test_what_another_has_set_to_the_same_is_not_ours(
    store: RedisStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.compare_and_set("one", {"fence": "theirs", "beat": "5"})
    run, left = Server._run, ["gone"]

    async def broken(self: Server, *arguments: Any) -> object:
        if left:
            raise RedisConnectionError(left.pop())
        return await run(self, *arguments)

    monkeypatch.setattr(Server, "_run", broken)
    assert not await store.compare_and_set("one", {"beat": "5"}, expected={"fence": "ours"})
    assert not left


async def test_a_server_that_has_become_a_replica_is_left(own_redis: OwnRedis) -> None:
    own_redis.start()
    async with RedisStore(own_redis.url) as store:
        await store.compare_and_set("one", {"a": "1"})
        before = own_redis.command("CLIENT LIST").count("cmd=eval")
        own_redis.command("REPLICAOF 127.0.0.1 1")
        with pytest.raises(StoreError, match="replica"):
            await store.compare_and_set("one", {"a": "2"})
        assert before == 1
        assert own_redis.command("CLIENT LIST").count("cmd=eval") == 0


def test_a_client_that_cannot_be_awaited_is_refused() -> None:
    import redis as package

    with pytest.raises(TypeError, match=r"redis\.asyncio\.Redis, not a redis\.client\.Redis"):
        RedisStore(package.Redis())  # type: ignore[arg-type]


async def test_a_borrowed_client_stays_open(redis: OwnRedis) -> None:
    client = Redis.from_url(redis.url)
    async with RedisStore(client) as store:
        await store.compare_and_set("one", {"a": "1"})
    with pytest.raises(StoreError, match="closed"):
        await store.read("one")
    with pytest.raises(StoreError, match="closed"):
        await store.compare_and_set("one", {})
    assert await client.ping()
    await client.aclose()
    await store.aclose()


class TestAway:
    async def test_nobody_is_there_and_then_somebody_is(self, own_redis: OwnRedis) -> None:
        url = own_redis.url.replace("//", "//:a-password@")
        async with RedisStore(url) as store:
            with pytest.raises(StoreError, match="cannot be used") as caught:
                await store.read("one")
            assert "a-password" not in str(caught.value) + repr(store)
            assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
        async with RedisStore(own_redis.url) as store:
            with pytest.raises(StoreError):
                await store.compare_and_set("one", {"a": "1"})
            own_redis.start()
            assert await store.compare_and_set("one", {"a": "1"}, expected={"a": None})
            own_redis.kill()
            with pytest.raises(StoreError):
                await store.read("one")
            own_redis.start()
            assert await store.read("one") == {}

    async def test_it_does_not_answer(self, own_redis: OwnRedis) -> None:
        own_redis.start()
        async with RedisStore(own_redis.url, timeout=0.1) as store:
            await store.compare_and_set("one", {"a": "1"})
            own_redis.pause()
            with pytest.raises(StoreError, match=r"no answer in time|Timeout"):
                await store.read("one")
            with pytest.raises(StoreError):
                await store.compare_and_set("one", {"a": "2"})
            own_redis.resume()
            assert (await store.read("one"))["a"] in {"1", "2"}

    async def test_it_refuses(self, redis: OwnRedis, store: RedisStore) -> None:
        redis.command("SET arena-groups:store:one text")
        with pytest.raises(StoreError, match="WRONGTYPE"):
            await store.read("one")
        with pytest.raises(StoreError):
            await store.compare_and_set("one", {"a": "1"})

    @pytest.mark.parametrize("url", ["nonsense", "redis://:word@host:port/0", "http://host"])
    def test_what_is_no_address_is_not_told(self, url: str) -> None:
        with pytest.raises(ValueError, match="no URL like") as caught:
            RedisStore(url)
        assert "word" not in str(caught.value)

    def test_a_time_limit_is_positive(self) -> None:
        with pytest.raises(ValueError, match="timeout"):
            RedisStore("redis://host", timeout=0)


def test_without_the_extra_it_says_what_to_install() -> None:
    code = (
        "import sys, importlib.util as util\n"
        "found = util.find_spec\n"
        "util.find_spec = lambda name, *more: None if name == 'redis' else found(name, *more)\n"
        "import arena_groups\n"
        "assert not [name for name in sys.modules if name.split('.')[0] == 'redis']\n"
        "from arena_groups.redis import RedisStore\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=False
    )
    assert run.returncode == 1
    assert "pip install 'arena-groups[redis]'" in run.stderr.splitlines()[-1]
