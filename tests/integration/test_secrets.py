"""Tokens, invite codes and addresses show in no log, repr, error or traceback."""

import asyncio
import inspect
import logging
import pickle
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import arena_groups
from arena_groups import ArenaClient, ArenaError, GroupsResource, RetryPolicy, Timeout
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.fake_clock import AutoAdvanceClock
from arena_groups.sandbox.faults import Disconnect, RateLimited, ServerFailure, TruncatedJSON
from tests.support import documents
from tests.support.clients import connected, own_and_external, single
from tests.support.documents import CODE, CODE_URL, EMAIL, STUDIO, TOKEN
from tests.support.matrix import CALLS as MATRIX
from tests.support.servers import chunked, http, serving
from tests.support.traces import files_behind, shown_by
from tests.support.waiting import run_other_tasks

PACKAGE = Path(arena_groups.__file__).parent
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

RESPONSES = {
    **{
        f"{status} that repeats the request": http(
            LIMIT if status == 429 else ECHO, f"{status} No {TOKEN}", **HEADERS
        )
        for status in (302, 400, 401, 403, 404, 418, 422, 429, 500)
    },
    "error that is not JSON": http(f"<p>{EMAIL} {CODE} {TOKEN}".encode(), "502 Bad Gateway"),
    "truncated error": http(f"{EMAIL} {CODE} {TOKEN}".encode(), "500 Oops", length=999),
    "HTML": http(f"<p>{EMAIL} {CODE} {TOKEN}".encode()),
    "not UTF-8": http(f"{EMAIL} {CODE} {TOKEN} \udcff".encode(errors="surrogateescape")),
    "truncated JSON": http(f'{{"code": "{CODE}", "email": "{EMAIL}'.encode()),
    "other types": http({"code": [CODE], "url": {CODE_URL: 1}, "email": [EMAIL], "id": TOKEN}),
    "code that is a list": http(documents.invite(code=[CODE], url={"x": CODE_URL})),
    "address that is a list": http(documents.invite_result(
        invitation=documents.invitation(invitee_email=[EMAIL], _links=[CODE])
    )),
    "truncated body": http(f'{{"code": "{CODE}"'.encode(), length=999),
    "truncated chunks": chunked(f'{{"email": "{EMAIL}", "code": "{CODE}"'.encode(), end=b""),
    "not HTTP": f"{TOKEN} {CODE} {EMAIL}\r\n\r\n".encode(),
    "invalid header": f"HTTP/1.1 200 OK\r\n{TOKEN} {CODE}\r\n\r\n".encode(),
    "no response": b"",
}  # fmt: skip
CALLS: dict[str, Callable[[ArenaClient], Awaitable[object]]] = {
    "me": lambda arena: arena.me(),
    "invite": lambda arena: arena.groups.invite(STUDIO, email=EMAIL),
    "join": lambda arena: arena.groups.join(STUDIO, invite_token=CODE),
    "invite_code": lambda arena: arena.groups.invite_code(STUDIO),
    "invitations": lambda arena: arena.groups.invitations(STUDIO).collect(),
    "request": lambda arena: arena.request(
        "POST",
        "/v3/groups/{id}/invitations",
        path={"id": CODE},
        query={"q": CODE, "more": [EMAIL, "x"]},
        json={"email": EMAIL, "codes": [{"code": CODE}]},
        returns=dict[str, dict[str, int]],
    ),
    "paginate": lambda arena: arena.paginate(
        "/v3/groups/{id}/invitations", path={"id": CODE}, query={"q": EMAIL}
    ).collect(),
}


def assert_clean(text: str) -> None:
    """Check that a text holds no secret."""
    for secret in SECRETS:
        assert secret.lower() not in text.lower()


@pytest.fixture(autouse=True)
def logs(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Captured logs, which must hold no secret at the end of each test."""
    caplog.set_level(logging.DEBUG)
    yield caplog
    assert_clean(caplog.text)
    for record in caplog.records:
        assert_clean(f"{vars(record)}")


@contextmanager
def raises_clean(kind: type[BaseException] = ArenaError) -> Iterator[list[str]]:
    """Catch an error, and check everything that it shows."""
    found: list[str] = []
    with pytest.raises(kind) as caught:
        yield found
    found.append(shown_by(caught.value))
    assert_clean(found[0])


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("response", RESPONSES)
async def test_failure_shows_no_secret(response: str, call: str) -> None:
    asyncio.get_running_loop().set_debug(True)
    async with (
        serving(RESPONSES[response], closing=True) as server,
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
    }
    assert_clean(f"{arena!r} {arena.groups!r} {arena.users!r} {arena.rate_limit!r}")


@pytest.mark.parametrize("status", [400, 404, 422, 429, 500])
async def test_error_that_repeats_the_sent_code_does_not_show_it(status: int) -> None:
    body = {"error": CODE, "details": {"message": CODE.upper(), "errors": [{CODE: [CODE]}]}}
    response = http(body, f"{status} No {CODE}", X_Request_Id=CODE)
    async with serving(response) as server, single(TOKEN, base_url=server.url) as arena:
        with raises_clean():
            await CALLS["join"](arena)


@pytest.mark.parametrize("call", CALLS)
async def test_timeout_and_refused_connection_show_no_secret(call: str) -> None:
    async with (
        serving(b"") as server,
        single(TOKEN, base_url=server.url, timeout=Timeout(total=0.02)) as arena,
    ):
        with raises_clean():
            await CALLS[call](arena)
    async with single(TOKEN, base_url=server.url) as arena:
        with raises_clean():
            await CALLS[call](arena)
    with raises_clean():
        await CALLS[call](arena)


@pytest.mark.parametrize("call", CALLS)
async def test_cancelled_request_shows_no_secret_in_frames_of_the_package(call: str) -> None:
    async with serving(b"") as server, single(TOKEN, base_url=server.url) as arena:
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(0.02):
                await CALLS[call](arena)
        shown = shown_by(caught.value, within="arena_groups")
        assert "_attempt" in shown
        assert_clean(shown)


def frames_of(coroutine: Any) -> Iterator[FrameType]:
    """Yield the frames of a coroutine that waits, from the outermost one."""
    while coroutine is not None:
        frame = getattr(coroutine, "cr_frame", None)
        if frame is not None:
            yield frame
        coroutine = getattr(coroutine, "cr_await", None)


@own_and_external
@pytest.mark.parametrize("call", CALLS)
async def test_frames_of_a_request_in_flight_hold_no_signed_headers(
    call: str, *, external: bool
) -> None:
    async with connected(b"", external=external) as (arena, server):
        task = asyncio.ensure_future(CALLS[call](arena))
        await server.wait_for_requests(1)
        await run_other_tasks()
        frames = [
            frame
            for frame in frames_of(task.get_coro())
            if Path(frame.f_code.co_filename).is_relative_to(PACKAGE)
        ]
        last = "external.py" if external else "transport.py"
        assert Path(frames[-1].f_code.co_filename).name == last
        assert_clean(f"{[frame.f_locals for frame in frames]}")
        task.cancel()
        await asyncio.wait([task])


@pytest.mark.parametrize("call", CALLS)
async def test_token_provider_shows_no_secret(call: str) -> None:
    async def provider() -> str:
        return TOKEN

    async def invalid_provider() -> str:
        return f"{TOKEN}\n"

    async with serving(http(ECHO, "401 No")) as server:
        async with single(provider, base_url=server.url) as arena:
            with raises_clean():
                await CALLS[call](arena)
        async with single(invalid_provider, base_url=server.url) as arena:
            with raises_clean(ValueError):
                await CALLS[call](arena)
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "token", [f"{TOKEN}\n", f"Bearer {TOKEN}", f"{TOKEN}é", [TOKEN], {TOKEN: 1}]
)
def test_invalid_token_is_not_shown(token: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with raises_clean((ValueError, TypeError)):  # type: ignore[arg-type]
        single(token)
    if isinstance(token, str):
        monkeypatch.setenv("ARENA_TOKEN", token)
        with raises_clean(ValueError):
            single()


@pytest.mark.parametrize(
    "options",
    [
        {"base_url": "nowhere"},
        {"base_url": f"https://{TOKEN}@api.are.na"},
        {"app": "\n"},
        {"timeout": None},
    ],
)
def test_valid_token_with_an_invalid_option_is_not_shown(options: dict[str, Any]) -> None:
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
        lambda arena: arena.groups.invite("x", email=f"{EMAIL}\nBcc: x@y.org"),
        lambda arena: arena.groups.invite("x", email=[EMAIL]),
        lambda arena: arena.groups.invite("x", email=EMAIL, user_id=7),
        lambda arena: arena.request("GET", f"/v3/{EMAIL}"),
        lambda arena: arena.request("GET", "/v3/{id}", path={"id": f"\ud800{CODE}"}),
        lambda arena: arena.request("GET", "/v3/me", path={"id": CODE}),
        lambda arena: arena.request("GET", "/v3/me", json={"code": CODE}),
        lambda arena: arena.request("GET", "/v3/me", query={"code": f"\ud800{CODE}"}),
        lambda arena: arena.request("POST", "/v3/me", json=[CODE, {"code": float("nan")}]),
        lambda arena: arena.paginate("/v3/me", query={"page": CODE}).collect(),
        lambda arena: arena.paginate("/v3/{id}", path={"id": CODE}, per=0).collect(),
        lambda arena: arena.paginate("/v3/me", query={"code": CODE}, limit=-1).collect(),
    ],
)
async def test_invalid_argument_is_not_shown(
    call: Callable[[ArenaClient], Awaitable[object]],
) -> None:
    async with single(TOKEN) as arena:
        with raises_clean(ValueError):
            await call(arena)


@pytest.mark.parametrize(
    "call",
    [
        lambda arena: arena.request("GET", "/v3/me", returns=CODE),
        lambda arena: arena.request("POST", "/v3/me", json={"code": {CODE}}),
        lambda arena: arena.request("GET", "/v3/me", query={"code": {CODE: 1}}),
        lambda arena: arena.request("GET", "/v3/{id}", path={"id": [CODE]}),
        lambda arena: arena.paginate("/v3/me", item={"code": CODE}).collect(),
        lambda arena: arena.paginate("/v3/me", query={"code": CODE}, per="9").collect(),
    ],
)
async def test_argument_of_the_wrong_type_is_not_shown(
    call: Callable[[ArenaClient], Awaitable[object]],
) -> None:
    async with single(TOKEN) as arena:
        with raises_clean(TypeError):
            await call(arena)


async def test_closed_client_shows_no_secret() -> None:
    arena = single(TOKEN)
    await arena.aclose()
    for call in CALLS.values():
        with raises_clean():
            await call(arena)


async def test_usual_operations_show_no_secret_in_logs_and_reprs(
    sandbox: Sandbox, logs: pytest.LogCaptureFixture
) -> None:
    asyncio.get_running_loop().set_debug(True)
    token = sandbox.tokens.owner
    kept: list[object] = []
    async with single(token, base_url=sandbox.url) as arena:
        kept += [await arena.me(), await arena.groups.invite(STUDIO, email=EMAIL)]
        invite = await arena.groups.invite_code(STUDIO)
        kept += await arena.groups.invitations(STUDIO).collect()
        kept += [invite, arena, arena.groups, arena.groups.invitations(STUDIO)]
        async with single(sandbox.tokens.stranger, base_url=sandbox.url) as other:
            kept.append(await other.groups.join(STUDIO, invite_token=invite.code))
            with raises_clean() as found:
                await other.groups.join("night-shift", invite_token=invite.code)
    text = f"{kept} {found} {logs.text}"
    assert_clean(text)
    for secret in (token, sandbox.tokens.stranger, invite.code, invite.url, "ada.osei@"):
        assert secret not in text
    assert "@" not in f"{kept}".replace("@2x", "")


async def test_all_operations_with_faults_show_no_secret(
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
            on_request=lambda event: shown.append(repr(event)),
        ) as arena:
            for name, call in MATRIX.items():
                for number in range(5):
                    group = sandbox.add_group(f"{name} {number}")
                    sandbox.add_member(group, sandbox.users.member.id)
                    sandbox.add_invitations(group, 2)
                    try:
                        shown.append(repr(await call.run(arena, sandbox, group)))
                    except ArenaError as error:
                        shown += [shown_by(error), pickle.dumps(error, 0).decode("latin-1")]
            sandbox.faults.clear()
            code = (await arena.groups.create_invite_code(STUDIO)).code
        tokens = [getattr(sandbox.tokens, each) for each in ("owner", "member", "read_only")]
        addresses = {email.address for email in sandbox.emails}
    everything = "\n".join([logs.text, *shown, *(f"{vars(record)}" for record in logs.records)])
    assert "attempt 1 failed" in everything
    assert not [secret for secret in (*tokens, *addresses, code) if secret in everything]
    assert not re.findall(r"[\w.+-]+@example\.\w+", everything)


GROUP_CALLS = [
    name
    for name, method in inspect.getmembers(GroupsResource, inspect.isfunction)
    if "group" in inspect.signature(method).parameters
]
OTHER_ARGUMENTS: dict[str, dict[str, Any]] = {
    "remove_member": {"user": 7},
    "invite": {"user_id": 7},
    "revoke_invitation": {"invitation": 7},
}


@pytest.mark.parametrize("refused", [CODE_URL.replace("are.na", "evil.example"), CODE_URL])
@pytest.mark.parametrize("name", GROUP_CALLS)
async def test_url_of_an_invite_as_group_is_not_shown(name: str, refused: str) -> None:
    response = http(ECHO, "404 Not Found")
    async with serving(response) as server, single(TOKEN, base_url=server.url) as arena:
        method = getattr(arena.groups, name)
        with raises_clean(Exception):
            await method(refused, **OTHER_ARGUMENTS.get(name, {}))
    assert all(CODE not in request.target for request in server.requests)


@pytest.mark.parametrize("name", ["members", "invitations", "contents", "followers"])
def test_url_of_an_invite_is_not_shown_if_another_argument_is_refused(name: str) -> None:
    with raises_clean(ValueError):
        getattr(ArenaClient(TOKEN).groups, name)(CODE_URL, per=0)


@pytest.mark.parametrize("name", ["get", "groups", "followers", "following"])
async def test_address_as_user_is_not_shown(name: str) -> None:
    with raises_clean(ValueError):
        await getattr(ArenaClient(TOKEN).users, name)(EMAIL)
    with raises_clean(ValueError):
        await ArenaClient(TOKEN).groups.invite(STUDIO, user=EMAIL)
