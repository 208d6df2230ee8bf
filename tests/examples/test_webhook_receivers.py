"""Examples: receivers of webhooks."""

import os
import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from aiohttp.test_utils import TestServer
from standardwebhooks.webhooks import Webhook

from arena_groups import ArenaClient, MemoryStore, watch
from arena_groups.sandbox import Sandbox
from arena_groups.webhooks import WebhookSender, generate_secret
from arena_groups.webhooks.payload import json_body
from examples import webhook_aiohttp
from tests.support.watch_events import every_event

pytest_plugins = ["arena_groups.pytest_plugin"]


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> str:
    found = generate_secret()
    monkeypatch.setenv("ARENA_WEBHOOK_SECRET", found)
    return found


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[TestServer]:
    async with TestServer(webhook_aiohttp.make_app(str(tmp_path / "events.db"))) as running:
        yield running


@pytest.fixture
def fastapi_receiver() -> ModuleType:
    pytest.importorskip("fastapi")
    from examples import webhook_fastapi

    webhook_fastapi.handled.clear()
    return webhook_fastapi


def events(path: Path) -> list[tuple[str]]:
    with sqlite3.connect(path / "events.db") as database:
        found = database.execute("SELECT type FROM events").fetchall()
    database.close()
    return found


async def test_aiohttp_receiver_saves_each_event_once(
    server: TestServer, arena_sandbox: Sandbox, tmp_path: Path
) -> None:
    sender = WebhookSender(
        str(server.make_url("/webhooks")),
        secret=os.environ["ARENA_WEBHOOK_SECRET"],
        allow_private=True,
    )
    token, url = arena_sandbox.tokens.owner, arena_sandbox.url
    async with (
        ArenaClient(token, base_url=url) as arena,
        watch(arena, "blank-page", store=MemoryStore(), once=True, replay=True) as watcher,
    ):
        summary = await watcher.deliver([sender])
    assert summary.waiting == 0
    assert events(tmp_path) == [("member.joined",)]
    async with sender.connect() as connection:
        for _ in range(2):
            assert (await connection.send(every_event()[-1:])).status == 204
    assert events(tmp_path) == [("member.joined",), ("invite_code.changed",)]


async def test_aiohttp_receiver_refuses_another_secret(server: TestServer, tmp_path: Path) -> None:
    sender = WebhookSender(
        str(server.make_url("/webhooks")), secret=generate_secret(), allow_private=True
    )
    async with sender.connect() as connection:
        assert (await connection.send(every_event()[:1])).status == 401
    assert events(tmp_path) == []


def signed(secret: str, body: bytes, key: str = "k1") -> dict[str, str]:
    """Return the headers of a webhook, by the library of the specification."""
    now = datetime.now(UTC)
    signature = Webhook(secret).sign(key, now, body.decode())
    return {
        "webhook-id": key,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signature,
        "content-type": "application/json",
    }


def test_fastapi_receiver_handles_each_event_once(
    fastapi_receiver: ModuleType, secret: str, capsys: pytest.CaptureFixture[str]
) -> None:
    testclient: Any = pytest.importorskip("fastapi.testclient")
    body = json_body(every_event()[:1])
    with testclient.TestClient(fastapi_receiver.app) as http:
        for _ in range(2):
            headers = signed(secret, body)
            assert http.post("/webhooks", content=body, headers=headers).status_code == 204
        other = {**signed(secret, body), "webhook-id": "k2"}
        assert http.post("/webhooks", content=body, headers=other).status_code == 401
        assert http.post("/webhooks", content=body).status_code == 401
    assert capsys.readouterr().out.count("invitation.sent") == 1
