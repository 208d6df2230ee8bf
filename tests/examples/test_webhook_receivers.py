"""Examples: receivers of webhooks."""

import os
import sqlite3
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from standardwebhooks.webhooks import Webhook

from arena_groups import ArenaClient, MemoryStore, watch
from arena_groups.sandbox import Sandbox
from arena_groups.webhooks import WebhookSender, generate_secret
from arena_groups.webhooks.payload import json_body
from arena_groups.webhooks.signature import as_secrets, read_keys, sign
from examples import webhook_aiohttp
from tests.support.examples import run_script
from tests.support.watch_events import every_event

pytest_plugins = ["arena_groups.pytest_plugin"]


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> str:
    found = generate_secret()
    monkeypatch.setenv("ARENA_WEBHOOK_SECRET", found)
    return found


@pytest.fixture
async def server(tmp_path: Path, secret: str) -> AsyncIterator[TestServer]:
    async with TestServer(webhook_aiohttp.make_app(str(tmp_path / "events.db"), secret)) as running:
        yield running


@pytest.fixture
def fastapi_receiver() -> ModuleType:
    pytest.importorskip("fastapi")
    pytest.importorskip("uvicorn")
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


NO_WEBHOOKS = (
    b"", b"nonsense", b"[]", b"{}", b"3", b"null", b"\xff\xfe", b"[" * 100_000,
    b'{"type": "member.joined"}', b'{"type": 1, "timestamp": "2026-03-09T22:02:26Z"}',
    b'{"type": ["x"], "timestamp": {}}', b'{"type": "x", "timestamp": null}',
    b'{"type": "\\ud800", "timestamp": "x"}',
)  # fmt: skip
MISSING = "ARENA_WEBHOOK_SECRET is not set: export ARENA_WEBHOOK_SECRET='whsec_…'"


def signed_bytes(secret: str, body: bytes) -> dict[str, str]:
    """Return the headers of any body, which need not be text."""
    now = int(time.time())
    return {
        "webhook-id": "k1",
        "webhook-timestamp": str(now),
        "webhook-signature": sign(read_keys(as_secrets(secret)), "k1", now, body),
    }


@pytest.mark.parametrize("body", NO_WEBHOOKS, ids=lambda body: repr(body[:40]))
async def test_aiohttp_receiver_answers_422_to_what_is_no_webhook(
    server: TestServer, secret: str, tmp_path: Path, body: bytes
) -> None:
    async with TestClient(server) as http:
        response = await http.post("/webhooks", data=body, headers=signed_bytes(secret, body))
        assert response.status == 422
    assert events(tmp_path) == []


@pytest.mark.parametrize("body", NO_WEBHOOKS, ids=lambda body: repr(body[:40]))
def test_fastapi_receiver_answers_422_to_what_is_no_webhook(
    fastapi_receiver: ModuleType, secret: str, body: bytes
) -> None:
    testclient: Any = pytest.importorskip("fastapi.testclient")
    with testclient.TestClient(fastapi_receiver.app) as http:
        response = http.post("/webhooks", content=body, headers=signed_bytes(secret, body))
    assert response.status_code == 422
    assert fastapi_receiver.handled == set()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"webhook-id": "k"},
        {"webhook-id": "k", "webhook-timestamp": "x", "webhook-signature": "v1,x"},
        {"webhook-id": "k", "webhook-timestamp": "-1", "webhook-signature": "v1,x"},
        {"webhook-id": "k", "webhook-timestamp": "1" * 400, "webhook-signature": "v1,x"},
        {"webhook-id": "é", "webhook-timestamp": "1", "webhook-signature": "é,é"},
    ],
)
async def test_receivers_answer_401_to_headers_that_are_not_valid(
    server: TestServer, fastapi_receiver: ModuleType, headers: dict[str, str]
) -> None:
    testclient: Any = pytest.importorskip("fastapi.testclient")
    async with TestClient(server) as http:
        assert (await http.post("/webhooks", data=b"{}", headers=headers)).status == 401
        assert (await http.get("/webhooks")).status == 405
    with testclient.TestClient(fastapi_receiver.app) as other:
        given = {name: value.encode() for name, value in headers.items()}
        assert other.post("/webhooks", content=b"{}", headers=given).status_code == 401


@pytest.mark.parametrize("script", ["webhook_aiohttp.py", "webhook_fastapi.py"])
@pytest.mark.parametrize(
    ("secret", "line"), [("", MISSING), ("whsec_short", "secret must be whsec_ and then 24")]
)
def test_secret_that_is_missing_or_wrong_is_one_line(
    fastapi_receiver: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    script: str,
    secret: str,
    line: str,
) -> None:
    monkeypatch.setenv("ARENA_WEBHOOK_SECRET", secret)
    arguments = [str(tmp_path / "events.db")] if script == "webhook_aiohttp.py" else []
    done = run_script(script, *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"{script.removesuffix('.py')}: {line}")
    assert done.stderr.count("\n") == 1
    assert "short" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "usage: webhook_aiohttp.py FILE"),
        (["/no/such/folder/x.db"], "webhook_aiohttp: unable to open database file"),
    ],
)
def test_wrong_arguments_are_one_line(arguments: list[str], problem: str) -> None:
    done = run_script("webhook_aiohttp.py", *arguments)
    assert (done.returncode, done.stderr) == (1, f"{problem}\n")


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
