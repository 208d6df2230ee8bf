"""Calls of any endpoint, against the sandbox and servers with faults."""

import asyncio
import json
import logging
from dataclasses import dataclass
from typing import Any, TypedDict
from unittest.mock import create_autospec
from urllib.parse import parse_qsl, unquote

import msgspec
import pytest

import arena_groups
from arena_groups import (
    ArenaClient,
    ArenaConnectionError,
    ArenaTimeoutError,
    Channel,
    Content,
    DecodeError,
    Group,
    JSONItem,
    NotFoundError,
    Page,
    PaginationError,
    RateLimitError,
    RequestEvent,
    ServerError,
    UnprocessableError,
)
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.fake_clock import AutoAdvanceClock
from arena_groups.sandbox.faults import Disconnect, RateLimited, ServerFailure
from tests.support.clients import client, connected, own_and_external, single
from tests.support.documents import STUDIO, TOKEN
from tests.support.servers import http, serving

CHANNEL = "/v3/channels/{id}"
CONTENTS = "/v3/channels/{id}/contents"
GROUP = "/v3/groups/{id}"


class Notification(msgspec.Struct):
    """Notification of the API, as a caller may describe it."""

    id: int
    type: str
    is_read: bool


class Notifications(TypedDict):
    """Page of notifications."""

    data: list[Notification]


@dataclass
class Titled:
    """Part of a content."""

    id: int
    type: str
    title: str | None = None


@dataclass
class Slugged:
    """Object whose id is a text."""

    id: str
    type: str


def biggest(sandbox: Sandbox) -> str:
    """Return the slug of a channel that has contents."""
    return next(iter(sandbox.channels))


async def test_plain_data_and_types_of_a_caller(sandbox: Sandbox) -> None:
    slug = biggest(sandbox)
    async with single(sandbox.tokens.owner, base_url=sandbox.url) as arena:
        plain = await arena.request("GET", CHANNEL, path={"id": slug})
        assert isinstance(plain, dict)
        channel = await arena.request("GET", CHANNEL, path={"id": slug}, returns=Channel)
        assert (plain["id"], plain["slug"]) == (channel.id, channel.slug) == (channel.id, slug)
        content: Any = await arena.request("GET", CHANNEL, path={"id": channel.id}, returns=Content)
        assert content == channel
        found = await arena.request("GET", "/v3/me/notifications", returns=Notifications)
        assert found["data"][0].type == "Notification"
        page = await arena.request(
            "GET", CONTENTS, path={"id": slug}, query={"per": 5}, returns=Page[Titled]
        )
        assert len(page.data) == 5


async def test_write_returns_nothing_for_204_and_head(sandbox: Sandbox) -> None:
    async with single(sandbox.tokens.owner, base_url=sandbox.url) as arena:
        made = await arena.request("post", "/v3/groups", json={"name": "Tides"}, returns=Group)
        path = {"id": made.slug}
        assert await arena.request("HEAD", GROUP, path=path) is None
        put = await arena.request("PUT", GROUP, path=path, json={"description": None})
        assert isinstance(put, dict)
        assert await arena.request("DELETE", GROUP, path=path) is None
        with pytest.raises(NotFoundError, match="check the route"):
            await arena.request("HEAD", GROUP, path=path)


async def test_same_endpoint_of_another_type_is_cached_apart(sandbox: Sandbox) -> None:
    events: list[RequestEvent] = []
    async with single(
        sandbox.tokens.owner, base_url=sandbox.url, on_request=events.append
    ) as arena:
        for _ in range(3):
            group = await arena.groups.get(STUDIO)
            plain = await arena.request("GET", GROUP, path={"id": STUDIO})
            titled = await arena.request("GET", GROUP, path={"id": STUDIO}, returns=Titled)
            assert isinstance(group, Group)
            assert isinstance(plain, dict)
            assert plain["id"] == group.id == titled.id
            plain.clear()
            titled.id = 0
    assert [event.status for event in events] == [200] + 8 * [304]


async def test_paginate_reads_every_item_as_the_built_in_list_does(sandbox: Sandbox) -> None:
    path = {"id": STUDIO}
    async with single(sandbox.tokens.owner, base_url=sandbox.url) as arena:
        expected = await arena.groups.contents(STUDIO).collect()
        for concurrency in (1, 4):
            route = "/v3/groups/{id}/contents"
            options: dict[str, Any] = {"path": path, "per": 10, "concurrency": concurrency}
            assert await arena.paginate(route, item=Content, **options).collect() == expected
            plain = await arena.paginate(route, **options).collect()
            assert [(each["type"], each["id"]) for each in plain] == [
                (each.type, each.id) for each in expected
            ]
            assert all(isinstance(each, JSONItem) for each in plain)
            confirmed = arena.paginate(route, item=Titled, confirm=True, **options)
            assert [each.id for each in await confirmed.collect()] == [e.id for e in expected]
            assert len(await arena.paginate(route, limit=13, **options).collect()) == 13
        assert await arena.paginate(route, path=path).count() == len(expected)


async def test_channel_is_read_newest_first_while_it_changes(sandbox: Sandbox) -> None:
    async with single(sandbox.tokens.owner, base_url=sandbox.url) as arena:
        query = {"sort": "created_at_desc", "user_id": None}
        contents = arena.paginate(
            CONTENTS, path={"id": biggest(sandbox)}, query=query, item=Content, per=7
        )
        found = await contents.collect()
        assert len({(each.type, each.id) for each in found}) == len(found) == await contents.count()


@pytest.mark.parametrize("concurrency", [1, 3])
@pytest.mark.parametrize(
    ("route", "path", "problem"),
    [
        ("/v3/me/notifications", None, "is paged by a cursor, not by page numbers"),
        (GROUP, {"id": STUDIO}, "is not a page of a list"),
        ("/v3/ping", None, "is not a page of a list"),
    ],
)
async def test_endpoint_that_is_not_a_numbered_list_is_refused(
    sandbox: Sandbox, route: str, path: dict[str, str] | None, problem: str, concurrency: int
) -> None:
    async with single(sandbox.tokens.owner, base_url=sandbox.url) as arena:
        listed = arena.paginate(route, path=path, concurrency=concurrency)
        for use in (listed.collect, listed.first, listed.count):
            with pytest.raises(PaginationError, match=f"{problem}: read it with"):
                await use()


META = {
    "current_page": 1, "per_page": 100, "total_pages": 1, "total_count": 1, "has_more_pages": False,
}  # fmt: skip


@pytest.mark.parametrize("item", [{}, {"id": 7}, {"type": "Thing"}])
async def test_items_without_type_and_id_are_refused(item: dict[str, object]) -> None:
    async with connected(http({"data": [item], "meta": META})) as (arena, _):
        with pytest.raises(PaginationError, match="has items without type and id"):
            await arena.paginate("/v3/x").collect()
        with pytest.raises(DecodeError):
            await arena.request("GET", "/v3/x", returns=Page[JSONItem])


@pytest.mark.parametrize("concurrency", [1, 2])
async def test_items_whose_id_is_a_text_are_refused(concurrency: int) -> None:
    data = [{"id": "a-1", "type": "x"}]
    async with connected(http({"data": data, "meta": META})) as (arena, _):
        listed: Any = arena.paginate("/v3/x", item=Slugged, concurrency=concurrency)  # type: ignore[type-var]
        with pytest.raises(PaginationError, match="GET /v3/x has items whose id is not an int"):
            await listed.collect()


async def test_items_that_cannot_be_decoded_are_skipped_and_counted() -> None:
    data = [{"id": 1, "type": "a"}, {"id": "x", "type": "b"}, {"id": 3, "type": "c"}]
    async with connected(http({"data": data, "meta": META})) as (arena, _):
        listed = arena.paginate("/v3/x", item=Titled, on_decode_error="skip")
        assert [each.id for each in await listed.collect()] == [1, 3]
        assert listed.skipped == 1


async def test_logs_hooks_and_errors_name_the_template_only(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    events: list[RequestEvent] = []
    async with client(
        sandbox.url, AutoAdvanceClock(), sandbox.tokens.owner, on_request=events.append
    ) as arena:
        sandbox.faults.add(ServerFailure(503), times=1)
        with pytest.raises(NotFoundError) as caught:
            await arena.request(
                "GET", CONTENTS, path={"id": "hush-hush"}, query={"sort": "created_at_asc"}
            )
        with pytest.raises(NotFoundError) as literal:
            await arena.request("GET", "/v3/channels/hush-hush")
    assert caught.value.route == CONTENTS
    assert literal.value.route == "/v3/channels"
    assert {event.route for event in events} == {CONTENTS, "/v3/channels"}
    assert {event.operation for event in events} == {f"GET {CONTENTS}", "GET /v3/channels"}
    assert "hush" not in f"{events} {caught.value!r} {caught.value} {literal.value} {caplog.text}"


async def test_values_that_the_server_repeats_are_not_shown() -> None:
    body = {"error": "Bad", "details": {"message": "no moonlight, not Sonata"}}
    async with connected(http(body, "422 Bad")) as (arena, _):
        with pytest.raises(UnprocessableError) as caught:
            await arena.request(
                "POST", "/v3/x", query={"q": "sonata"}, json=[{"title": "moonlight"}]
            )
    assert "no [secret], not [secret]" in str(caught.value)


async def test_many_values_are_kept_from_an_error() -> None:
    values = [f"value-{number}" for number in range(3000)]
    body = {"error": "Bad", "details": {"errors": {f"f{n}": ["VALUE-2999"] for n in range(200)}}}
    async with connected(http(body, "422 Bad")) as (arena, _):
        with pytest.raises(UnprocessableError) as caught:
            await arena.request("POST", "/v3/x", json={"values": values})
    assert "value-" not in f"{caught.value} {caught.value.details}".lower()


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{}"])
async def test_response_of_another_type_is_a_decode_error(body: bytes) -> None:
    async with connected(http(body)) as (arena, _):
        with pytest.raises(DecodeError, match=r"cannot decode GET /v3/x/\{id\}: "):
            await arena.request("GET", "/v3/x/{id}", path={"id": "hush"}, returns=Group)


async def test_page_of_a_proxy_is_not_plain_data() -> None:
    async with connected(http(b"<html>Log in</html>")) as (arena, _):
        with pytest.raises(DecodeError, match="GET /v3/x") as caught:
            await arena.request("GET", "/v3/x")
    assert caught.value.invalid_json


@pytest.mark.parametrize("body", [[], "", 0, False, {}])
async def test_empty_body_is_sent(body: Any) -> None:
    async with connected(http({})) as (arena, server):
        await arena.request("DELETE", "/v3/x", json=body)
    assert server.requests[0].body == json.dumps(body).encode()
    assert server.requests[0].headers["content-type"] == "application/json"


async def test_lost_delete_whose_repetition_is_not_found_has_succeeded(sandbox: Sandbox) -> None:
    group = sandbox.add_group("Tides")
    sandbox.faults.add(Disconnect(after=True), times=1)
    async with client(sandbox.url, AutoAdvanceClock(), sandbox.tokens.owner) as arena:
        assert await arena.request("DELETE", GROUP, path={"id": group}) is None
        with pytest.raises(NotFoundError):
            await arena.request("DELETE", GROUP, path={"id": group})


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
async def test_idempotent_request_is_sent_again(sandbox: Sandbox, method: str) -> None:
    sandbox.faults.add(Disconnect(after=True), times=1)
    async with client(sandbox.url, AutoAdvanceClock(), sandbox.tokens.owner) as arena:
        body = {"description": "On tides"} if method == "PUT" else None
        await arena.request(method, GROUP, path={"id": STUDIO}, json=body)
    assert len(sandbox.requests) == 2


@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_request_that_is_not_idempotent_has_an_unknown_outcome(
    sandbox: Sandbox, method: str
) -> None:
    sandbox.faults.add(Disconnect(after=True))
    async with client(sandbox.url, AutoAdvanceClock(), sandbox.tokens.owner) as arena:
        with pytest.raises(ArenaConnectionError, match="look before you try again") as caught:
            await arena.request(method, "/v3/groups", json={"name": "Tides"})
        assert caught.value.outcome_unknown
        assert len(sandbox.requests) == 1
        with pytest.raises(ArenaConnectionError):
            await arena.request(method, "/v3/groups", json={"name": "x"}, idempotent=True)
    assert len(sandbox.requests) > 2


async def test_requests_are_paced_and_retried_after_a_429(sandbox: Sandbox) -> None:
    clock = AutoAdvanceClock()
    sandbox.faults.add(RateLimited(5), times=1)
    async with client(sandbox.url, clock, sandbox.tokens.owner) as arena:
        before = clock.now()
        await arena.request("GET", "/v3/me")
        assert clock.now() - before >= 5
        assert arena.rate_limit is not None
        with pytest.raises(RateLimitError):
            sandbox.faults.add(RateLimited(600))
            await arena.with_options(retry=False).request("GET", "/v3/me")


async def test_view_with_options_has_its_own_requests_and_lists(sandbox: Sandbox) -> None:
    sandbox.faults.add(ServerFailure(503))
    async with client(sandbox.url, AutoAdvanceClock(), sandbox.tokens.owner) as arena:
        view = arena.with_options(retry=False)
        for call in (view.request("GET", "/v3/me"), view.paginate("/v3/x").collect()):
            with pytest.raises(ServerError):
                await call
    assert len(sandbox.requests) == 2


async def test_deadline_of_a_view_bounds_requests_and_lists() -> None:
    async with serving(b"") as server, single(TOKEN, base_url=server.url) as arena:
        view = arena.with_options(deadline=0.02)
        with pytest.raises(ArenaTimeoutError, match=r"deadline of 0\.02 s"):
            await view.request("GET", "/v3/me")
        with pytest.raises(ArenaTimeoutError, match=r"deadline of 0\.02 s"):
            await view.paginate("/v3/x", concurrency=2).collect()


@pytest.mark.parametrize(
    "call",
    [
        lambda arena: arena.request("GET", "//evil.example/x"),
        lambda arena: arena.request("GET", "https://evil.example/x"),
        lambda arena: arena.request("GET", CHANNEL),
        lambda arena: arena.request("GET", "/v3/me", path={"id": 1}),
        lambda arena: arena.request("GET", "/v3/me", json={}),
        lambda arena: arena.request("TRACE", "/v3/me"),
        lambda arena: arena.paginate("/v3/../x").collect(),
        lambda arena: arena.paginate("/v3/x", query={"per": 3}).collect(),
        lambda arena: arena.paginate("/v3/x", per=101).collect(),
    ],
)
async def test_invalid_call_sends_nothing(call: Any) -> None:
    async with serving(http({})) as server, single(TOKEN, base_url=server.url) as arena:
        with pytest.raises(ValueError, match=r".+"):
            await call(arena)
    assert server.requests == []


async def test_base_url_with_a_path_keeps_it() -> None:
    async with (
        serving(http({})) as server,
        single(TOKEN, base_url=f"{server.url}/proxy") as arena,
    ):
        await arena.request("GET", CHANNEL, path={"id": "a/b é"})
        await arena.request("GET", CHANNEL, path={"id": "../.."}, query={"q": "x y"})
    assert [request.target for request in server.requests] == [
        "/proxy/v3/channels/a%2Fb%20%C3%A9",
        "/proxy/v3/channels/..%2F..?q=x+y",
    ]


NASTY = [
    "a/b", "../..", "..%2f", "%2e%2e", "%252e", "a b", "a+b", "é", "\u202e", "日本", "😀",
    "a\r\nHost: x", "\x00", "?x=1", "#x", "a;b=c", "a:b@c", "http://x",
    "\\\\x", "{id}", "%", "~a_b-c.d", "...", "a..",
    " ",
]  # fmt: skip


@own_and_external
@pytest.mark.parametrize("query", [None, {"q": "a b"}])
async def test_server_sees_exactly_the_given_values(
    query: dict[str, str] | None, *, external: bool
) -> None:
    async with connected(http({}), external=external) as (arena, server):
        for value in NASTY:
            path = {"id": value, "other": value}
            await arena.request("GET", "/v3/{id}/x/{other}", path=path, query=query)
            await arena.request("POST", "/v3/{id}/x/{other}", path=path, query=query)
    seen = [request.target.partition("?")[0].split("/") for request in server.requests]
    expected = [["", "v3", each, "x", each] for each in NASTY for _ in range(2)]
    assert [[unquote(part) for part in each] for each in seen] == expected


@own_and_external
async def test_query_arrives_as_given(*, external: bool) -> None:
    async with connected(http({}), external=external) as (arena, server):
        for value in NASTY:
            await arena.request("GET", "/v3/x", query={value: value, "b": value})
    got = [parse_qsl(r.target.partition("?")[2], keep_blank_values=True) for r in server.requests]
    assert got == [[(value, value), ("b", value)] for value in NASTY]


async def test_closed_client_refuses_both(arena: ArenaClient) -> None:
    await arena.aclose()
    for call in (arena.request("GET", "/v3/me"), arena.paginate("/v3/x").collect()):
        with pytest.raises(arena_groups.ClientStateError):
            await call


async def test_client_can_be_mocked() -> None:
    mock = create_autospec(ArenaClient, instance=True)
    mock.request.return_value = {"id": 7}
    assert await mock.request("GET", "/v3/me") == {"id": 7}
    with pytest.raises(TypeError):
        mock.paginate("/v3/x", headers={})


async def test_cancelled_request_ends(sandbox: Sandbox) -> None:
    async with serving(b"") as server, single(TOKEN, base_url=server.url) as arena:
        task = asyncio.ensure_future(arena.request("POST", "/v3/x", json={}))
        await server.wait_for_requests(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
