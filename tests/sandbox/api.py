"""HTTP client of these tests, independent of the package's own client."""

import asyncio
import io
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import attrs
import pytest
from multidict import CIMultiDictProxy
from yarl import URL

from arena_groups.sandbox import Sandbox

NO_BODY = object()

reads_only = pytest.mark.reads_only
"""Marks tests that change nothing: they share one sandbox, which takes a while to fill."""


@attrs.frozen
class Reply:
    """A response with its body."""

    status: int
    reason: str | None
    headers: CIMultiDictProxy[str]
    content: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.content)

    @property
    def message(self) -> str:
        message: str = self.body["details"]["message"]
        return message

    @property
    def ids(self) -> list[int]:
        return [item["id"] for item in self.body["data"]]

    @property
    def meta(self) -> dict[str, Any]:
        meta: dict[str, Any] = self.body["meta"]
        return meta


class Api:
    """Client of one sandbox. Paths are sent unchanged."""

    def __init__(self, sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
        self.sandbox = sandbox
        self._session = session

    async def send(
        self,
        method: str,
        path: str,
        token: str | None = None,
        *,
        body: object = NO_BODY,
        headers: Mapping[str, str] | None = None,
        data: bytes | None = None,
    ) -> Reply:
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        if body is not NO_BODY:
            sent["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        url = URL(self.sandbox.url + path, encoded=True)
        async with self._session.request(
            method,
            url,
            headers=sent,
            data=None if data is None else io.BytesIO(data),
            skip_auto_headers=("Content-Type",),
            allow_redirects=False,
        ) as response:
            return Reply(response.status, response.reason, response.headers, await response.read())

    async def get(
        self, path: str, token: str | None = None, *, headers: Mapping[str, str] | None = None
    ) -> Reply:
        return await self.send("GET", path, token, headers=headers)

    async def post(self, path: str, token: str | None = None, body: object = NO_BODY) -> Reply:
        return await self.send("POST", path, token, body=body)

    async def put(self, path: str, token: str | None = None, body: object = NO_BODY) -> Reply:
        return await self.send("PUT", path, token, body=body)

    async def delete(self, path: str, token: str | None = None) -> Reply:
        return await self.send("DELETE", path, token)

    async def every_page(self, path: str, token: str | None = None, *, per: int = 100) -> list[Any]:
        """Return the items of all pages."""
        items: list[Any] = []
        page: int | None = 1
        joiner = "&" if "?" in path else "?"
        while page is not None:
            reply = await self.get(f"{path}{joiner}page={page}&per={per}", token)
            assert reply.status == 200
            items += reply.body["data"]
            page = reply.meta["next_page"]
        return items

    async def raw(self, request: bytes) -> bytes:
        """Send these bytes, and return all that arrives until the server closes."""
        parts = urlsplit(self.sandbox.url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.write(request)
        response = await reader.read()
        writer.close()
        await writer.wait_closed()
        return response

    async def talk(self, request: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Send these bytes, and leave the connection open."""
        parts = urlsplit(self.sandbox.url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.write(request)
        await writer.drain()
        return reader, writer

    async def hang_up(self, request: bytes) -> None:
        """Send these bytes, and close without waiting for a response."""
        parts = urlsplit(self.sandbox.url)
        _, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.write(request)
        await writer.drain()
        writer.close()
        await writer.wait_closed()


class Sleeper:
    """Replacement of `asyncio.sleep` whose sleepers wait for an event."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self.asleep = asyncio.Event()
        self.wake = asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        self.asked.append(seconds)
        self.asleep.set()
        await self.wake.wait()
