"""Application of plans while something else happens: questions, disconnections, restarts."""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp")

import httpx
from mcp import Client, MCPError
from mcp.client import ClientRequestContext
from mcp.server import MCPServer
from mcp_types import (
    INTERNAL_ERROR,
    CallToolResult,
    ElicitRequestParams,
    ElicitResult,
    ErrorData,
    InputRequiredResult,
)

from arena_groups import ArenaClient, RemovalLimitError, SQLiteStore
from arena_groups.mcp import create_server
from arena_groups.mcp.http_app import RequestGuard, http_app
from arena_groups.mcp.plan_kinds import PreparedSync
from arena_groups.mcp.prepared_plan import PlanRun, RowResult
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.fake_clock import AutoAdvanceClock
from arena_groups.sandbox.faults import Blocked, Hang, InjectedFault
from tests.support.bulk import GROUP, INVITE, addresses, executed_invites, make_client, sent_emails
from tests.support.mcp import (
    HANDSHAKE,
    PER_REQUEST,
    Host,
    apply_when_free,
    call,
    connect,
    failing_call,
    text_of,
)
from tests.support.pacers import RecordingPacer
from tests.support.waiting import until

LIFETIME = 600.0


@pytest.fixture
async def arena(sandbox: Sandbox, clock: AutoAdvanceClock) -> AsyncIterator[ArenaClient]:
    sandbox.add_group("Spring", slug=GROUP)
    async with make_client(sandbox, clock=clock) as client:
        yield client


@pytest.fixture
def server(arena: ArenaClient) -> MCPServer[Any]:
    return create_server(arena, allow_writes=True, allow_removals=True)


class CutRun:
    """Run that ends after its first result, as the removal limit does not allow the rest."""

    def __init__(self, run: PlanRun) -> None:
        self.run = run
        self.count = 0
        self.aclose = run.aclose

    async def __anext__(self) -> RowResult:
        self.count += 1
        if self.count > 1:
            raise RemovalLimitError(3, 1)
        return await anext(self.run)


def itself(result: RowResult) -> RowResult:
    return result


async def test_plan_that_stops_after_a_write_does_not_say_that_nothing_was_done(
    server: MCPServer[Any], sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = PreparedSync.run

    def cut(plan: PreparedSync, arena: ArenaClient) -> PlanRun:
        return PlanRun(CutRun(run(plan, arena)), itself)

    monkeypatch.setattr(PreparedSync, "run", cut)
    member, other = sandbox.add_members(GROUP, 2)
    people = ["a@example.org", {"user": member, "email": "b@example.org"}]
    async with connect(server) as client:
        planned = await call(client, "plan_sync", group=GROUP, people=people, max_removals=1)
        message = await failing_call(client, "apply_plan", code=planned["code"])
    assert sent_emails(sandbox) == ["a@example.org"]
    assert other in sandbox.members(GROUP)
    assert message.startswith("Nothing more was done")


@pytest.mark.parametrize("kind", [ValueError, RuntimeError])
async def test_failure_that_is_not_known_says_how_much_was_done(
    sandbox: Sandbox, kind: type[Exception]
) -> None:
    failing = True

    def token() -> str:
        if failing and sent_emails(sandbox):
            raise kind("s3cret")
        return sandbox.tokens.owner

    sandbox.add_group("Spring", slug=GROUP)
    async with (
        ArenaClient(token, base_url=sandbox.url) as arena,
        connect(create_server(arena, allow_writes=True)) as client,
    ):
        planned = await call(client, "plan_invite", group=GROUP, people=addresses(3))
        message = await failing_call(client, "apply_plan", code=planned["code"])
        failing = False
        await call(client, "apply_plan", code=planned["code"])
    assert message.startswith("Stopped after 1 of 3: this server failed")
    assert "s3cret" not in message
    assert sent_emails(sandbox) == addresses(3)


class BusyHost(Host):
    """Host whose user confirms, after something has happened."""

    def __init__(self, meanwhile: Callable[[], Any]) -> None:
        super().__init__()
        self.meanwhile = meanwhile

    async def __call__(
        self, context: ClientRequestContext, params: ElicitRequestParams
    ) -> ElicitResult:
        """Let it happen, and answer."""
        happening = self.meanwhile()
        if happening is not None:
            await happening
        return await super().__call__(context, params)


async def test_plan_that_expires_while_the_user_thinks_is_refused(
    server: MCPServer[Any], sandbox: Sandbox, clock: AutoAdvanceClock, era: str
) -> None:
    host = BusyHost(lambda: clock.wait(asyncio.Event(), LIFETIME))
    async with connect(server, era, host) as client:
        planned = await call(client, "plan_invite", group=GROUP, people=["a@example.org"])
        message = await failing_call(client, "apply_plan", code=planned["code"])
    assert "has expired. Call plan_invite again" in message
    assert sent_emails(sandbox) == []


async def test_group_that_changes_while_the_user_thinks_stops_the_plan(
    server: MCPServer[Any], sandbox: Sandbox, era: str
) -> None:
    member, other = sandbox.add_members(GROUP, 2)
    host = BusyHost(lambda: sandbox.leave_group(GROUP, member))
    async with connect(server, era, host) as client:
        planned = await call(client, "plan_remove", group=GROUP, members=[member, other])
        message = await failing_call(client, "apply_plan", code=planned["code"])
    assert message.startswith("Nothing was done: the group has changed")
    assert other in sandbox.members(GROUP)


async def test_plan_is_applied_once_although_the_user_confirms_twice(
    server: MCPServer[Any], sandbox: Sandbox, era: str
) -> None:
    host = Host()
    async with connect(server, era, host) as client:
        planned = await call(client, "plan_invite", group=GROUP, people=addresses(3))
        calls = [client.call_tool("apply_plan", {"code": planned["code"]}) for _ in range(2)]
        results = await asyncio.gather(*calls)
    assert sorted(result.is_error or False for result in results) == [False, True]
    assert sorted(sent_emails(sandbox)) == addresses(3)


@pytest.mark.parametrize("kind", ["plan_invite", "plan_sync"])
async def test_second_of_two_plans_for_a_group_is_compared_after_the_first(
    server: MCPServer[Any], sandbox: Sandbox, era: str, kind: str
) -> None:
    arguments: dict[str, Any] = {"group": GROUP, "people": addresses(3)}
    async with connect(server, era) as client:
        codes = [(await call(client, each, **arguments))["code"] for each in ("plan_invite", kind)]
        calls = [client.call_tool("apply_plan", {"code": code}) for code in codes]
        results = await asyncio.gather(*calls)
    assert sorted(result.is_error or False for result in results) == [False, True]
    assert "Nothing was done: the group has changed" in str(results)
    assert executed_invites(sandbox) == 3


async def test_confirmation_of_one_plan_is_none_of_another(
    server: MCPServer[Any], sandbox: Sandbox, era: str
) -> None:
    host = Host()
    async with connect(server, era, host) as client:
        arguments = {"group": GROUP, "people": ["a@example.org"]}
        codes = [(await call(client, "plan_invite", **arguments))["code"] for _ in range(2)]
        await call(client, "apply_plan", code=codes[0])
        host.action = "decline"
        assert "declined" in await failing_call(client, "apply_plan", code=codes[1])
    assert len(host.questions) == 2
    assert sent_emails(sandbox) == ["a@example.org"]


async def test_accepted_answer_without_content_is_no_consent(
    server: MCPServer[Any], sandbox: Sandbox, era: str
) -> None:
    async def accept(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        return ElicitResult(action="accept")

    async with Client(server, mode=era, elicitation_callback=accept, cache=None) as client:
        planned = await call(client, "plan_invite", group=GROUP, people=addresses(1))
        message = await failing_call(client, "apply_plan", code=planned["code"])
    assert message.startswith("Nothing was done: ")
    assert "arena_groups" not in message
    assert sent_emails(sandbox) == []


async def test_host_that_fails_to_ask_gets_no_consent(
    server: MCPServer[Any], sandbox: Sandbox
) -> None:
    async def fail(context: ClientRequestContext, params: ElicitRequestParams) -> ErrorData:
        return ErrorData(code=INTERNAL_ERROR, message="there is no window")

    async with Client(server, mode=HANDSHAKE, elicitation_callback=fail, cache=None) as client:
        planned = await call(client, "plan_invite", group=GROUP, people=addresses(1))
        message = await failing_call(client, "apply_plan", code=planned["code"])
    assert message.startswith("Nothing was done: the host sent no answer")
    assert sent_emails(sandbox) == []


async def ask_for(client: Client, code: str) -> InputRequiredResult:
    """Return the question about a plan, unanswered."""
    asked = await client.session.call_tool("apply_plan", {"code": code}, allow_input_required=True)
    assert isinstance(asked, InputRequiredResult)
    return asked


CONFIRMED = ElicitResult(action="accept", content={"confirm": True})


async def test_answer_to_a_question_that_was_not_asked_is_not_taken(
    server: MCPServer[Any], sandbox: Sandbox
) -> None:
    async with connect(server, PER_REQUEST, Host()) as client:
        planned = await call(client, "plan_invite", group=GROUP, people=addresses(1))
        code = planned["code"]
        [key] = (await ask_for(client, code)).input_requests or {}
        again = await client.session.call_tool(
            "apply_plan",
            {"code": code},
            input_responses={key: CONFIRMED},
            allow_input_required=True,
        )
        assert isinstance(again, InputRequiredResult)
        with pytest.raises(MCPError):
            await client.session.call_tool(
                "apply_plan",
                {"code": code},
                input_responses={key: CONFIRMED},
                request_state='{"v":3}',
                allow_input_required=True,
            )
    assert sent_emails(sandbox) == []


async def test_answer_about_one_plan_is_not_taken_for_another(
    server: MCPServer[Any], sandbox: Sandbox
) -> None:
    async with connect(server, PER_REQUEST, Host()) as client:
        arguments = {"group": GROUP, "people": addresses(1)}
        codes = [(await call(client, "plan_invite", **arguments))["code"] for _ in range(2)]
        asked = await ask_for(client, codes[0])
        [key] = asked.input_requests or {}
        with pytest.raises(MCPError):
            await client.session.call_tool(
                "apply_plan",
                {"code": codes[1]},
                input_responses={key: CONFIRMED},
                request_state=asked.request_state,
                allow_input_required=True,
            )
    assert sent_emails(sandbox) == []


async def test_answer_counts_for_one_run(server: MCPServer[Any], sandbox: Sandbox) -> None:
    async with connect(server, PER_REQUEST, Host()) as client:
        planned = await call(client, "plan_invite", group=GROUP, people=addresses(3))
        asked = await ask_for(client, planned["code"])
        [key] = asked.input_requests or {}

        async def answer() -> object:
            return await client.session.call_tool(
                "apply_plan",
                {"code": planned["code"]},
                input_responses={key: CONFIRMED},
                request_state=asked.request_state,
                allow_input_required=True,
            )

        with sandbox.faults.add(Blocked(), operation=INVITE, skip=1):
            stopped = await answer()
        assert isinstance(stopped, CallToolResult)
        assert "Stopped after 1 of 3" in text_of(stopped.content)
        assert isinstance(await answer(), InputRequiredResult), "the question is another one now"
    assert sent_emails(sandbox) == addresses(1)


async def test_client_that_leaves_stops_the_run_and_another_goes_on(
    server: MCPServer[Any], sandbox: Sandbox
) -> None:
    hanging = sandbox.faults.add(Hang(after=True), operation=INVITE, skip=1, times=1)
    async with connect(server, HANDSHAKE) as client:
        planned = await call(client, "plan_invite", group=GROUP, people=addresses(4))
        code = {"code": planned["code"]}
        running = asyncio.create_task(client.call_tool("apply_plan", code))
        await until(lambda: hanging.call_count > 0)
    await asyncio.wait((running,))
    async with connect(server, HANDSHAKE) as client:
        await call(client, "apply_plan", **code)
    assert sorted(sent_emails(sandbox)) == addresses(4)


async def test_plan_of_a_member_who_left_is_refused(sandbox: Sandbox) -> None:
    sandbox.add_group("Spring", slug=GROUP)
    member = sandbox.add_user("Ada")
    sandbox.add_member(GROUP, member)
    async with make_client(sandbox, sandbox.token_for(member)) as arena:
        server = create_server(arena, allow_writes=True)
        async with connect(server) as client:
            planned = await call(client, "plan_invite", group=GROUP, people=addresses(1))
            sandbox.leave_group(GROUP, member)
            message = await failing_call(client, "apply_plan", code=planned["code"])
    assert "the token's user may not manage the invitations of this group" in message
    assert sent_emails(sandbox) == []


async def test_run_that_is_cut_several_times_sends_one_email_per_person(
    server: MCPServer[Any], sandbox: Sandbox, era: str
) -> None:
    async with connect(server, era) as client:
        planned = await call(client, "plan_invite", group=GROUP, people=addresses(6))
        code = planned["code"]
        for after, skip in [(True, 0), (False, 1), (True, 2), (False, 0)]:
            fault = Hang(after=after)
            with sandbox.faults.add(fault, operation=INVITE, skip=skip, times=1) as hanging:
                running = asyncio.create_task(apply_when_free(client, code))
                await until(partial(is_hit, hanging))
                running.cancel()
                await asyncio.wait((running,))
        done = await apply_when_free(client, code)
    assert sum(done["counts"].values()) == 6
    assert sorted(sent_emails(sandbox)) == addresses(6)


def is_hit(fault: InjectedFault) -> bool:
    return fault.call_count > 0


@pytest.mark.parametrize("kind", ["plan_remove", "plan_revoke"])
async def test_what_a_run_did_is_not_done_again_when_it_goes_on(
    server: MCPServer[Any], sandbox: Sandbox, kind: str
) -> None:
    members, invitations = sandbox.add_members(GROUP, 3), sandbox.add_invitations(GROUP, 3)
    arguments: dict[str, Any] = (
        {"members": members} if kind == "plan_remove" else {"invitations": invitations}
    )
    operation = "removeGroupMember" if kind == "plan_remove" else "revokeGroupInvitation"
    async with connect(server) as client:
        planned = await call(client, kind, group=GROUP, **arguments)
        with sandbox.faults.add(Blocked(), operation=operation, skip=1):
            message = await failing_call(client, "apply_plan", code=planned["code"])
            assert message.startswith("Stopped after 1 of 3:")
        back = [each for each in members if each not in sandbox.members(GROUP)]
        for each in back:
            sandbox.add_member(GROUP, each)
        sandbox.clear_requests()
        done = await call(client, "apply_plan", code=planned["code"])
    assert done["counts"] == {"removed" if kind == "plan_remove" else "revoked": 3}
    assert sum(each.operation == operation for each in sandbox.requests) == 2
    assert set(back) <= set(sandbox.members(GROUP))


async def test_new_plan_after_a_restart_invites_nobody_twice(
    arena: ArenaClient, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARENA_SYNC_KEY", "a key of this test alone")
    people = [*addresses(3)]
    for kind, arguments in [("plan_invite", {}), ("plan_sync", {"add_only": True})]:
        async with SQLiteStore(tmp_path / "store.db") as store:
            server = create_server(arena, allow_writes=True, allow_removals=True, store=store)
            async with connect(server) as client:
                planned = await call(client, kind, group=GROUP, people=people, **arguments)
                if kind == "plan_invite":
                    await call(client, "apply_plan", code=planned["code"])
                else:
                    assert planned["code"] is None
    assert sorted(sent_emails(sandbox)) == people


@pytest.mark.parametrize("kind", ["plan_invite", "plan_remove", "plan_revoke", "plan_sync"])
async def test_plans_are_made_in_the_foreground_and_applied_in_the_background(
    sandbox: Sandbox, kind: str
) -> None:
    sandbox.add_group("Spring", slug=GROUP)
    members = sandbox.add_members(GROUP, 2)
    invitations = sandbox.add_invitations(GROUP, 1)
    arguments: dict[str, dict[str, Any]] = {
        "plan_invite": {"people": addresses(1)},
        "plan_revoke": {"invitations": invitations},
        "plan_remove": {"members": members[:1]},
        "plan_sync": {"people": [*members[:1], *addresses(1)], "max_removals": 9},
    }
    pacer = RecordingPacer()
    async with make_client(sandbox, pacer=pacer) as arena:
        server = create_server(arena, allow_writes=True, allow_removals=True)
        async with connect(server) as client:
            planned = await call(client, kind, group=GROUP, **arguments[kind])
            assert set(pacer.seen) == {(False, "foreground")}
            pacer.seen.clear()
            await call(client, "apply_plan", code=planned["code"])
    assert set(pacer.seen) == {(False, "background"), (True, "background")}


async def test_sync_keeps_members_whose_address_is_named_with_the_user(
    server: MCPServer[Any], sandbox: Sandbox, arena: ArenaClient
) -> None:
    member, other = sandbox.add_members(GROUP, 2)
    people = [{"email": "a@example.org", "user": str(member)}]
    async with connect(server) as client:
        planned = await call(client, "plan_sync", group=GROUP, people=people, max_removals=1)
        assert planned["counts"] == {"keep": 2, "remove": 1}
        assert [each["action"] for each in planned["items"]] == ["remove"]
        await call(client, "apply_plan", code=planned["code"])
    assert member in sandbox.members(GROUP)
    assert other not in sandbox.members(GROUP)


@pytest.mark.parametrize("shown", [False, True])
async def test_addresses_are_masked_unless_the_owner_shows_them(
    arena: ArenaClient, sandbox: Sandbox, shown: bool
) -> None:
    server = create_server(arena, allow_writes=True, show_personal_data=shown)
    host = Host()
    async with connect(server, host=host) as client:
        planned = await call(client, "plan_invite", group=GROUP, people=["anna@example.org"])
        done = await call(client, "apply_plan", code=planned["code"])
        pending = sandbox.pending_invitations(GROUP)
        revoking = await call(client, "plan_revoke", group=GROUP, invitations=pending)
    for text in (str(planned), str(revoking), host.questions[0]):
        assert ("anna@example.org" in text) is shown
        assert ("a…@example.org" in text) is not shown
    assert "anna" not in str(done)


async def test_question_names_the_users_who_are_invited(
    server: MCPServer[Any], sandbox: Sandbox
) -> None:
    user = sandbox.add_user("Zoe Quill")
    host = Host()
    async with connect(server, host=host) as client:
        people = [user, 987654321, "a@example.org"]
        planned = await call(client, "plan_invite", group=GROUP, people=people)
        await call(client, "apply_plan", code=planned["code"])
    assert planned["counts"] == {"invite": 2, "unknown": 1}
    assert planned["items"][0]["user"]["name"] == "Zoe Quill"
    assert "“Spring” (spring, 1 user)?" in host.questions[0]
    assert "- invite “Zoe Quill” (zoe-quill)\n" in host.questions[0]


PORT = 8765
TOKEN = "t0ken-of-this-test"
INITIALIZE = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}


class Session:
    """Session of a client over HTTP."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._headers = {
            "Authorization": f"Bearer {TOKEN}",
            "Accept": "application/json, text/event-stream",
        }

    async def open(self) -> None:
        """Open the session."""
        response = await self._post({"id": 1, "method": "initialize", "params": INITIALIZE})
        self._headers["Mcp-Session-Id"] = response.headers["Mcp-Session-Id"]
        await self._post({"method": "notifications/initialized"})

    async def call(self, tool: str, **arguments: object) -> str:
        """Return the text of an answer."""
        params = {"name": tool, "arguments": arguments}
        return (await self._post({"id": 2, "method": "tools/call", "params": params})).text

    async def _post(self, message: dict[str, object]) -> httpx.Response:
        body = {"jsonrpc": "2.0", **message}
        return await self._client.post("/mcp", json=body, headers=self._headers)


async def test_code_works_in_the_session_that_made_the_plan_alone(
    server: MCPServer[Any], sandbox: Sandbox
) -> None:
    transport = httpx.ASGITransport(http_app(server, RequestGuard(TOKEN, PORT)))
    url = f"http://127.0.0.1:{PORT}"
    async with (
        server.session_manager.run(),
        httpx.AsyncClient(transport=transport, base_url=url, timeout=30) as client,
    ):
        own, other = Session(client), Session(client)
        await own.open()
        await other.open()
        answer = await own.call("plan_invite", group=GROUP, people=["a@example.org"])
        code = answer.partition('\\"code\\":\\"')[2].partition("\\")[0]
        assert len(code) == 24
        assert "No plan has this code" in await other.call("apply_plan", code=code)
        assert sent_emails(sandbox) == []
        assert '"invited":1' in (await own.call("apply_plan", code=code)).replace(" ", "")
    assert sent_emails(sandbox) == ["a@example.org"]
