"""Tokens, invite codes and addresses show in no log, repr, error or traceback."""

import asyncio
import logging
import pickle
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from arena_groups import ArenaClient, ArenaError, RetryPolicy, Timeout
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.fake_clock import AutoAdvanceClock
from arena_groups.sandbox.faults import Disconnect, RateLimited, ServerFailure, TruncatedJSON
from tests.support import documents
from tests.support.clients import single
from tests.support.documents import CODE, CODE_URL, EMAIL, TOKEN
from tests.support.matrix import CALLS as MATRIX
from tests.support.servers import chunked, http, serving
from tests.support.traces import files_behind, shown_by

SECRETS = (TOKEN, CODE, CODE_URL, EMAIL)
ECHO = {
    "error": f"Bad {TOKEN}",
    "code": 422,
    "details": {
        "message": f"{EMAIL} of {TOKEN}",
        "errors": {EMAIL: [f"is {TOKEN}"], TOKEN: [EMAIL.upper(), [TOKEN]]},
    },
}
LIMIT = {"error": {"type": TOKEN, "message": f"{TOKEN} {EMAIL}", "more": [{EMAIL: TOKEN}]}}
HEADERS: dict[str, Any] = {
    "X_Request_Id": f"r-{TOKEN}",
    "X_RateLimit_Limit": "30",
    "Location": f"https://{TOKEN}:{CODE}@x.example/{TOKEN}?email={EMAIL}",
}

ANSWERS = {
    **{
        f"{status} that repeats all it was told": http(
            LIMIT if status == 429 else ECHO, f"{status} No {TOKEN}", **HEADERS
        )
        for status in (302, 400, 401, 403, 404, 418, 422, 429, 500)
    },
    "an error that is no json": http(f"<p>{EMAIL} {CODE} {TOKEN}".encode(), "502 Bad Gateway"),
    "half an error": http(f"{EMAIL} {CODE} {TOKEN}".encode(), "500 Oops", length=999),
    "html": http(f"<p>{EMAIL} {CODE} {TOKEN}".encode()),
    "not utf-8": http(f"{EMAIL} {CODE} {TOKEN} \udcff".encode(errors="surrogateescape")),
    "cut json": http(f'{{"code": "{CODE}", "email": "{EMAIL}'.encode()),
    "another shape": http({"code": [CODE], "url": {CODE_URL: 1}, "email": [EMAIL], "id": TOKEN}),
    "a code that is a list": http(documents.invite(code=[CODE], url={"x": CODE_URL})),
    "an address that is a list": http(documents.invite_result(
        invitation=documents.invitation(invitee_email=[EMAIL], _links=[CODE])
    )),
    "half a body": http(f'{{"code": "{CODE}"'.encode(), length=999),
    "half the chunks": chunked(f'{{"email": "{EMAIL}", "code": "{CODE}"'.encode(), end=b""),
    "no http": f"{TOKEN} {CODE} {EMAIL}\r\n\r\n".encode(),
    "a bad header": f"HTTP/1.1 200 OK\r\n{TOKEN} {CODE}\r\n\r\n".encode(),
    "nothing": b"",
}  # fmt: skip
CALLS: dict[str, Callable[[ArenaClient], Awaitable[object]]] = {
    "me": lambda arena: arena.me(),
    "invite": lambda arena: arena.groups.invite("research-studio", email=EMAIL),
    "join": lambda arena: arena.groups.join("research-studio", invite_token=CODE),
    "invite_code": lambda arena: arena.groups.invite_code("research-studio"),
    "invitations": lambda arena: arena.groups.invitations("research-studio").collect(),
}


def assert_clean(text: str) -> None:
    for secret in SECRETS:
        assert secret.lower() not in text.lower()


@pytest.fixture(autouse=True)
def logs(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """All that anybody logs, which must hold no secret at the end of each test."""
    caplog.set_level(logging.DEBUG)
    yield caplog
    assert_clean(caplog.text)
    for record in caplog.records:
        assert_clean(f"{vars(record)}")


@contextmanager
def refused(kind: type[BaseException] = ArenaError) -> Iterator[list[str]]:
    """Catch an error, and look at all that it shows."""
    found: list[str] = []
    with pytest.raises(kind) as caught:
        yield found
    found.append(shown_by(caught.value))
    assert_clean(found[0])


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("answer", ANSWERS)
async def test_no_failure_shows_them(answer: str, call: str) -> None:
    asyncio.get_running_loop().set_debug(True)
    async with (
        serving(ANSWERS[answer], closing=True) as server,
        single(TOKEN, base_url=server.url) as arena,
    ):
        with pytest.raises(ArenaError) as caught:
            await CALLS[call](arena)
    assert_clean(shown_by(caught.value))
    assert_clean(pickle.dumps(caught.value, 0).decode("latin-1"))
    assert {Path(file).parent.name for file in files_behind(caught.value)} <= {
        "_api",
        "_http",
        "_pagination",
        "_resources",
        "arena_groups",
        "codec",
    }
    assert_clean(f"{arena!r} {arena.groups!r} {arena.users!r} {arena.rate_limit!r}")


@pytest.mark.parametrize("status", [400, 404, 422, 429, 500])
async def test_a_code_that_was_sent_is_not_shown_when_it_is_repeated(status: int) -> None:
    body = {"error": CODE, "details": {"message": CODE.upper(), "errors": [{CODE: [CODE]}]}}
    answer = http(body, f"{status} No {CODE}", X_Request_Id=CODE)
    async with serving(answer) as server, single(TOKEN, base_url=server.url) as arena:
        with refused():
            await CALLS["join"](arena)


@pytest.mark.parametrize("call", CALLS)
async def test_neither_time_limits_nor_refused_connections_show_them(call: str) -> None:
    async with (
        serving(b"") as server,
        single(TOKEN, base_url=server.url, timeout=Timeout(total=0.02)) as arena,
    ):
        with refused():
            await CALLS[call](arena)
    async with single(TOKEN, base_url=server.url) as arena:
        with refused():
            await CALLS[call](arena)
    with refused():
        await CALLS[call](arena)


@pytest.mark.parametrize("call", CALLS)
async def test_the_package_itself_shows_none_when_it_is_cancelled(call: str) -> None:
    async with serving(b"") as server, single(TOKEN, base_url=server.url) as arena:
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(0.02):
                await CALLS[call](arena)
        shown = shown_by(caught.value, within="arena_groups")
        assert "_attempt" in shown
        assert_clean(shown)


@pytest.mark.parametrize("call", CALLS)
async def test_a_provider_shows_none(call: str) -> None:
    async def provide() -> str:
        return TOKEN

    async def provide_badly() -> str:
        return f"{TOKEN}\n"

    async with serving(http(ECHO, "401 No")) as server:
        async with single(provide, base_url=server.url) as arena:
            with refused():
                await CALLS[call](arena)
        async with single(provide_badly, base_url=server.url) as arena:
            with refused(ValueError):
                await CALLS[call](arena)
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "token", [f"{TOKEN}\n", f"Bearer {TOKEN}", f"{TOKEN}é", [TOKEN], {TOKEN: 1}]
)
def test_a_bad_token_is_not_shown(token: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with refused((ValueError, TypeError)):  # type: ignore[arg-type]
        single(token)
    if isinstance(token, str):
        monkeypatch.setenv("ARENA_TOKEN", token)
        with refused(ValueError):
            single()


@pytest.mark.parametrize(
    "options",
    [
        {"base_url": "nowhere"},
        {"base_url": f"https://{TOKEN}@api.are.na"},
        {"user_agent": "\n"},
        {"timeout": None},
    ],
)
def test_a_good_token_beside_a_bad_option_is_not_shown(options: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError, AttributeError)) as caught:
        single(TOKEN, **options)
    if TOKEN not in f"{options}":
        assert_clean(shown_by(caught.value))
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    "call",
    [
        lambda arena: arena.groups.join("a/b", invite_token=CODE),
        lambda arena: arena.groups.join("x", invite_token=f"{CODE}\n"),
        lambda arena: arena.groups.join("x", invite_token=[CODE]),
        lambda arena: arena.groups.invite("a/b", email=EMAIL),
        lambda arena: arena.groups.invite("x", email=f"{EMAIL}\n"),
        lambda arena: arena.groups.invite("x", email=[EMAIL]),
        lambda arena: arena.groups.invite("x", email=EMAIL, user_id=7),
    ],
)
async def test_a_refused_argument_is_not_shown(
    call: Callable[[ArenaClient], Awaitable[object]],
) -> None:
    async with single(TOKEN) as arena:
        with refused(ValueError):
            await call(arena)


async def test_use_in_a_wrong_state_does_not_show_them() -> None:
    arena = single(TOKEN)
    await arena.aclose()
    for call in CALLS.values():
        with refused():
            await call(arena)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as made:
        yield made


async def test_a_working_day_leaves_none_in_the_logs(
    sandbox: Sandbox, logs: pytest.LogCaptureFixture
) -> None:
    asyncio.get_running_loop().set_debug(True)
    token = sandbox.tokens.owner
    kept: list[object] = []
    async with single(token, base_url=sandbox.url) as arena:
        kept += [await arena.me(), await arena.groups.invite("research-studio", email=EMAIL)]
        invite = await arena.groups.invite_code("research-studio")
        kept += await arena.groups.invitations("research-studio").collect()
        kept += [invite, arena, arena.groups, arena.groups.invitations("research-studio")]
        async with single(sandbox.tokens.stranger, base_url=sandbox.url) as other:
            kept.append(await other.groups.join("research-studio", invite_token=invite.code))
            with refused() as found:
                await other.groups.join("night-shift", invite_token=invite.code)
    text = f"{kept} {found} {logs.text}"
    assert_clean(text)
    for secret in (token, sandbox.tokens.stranger, invite.code, invite.url, "ada.osei@"):
        assert secret not in text
    assert "@" not in f"{kept}".replace("@2x", "")


async def test_a_whole_day_of_faults_shows_none_of_them(
    logs: pytest.LogCaptureFixture,
) -> None:
    shown: list[str] = []
    async with Sandbox() as sandbox:
        for fault in (ServerFailure(503), Disconnect(after=True), TruncatedJSON(), RateLimited(1)):
            sandbox.faults.add(fault, probability=0.15)
        clock = AutoAdvanceClock()
        async with ArenaClient(
            sandbox.tokens.owner,
            base_url=sandbox.url,
            clock=clock,
            retry=RetryPolicy(attempts=2),
            on_request=lambda exchange: shown.append(repr(exchange)),
        ) as arena:
            for name, call in MATRIX.items():
                for turn in range(5):
                    group = sandbox.add_group(f"{name} {turn}")
                    sandbox.add_member(group, sandbox.users.member)
                    sandbox.add_invitations(group, 2)
                    try:
                        shown.append(repr(await call.run(arena, sandbox, group)))
                    except ArenaError as error:
                        shown += [shown_by(error), pickle.dumps(error, 0).decode("latin-1")]
            sandbox.faults.clear()
            code = (await arena.groups.create_invite_code("research-studio")).code
        tokens = [getattr(sandbox.tokens, each) for each in ("owner", "member", "read_only")]
        addresses = {email.address for email in sandbox.emails}
    everything = "\n".join([logs.text, *shown, *(f"{vars(record)}" for record in logs.records)])
    assert "attempt 1 failed" in everything
    assert not [secret for secret in (*tokens, *addresses, code) if secret in everything]
    assert not re.findall(r"[\w.+-]+@example\.\w+", everything)
