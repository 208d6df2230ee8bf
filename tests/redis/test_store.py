"""Redis store: it behaves like any store, and raises StoreError while Redis is unavailable."""

import asyncio
import os
import pickle
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arena_groups import ClientStateError, MemoryStore, StoreError
from arena_groups._extras import install_command
from tests.support.lossy_proxy import LossyProxy
from tests.support.processes import run_in_fork
from tests.support.redis_server import RedisServer
from tests.support.thorough import repetitions

pytest.importorskip("redis", reason="redis is in the extra redis")

import redis
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisPyConnectionError

from arena_groups.redis import RedisStore

names = st.sampled_from(["a", "b", "c", "", "ü", "a'b", "1", "\0", "\ud800"])
texts = st.text(st.characters() | st.sampled_from("\0\ud83d\ude00"), max_size=8)
updates = st.lists(
    st.tuples(
        st.sampled_from(["one", "two\0\udfff"]),
        st.dictionaries(names, st.none() | texts, max_size=3),
        st.dictionaries(names, st.none() | texts, max_size=2),
    ),
    max_size=12,
)


class LossyRedis(Redis):
    """A client that loses its connection on request, once, before or after a script has run."""

    lose: str | None = None

    async def evalsha(self, *arguments: Any) -> Any:  # type: ignore[override]
        lose, self.lose = self.lose, None
        if lose == "before":
            raise RedisPyConnectionError("lost")
        reply = await super().evalsha(*arguments)
        if lose == "after":
            raise RedisPyConnectionError("lost")
        return reply


@pytest.fixture
async def store(redis_server: RedisServer) -> AsyncIterator[RedisStore]:
    async with RedisStore(redis_server.url) as opened:
        yield opened


@pytest.fixture
async def lossy(redis_server: RedisServer) -> AsyncIterator[LossyRedis]:
    client = LossyRedis(port=redis_server.port)
    # The server must know the script, else redis-py sends it once more.
    await RedisStore(client).compare_and_set("any", {})
    yield client
    await client.aclose()


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=repetitions(25, thorough=500),
)
@given(updates)
def test_redis_store_equals_memory_store(
    redis_server: RedisServer,
    updates: list[tuple[str, dict[str, str | None], dict[str, str | None]]],
) -> None:
    async def run() -> None:
        redis_server.command("FLUSHALL")
        memory = MemoryStore()
        async with RedisStore(redis_server.url) as store:
            for namespace, changed, expected in updates:
                done = await memory.compare_and_set(namespace, changed, expected=expected)
                assert await store.compare_and_set(namespace, changed, expected=expected) == done
        async with Redis.from_url(redis_server.url, decode_responses=True) as client:
            for namespace in ("one", "two\0\udfff"):
                assert await RedisStore(client).read(namespace) == await memory.read(namespace)

    asyncio.run(run())


async def test_one_of_several_concurrent_claims_succeeds(redis_server: RedisServer) -> None:
    stores = [RedisStore(redis_server.url) for _ in range(6)]
    won = await asyncio.gather(
        *(
            store.compare_and_set("one", {"lease": str(number)}, expected={"lease": None})
            for number, store in enumerate(stores)
        )
    )
    assert sorted(won) == [False] * 5 + [True]
    assert await stores[0].read("one") == {"lease": str(won.index(True))}
    await asyncio.gather(*(store.aclose() for store in stores))


async def test_thousands_of_records_are_set_and_deleted_at_once(store: RedisStore) -> None:
    many: dict[str, str | None] = {f"member/{number}": "x" * 300 for number in range(5000)}
    assert await store.compare_and_set("one", many, expected={"member/1": None})
    assert len(await store.read("one")) == 5000
    assert await store.compare_and_set(
        "one", dict.fromkeys(many), expected={"member/4999": "x" * 300}
    )
    assert await store.read("one") == {}


async def test_compare_and_set_is_one_command(redis_server: RedisServer, store: RedisStore) -> None:
    await store.compare_and_set("one", {"a": "1"})
    redis_server.command("CONFIG RESETSTAT")
    await store.compare_and_set("one", {"a": "2", "b": "3"}, expected={"a": "1"})
    assert redis_server.calls()["evalsha"] == 1
    assert "eval" not in redis_server.calls()


async def test_stores_with_different_prefixes_share_nothing(redis_server: RedisServer) -> None:
    async with (
        RedisStore(redis_server.url) as one,
        RedisStore(redis_server.url, prefix="two") as two,
    ):
        await one.compare_and_set("one", {"a": "1"})
        assert await two.read("one") == {}
        assert repr(two) == "RedisStore(prefix='two')"


async def test_connection_closed_for_being_idle_is_replaced(
    redis_server: RedisServer, store: RedisStore
) -> None:
    await store.compare_and_set("one", {"a": "1"})
    for _ in range(2):
        redis_server.command("CLIENT KILL TYPE normal")
        await asyncio.sleep(0.05)
        assert await store.compare_and_set("one", {"a": "2"}, expected={"a": "1"})
        redis_server.command("CLIENT KILL TYPE normal")
        assert await store.read("one") == {"a": "2"}
        await store.compare_and_set("one", {"a": "1"})


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_connection_lost_during_compare_and_set_is_retried(
    lossy: LossyRedis, moment: str
) -> None:
    store = RedisStore(lossy)
    lossy.lose = moment
    assert await store.compare_and_set("one", {"a": "1", "b": None}, expected={"a": None})
    assert lossy.lose is None
    assert await store.read("one") == {"a": "1"}
    lossy.lose = moment
    assert not await store.compare_and_set("one", {"a": "3"}, expected={"a": "2"})
    assert await store.read("one") == {"a": "1"}


async def test_equal_records_of_another_process_do_not_count_as_set(lossy: LossyRedis) -> None:
    store = RedisStore(lossy)
    await store.compare_and_set("one", {"fence": "theirs", "expires": "5"})
    lossy.lose = "before"
    assert not await store.compare_and_set("one", {"expires": "5"}, expected={"fence": "ours"})
    assert lossy.lose is None


async def test_connections_to_a_read_only_replica_are_closed(
    own_redis_server: RedisServer,
) -> None:
    own_redis_server.start()
    async with RedisStore(own_redis_server.url) as store:
        await store.compare_and_set("one", {"a": "1"})
        before = own_redis_server.command("CLIENT LIST").count("cmd=eval")
        own_redis_server.command("REPLICAOF 127.0.0.1 1")
        with pytest.raises(StoreError, match="replica"):
            await store.compare_and_set("one", {"a": "2"})
        assert before == 1
        assert own_redis_server.command("CLIENT LIST").count("cmd=eval") == 0


def test_client_that_is_not_asyncio_raises_type_error() -> None:
    with pytest.raises(TypeError, match=r"redis\.asyncio\.Redis, not a redis\.client\.Redis"):
        RedisStore(redis.Redis())


async def test_external_client_stays_open(redis_server: RedisServer) -> None:
    client = Redis.from_url(redis_server.url)
    async with RedisStore(client) as store:
        await store.compare_and_set("one", {"a": "1"})
    with pytest.raises(StoreError, match="closed"):
        await store.read("one")
    with pytest.raises(StoreError, match="closed"):
        await store.compare_and_set("one", {})
    assert await client.ping()
    await client.aclose()
    await store.aclose()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
async def test_store_that_was_used_before_a_fork_raises_in_the_child(
    redis_server: RedisServer, store: RedisStore
) -> None:
    await store.compare_and_set("one", {"a": "1"})

    async def use() -> None:
        with pytest.raises(ClientStateError, match="process"):
            await store.read("one")
        with pytest.raises(ClientStateError, match="process"):
            await store.compare_and_set("one", {"a": "2"})
        await store.aclose()  # the connections are the parent's
        async with RedisStore(redis_server.url) as own:
            assert await own.read("one") == {"a": "1"}

    assert await run_in_fork(use) == 0
    assert await store.read("one") == {"a": "1"}


class TestLostReply:
    """The client repeats a script by itself, or the store does."""

    @pytest.fixture(params=["client", "store"])
    async def repeating(
        self, redis_server: RedisServer, request: pytest.FixtureRequest
    ) -> AsyncIterator[tuple[RedisStore, LossyProxy]]:
        retries = 3 if request.param == "client" else 0
        async with (
            LossyProxy.open(redis_server.port) as proxy,
            Redis(port=proxy.port, retry=Retry(NoBackoff(), retries)) as client,
        ):
            store = RedisStore(client)
            await store.compare_and_set("any", {})  # the server must know the script
            yield store, proxy

    async def test_repeated_script_reports_that_the_records_were_set(
        self, repeating: tuple[RedisStore, LossyProxy]
    ) -> None:
        store, proxy = repeating
        assert await store.compare_and_set("one", {"a": "1"}, expected={"a": None})
        proxy.lose = 1
        assert await store.compare_and_set("one", {"a": "2", "b": None}, expected={"a": "1"})
        assert proxy.lose == 0
        assert await store.read("one") == {"a": "2"}

    async def test_repeated_script_that_set_nothing_reports_that(
        self, repeating: tuple[RedisStore, LossyProxy]
    ) -> None:
        store, proxy = repeating
        await store.compare_and_set("one", {"a": "1"})
        proxy.lose = 1
        assert not await store.compare_and_set("one", {"a": "1"}, expected={"a": None})
        assert proxy.lose == 0

    @pytest.mark.parametrize("name", ["a", "b"])
    async def test_repeated_script_does_not_undo_what_another_process_has_set_meanwhile(
        self, redis_server: RedisServer, repeating: tuple[RedisStore, LossyProxy], name: str
    ) -> None:
        store, proxy = repeating
        await store.compare_and_set("one", {"a": "1"})
        async with RedisStore(redis_server.url) as other:
            proxy.meanwhile = lambda: other.compare_and_set("one", {name: "3"})
            proxy.lose = 1
            assert await store.compare_and_set("one", {"a": "2"}, expected={"a": "1"})
            assert await other.read("one") == {"a": "2", name: "3"}

    async def test_one_of_two_equal_claims_succeeds(
        self, redis_server: RedisServer, repeating: tuple[RedisStore, LossyProxy]
    ) -> None:
        store, proxy = repeating
        async with RedisStore(redis_server.url) as other:
            won: list[bool] = []

            async def claim() -> None:
                won.append(await other.compare_and_set("one", {"a": "1"}, expected={"a": None}))

            proxy.meanwhile = claim
            proxy.lose = 1
            won.append(await store.compare_and_set("one", {"a": "1"}, expected={"a": None}))
        assert won == [False, True]

    async def test_repetition_after_many_calls_of_others_reports_no_success_it_cannot_know(
        self, redis_server: RedisServer, repeating: tuple[RedisStore, LossyProxy]
    ) -> None:
        store, proxy = repeating
        async with RedisStore(redis_server.url) as other:

            async def write() -> None:
                for number in range(40):
                    await other.compare_and_set("one", {"b": str(number)})

            proxy.meanwhile = write
            proxy.lose = 1
            assert not await store.compare_and_set("one", {"a": "1"}, expected={"a": None})
            assert await store.read("one") == {"a": "1", "b": "39"}


class TestOutage:
    async def test_unreachable_redis_raises_store_error_until_it_is_started(
        self, own_redis_server: RedisServer
    ) -> None:
        url = own_redis_server.url.replace("//", "//:a-password@")
        async with RedisStore(url) as store:
            with pytest.raises(StoreError, match="cannot be used") as caught:
                await store.read("one")
            assert "a-password" not in str(caught.value) + repr(store)
            assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
        async with RedisStore(own_redis_server.url) as store:
            with pytest.raises(StoreError):
                await store.compare_and_set("one", {"a": "1"})
            own_redis_server.start()
            assert await store.compare_and_set("one", {"a": "1"}, expected={"a": None})
            own_redis_server.kill()
            with pytest.raises(StoreError):
                await store.read("one")
            own_redis_server.start()
            assert await store.read("one") == {}

    async def test_redis_that_hangs_raises_store_error(self, own_redis_server: RedisServer) -> None:
        own_redis_server.start()
        async with RedisStore(own_redis_server.url, timeout=0.1) as store:
            await store.compare_and_set("one", {"a": "1"})
            own_redis_server.pause()
            with pytest.raises(StoreError, match=r"no reply in time|Timeout"):
                await store.read("one")
            with pytest.raises(StoreError):
                await store.compare_and_set("one", {"a": "2"})
            own_redis_server.resume()
            assert (await store.read("one"))["a"] in {"1", "2"}

    async def test_refused_command_raises_store_error(
        self, redis_server: RedisServer, store: RedisStore
    ) -> None:
        redis_server.command("SET arena-groups:store:one text")
        with pytest.raises(StoreError, match="WRONGTYPE"):
            await store.read("one")
        with pytest.raises(StoreError):
            await store.compare_and_set("one", {"a": "1"})

    @pytest.mark.parametrize("url", ["nonsense", "redis://:word@host:port/0", "http://host"])
    def test_invalid_url_raises_value_error_without_it(self, url: str) -> None:
        with pytest.raises(ValueError, match="use a URL like") as caught:
            RedisStore(url)
        assert "word" not in str(caught.value)

    def test_timeout_of_zero_raises_value_error(self) -> None:
        with pytest.raises(ValueError, match="timeout"):
            RedisStore("redis://host", timeout=0)


def test_import_without_the_extra_names_the_command_that_installs_it() -> None:
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
    assert install_command("redis") in run.stderr.splitlines()[-1]
