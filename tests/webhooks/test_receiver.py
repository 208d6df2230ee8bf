"""Receiver for tests: what it collects, verifies and refuses."""

import asyncio
import threading
from contextlib import closing
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from arena_groups import ArenaClient, MemoryStore, watch
from arena_groups.sandbox import Sandbox
from arena_groups.webhooks import WebhookReceiver, WebhookSender, generate_secret
from tests.support.clients import single
from tests.support.watch_events import every_event


def sender(receiver: WebhookReceiver, **options: Any) -> WebhookSender:
    options.setdefault("secret", receiver.secret)
    return WebhookSender(receiver.url, allow_private=True, **options)


def post(receiver: WebhookReceiver, body: bytes, **headers: str) -> int:
    """Send a request of another program, and return the status."""
    where = urlsplit(receiver.url)
    with closing(HTTPConnection(where.netloc)) as connection:
        connection.request("POST", where.path, body, headers)
        return connection.getresponse().status


async def test_receiver_collects_the_events_of_a_watch(sandbox: Sandbox) -> None:
    async with single(sandbox.tokens.owner, base_url=sandbox.url) as arena:
        with WebhookReceiver() as receiver:
            await deliver(arena, sender(receiver))
            found = receiver.webhooks
    members = sandbox.members("blank-page")
    assert [each.data["member"]["id"] for each in found] == members  # type: ignore[index]
    assert {each.type for each in found} == {"member.joined"}
    assert [each.id for each in found] == [each.data["key"] for each in found]
    assert all(each.accepted for each in receiver.requests)
    assert found[0].headers["content-type"] == "application/json"


async def deliver(arena: ArenaClient, target: WebhookSender) -> None:
    watcher = watch(arena, "blank-page", store=MemoryStore(), once=True, replay=True)
    async with watcher:
        await watcher.deliver([target])


async def test_webhook_with_another_secret_is_refused() -> None:
    with WebhookReceiver() as receiver:
        async with sender(receiver, secret=generate_secret()).connect() as connection:
            attempt = await connection.send(every_event()[:1])
        assert attempt.status == 401
        assert receiver.webhooks == ()
        assert [each.status for each in receiver.requests] == [401]


async def test_webhook_without_a_signature_is_refused() -> None:
    with WebhookReceiver() as receiver:
        async with sender(receiver, secret=None).connect() as connection:
            assert (await connection.send(every_event()[:1])).status == 401


@pytest.mark.parametrize("name", ["slack", "discord"])
async def test_messages_for_chat_services_have_no_id(name: Any) -> None:
    with WebhookReceiver() as receiver:
        async with sender(receiver, secret=None, format=name).connect() as connection:
            assert (await connection.send(every_event()[:2])).status == 204
        (found,) = receiver.webhooks
    assert (found.id, found.type, found.data) == (None, None, {})
    assert isinstance(found.body, dict)


async def test_repetitions_of_an_id_count_once() -> None:
    with WebhookReceiver() as receiver:
        async with sender(receiver).connect() as connection:
            for _ in range(2):
                await connection.send(every_event()[:1])
        assert len(receiver.webhooks) == 1
        assert len(receiver.requests) == 2


async def test_fail_answers_the_next_requests_with_an_error() -> None:
    with WebhookReceiver() as receiver:
        receiver.fail(status=429, retry_after=7_000_001)
        receiver.fail(2)
        async with sender(receiver).connect() as connection:
            found = [await connection.send(every_event()[:1]) for _ in range(4)]
        assert [each.status for each in found] == [429, 503, 503, 204]
        assert found[0].retry_after == 7_000_001
        assert len(receiver.webhooks) == 1


async def test_wait_returns_when_enough_were_received() -> None:
    with WebhookReceiver() as receiver:
        waiting = asyncio.create_task(asyncio.to_thread(receiver.wait, 2))
        async with sender(receiver).connect() as connection:
            for event in every_event()[:2]:
                await connection.send([event])
        assert len(await waiting) == 2


def test_wait_for_too_many_raises() -> None:
    with (
        WebhookReceiver() as receiver,
        pytest.raises(TimeoutError, match="0 of 2 webhooks"),
    ):
        receiver.wait(2, timeout=0.01)


@pytest.mark.parametrize(
    ("body", "status"), [(b"no json", 400), (b"{}", 204), (b"[]", 204), (b"[" * 9999, 400)]
)
def test_any_body_is_answered(body: bytes, status: int) -> None:
    with WebhookReceiver() as receiver:
        assert post(receiver, body) == status
        (found,) = receiver.requests
        assert (found.type, found.data) == (None, {})


def test_too_long_a_body_is_refused() -> None:
    with WebhookReceiver() as receiver:
        assert post(receiver, b"", **{"Content-Length": str(1 << 30)}) == 413
        assert receiver.requests == ()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"times": 0}, "times"),
        ({"status": 204}, "status"),
        ({"status": 600}, "status"),
        ({"retry_after": -1}, "retry_after"),
        ({"retry_after": float("nan")}, "retry_after"),
        ({"retry_after": "7"}, "retry_after"),
    ],
)
def test_fail_with_a_bad_argument_raises(arguments: Any, message: str) -> None:
    with WebhookReceiver() as receiver, pytest.raises((TypeError, ValueError), match=message):
        receiver.fail(**arguments)


def test_receiver_leaves_no_thread_behind_and_shows_no_secret() -> None:
    before = set(threading.enumerate())
    with WebhookReceiver() as receiver:
        assert receiver.secret not in repr(receiver)
        assert post(receiver, b"{}") == 204
    assert before.issuperset(threading.enumerate())
