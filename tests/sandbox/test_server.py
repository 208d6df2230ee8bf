"""Start, stop, arguments and connection data of a sandbox."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from arena_groups.sandbox import Sandbox, ThreadedSandbox
from arena_groups.sandbox.faults import BodyFault, SerializedResponse, StateFault
from tests.sandbox.api import Api

STUDIO = "/v3/groups/research-studio"


async def test_describe_is_json(sandbox: Sandbox) -> None:
    described = json.loads(json.dumps(sandbox.describe()))
    assert list(described) == ["url", "groups", "tokens", "users", "applications"]
    assert described["url"] == sandbox.url
    assert described["groups"]["research-studio"] == 1001
    assert list(described["tokens"]) == [
        "owner",
        "member",
        "follower",
        "read_only",
        "stranger",
        "limited",
    ]
    assert len(set(described["tokens"].values())) == 6
    assert described["users"] == {
        "owner": {"id": 1, "slug": "ada-osei", "name": "Ada Osei"},
        "member": {"id": 2, "slug": "minh-castellanos", "name": "Minh Castellanos"},
        "follower": {"id": 3, "slug": "noor-halvorsen", "name": "Noor Halvorsen"},
        "stranger": {"id": 4, "slug": "tomasz-whetu", "name": "Tomasz Whetu"},
    }


async def test_repr_hides_tokens_codes_and_addresses(
    sandbox: Sandbox, session: aiohttp.ClientSession
) -> None:
    http, token = Api(sandbox, session), sandbox.tokens.owner
    await http.post(f"{STUDIO}/invitations", token, {"email": "secret@example.org"})
    code = (await http.get(f"{STUDIO}/invite", token)).body["code"]
    shown = repr([sandbox, sandbox.emails, sandbox.requests, *vars(sandbox).values()])
    for secret in (*json.loads(json.dumps(sandbox.describe()))["tokens"].values(), code):
        assert secret not in shown
    assert "secret@" not in shown


async def test_start_and_aclose_open_and_close_port(session: aiohttp.ClientSession) -> None:
    sandbox = Sandbox()
    assert "no port" in repr(sandbox)
    with pytest.raises(RuntimeError, match="started"):
        _ = sandbox.url
    await sandbox.aclose()
    await sandbox.start()
    with pytest.raises(RuntimeError, match="already"):
        await sandbox.start()
    assert sandbox.url in repr(sandbox)
    assert (await Api(sandbox, session).get("/v3/ping")).status == 200
    await sandbox.aclose()
    await sandbox.aclose()
    with pytest.raises(aiohttp.ClientConnectorError):
        await Api(sandbox, session).get("/v3/ping")


async def test_restart_keeps_url_and_state(
    session: aiohttp.ClientSession,
) -> None:
    sandbox = Sandbox()
    async with sandbox:
        url, group = sandbox.url, sandbox.add_group("Kept")
    async with sandbox:
        assert sandbox.url == url
        assert (await Api(sandbox, session).get(f"/v3/groups/{group}")).status == 200


async def test_start_on_busy_port_raises(sandbox: Sandbox) -> None:
    port = int(sandbox.url.rpartition(":")[2])
    second = Sandbox(port)
    with pytest.raises(OSError, match=f"port {port} of 127.0.0.1"):
        await second.start()
    await second.aclose()


@pytest.mark.parametrize("options", [{"port": -1}, {"port": 65_536}, {"tier": "gold"}])
def test_argument_out_of_range_raises(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"port|tier"):
        Sandbox(**options)


async def test_clock_argument_sets_timestamps(session: aiohttp.ClientSession) -> None:
    moment = datetime(2026, 7, 1, 12, tzinfo=UTC)
    async with Sandbox(clock=moment.timestamp) as sandbox:
        http, token = Api(sandbox, session), sandbox.tokens.owner
        sandbox.advance(timedelta(days=1))
        sandbox.advance(1.5)
        assert sandbox.now == moment + timedelta(days=1, seconds=1.5)
        group = (await http.post("/v3/groups", token, {"name": "Later"})).body
        assert group["created_at"] == group["updated_at"] == "2026-07-02T12:00:01Z"
        sandbox.advance(60)
        renamed = await http.put(f"/v3/groups/{group['id']}", token, {"name": "Latest"})
        assert renamed.body["created_at"] == group["created_at"]
        assert renamed.body["updated_at"] == "2026-07-02T12:01:01Z"


@pytest.mark.parametrize("seconds", [-1, float("inf"), float("nan"), timedelta(seconds=-1)])
def test_advance_backwards_raises(seconds: float) -> None:
    with pytest.raises(ValueError, match="forward"):
        Sandbox().advance(seconds)


@pytest.mark.parametrize("seconds", [10**400, 1e308, 10**12], ids=["int", "float", "years"])
def test_advance_past_the_last_date_raises(seconds: float) -> None:
    with pytest.raises(ValueError, match="ends with the year 8999"):
        Sandbox().advance(seconds)


def test_environment_and_failures_belong_to_a_started_sandbox() -> None:
    sandbox = ThreadedSandbox()
    with pytest.raises(RuntimeError, match="started"):
        _ = sandbox.environment
    with sandbox:
        assert sandbox.environment == {
            "ARENA_BASE_URL": sandbox.url,
            "ARENA_TOKEN": sandbox.tokens.owner,
        }
        assert sandbox.failures == ()


async def test_failure_of_a_fault_is_kept(session: aiohttp.ClientSession) -> None:
    class Broken(BodyFault):
        def transform(self, serialized: SerializedResponse, body: bytes) -> SerializedResponse:
            raise KeyError(len(body))

    class BrokenState(StateFault):
        def mutate(self, backend: object, group: object, rng: object) -> bool:
            raise LookupError("group")

    async with Sandbox() as sandbox:
        for fault in (Broken(), BrokenState()):
            sandbox.faults.add(fault, times=1)
            assert (await Api(sandbox, session).get("/v3/ping")).status == 500
            sandbox.faults.clear()
        assert (await Api(sandbox, session).get("/v3/ping")).status == 200
        assert [type(each) for each in sandbox.failures] == [KeyError, LookupError]


@pytest.mark.parametrize("seconds", [1e12, 1e300, timedelta.max])
async def test_advance_past_the_last_year_raises_and_leaves_the_clock_alone(
    http: Api, sandbox: Sandbox, seconds: float | timedelta
) -> None:
    sandbox.advance(timedelta(days=1000))
    with pytest.raises(ValueError, match="ends with the year 8999"):
        sandbox.advance(seconds)
    assert (await http.get("/v3/groups/1001")).status == 200
