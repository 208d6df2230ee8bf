"""Events, a receiver, and senders for tests of webhooks."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

from aiohttp import web
from attrs import define, field
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from arena_groups import Store, from_dict
from arena_groups.models import EmbeddedGroup, GroupMember
from arena_groups.stores.base import NO_CONDITIONS
from arena_groups.watching import MemberJoined
from arena_groups.webhooks import WebhookSender
from tests.support import documents
from tests.support.servers import ReceivedRequest, http
from tests.support.virtual_time import LoopClock

START: Final = 1_700_000_000.0  # Unix time at which virtual time begins
SECRET: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="
OTHER_SECRET: Final = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDC2FVsBQIhrs="


def event(number: int, group: int = 7) -> MemberJoined:
    """Return the event with a number of a group."""
    return MemberJoined(
        key=f"{group}/member-joined/0123456789abcdef-{number}",
        sequence=number,
        observed_at=datetime.fromtimestamp(START + number, UTC),
        group=from_dict(EmbeddedGroup, documents.embedded_group(id=group, slug=f"group-{group}")),
        member=from_dict(GroupMember, documents.member(id=number, slug=f"person-{number}")),
    )


def wall() -> float:
    """Return the Unix time that belongs to virtual time."""
    return START + LoopClock().now()


@define
class Receiver:
    """Answers of an endpoint, by a function of the ids of requests; it records what it accepts."""

    answer: Callable[[str], bytes] = field(default=lambda _: http(status="204 No Content"))
    accepted: list[str] = field(factory=list[str])
    requests: list[ReceivedRequest] = field(factory=list[ReceivedRequest])

    def __call__(self, request: ReceivedRequest) -> bytes:
        self.requests.append(request)
        found = request.headers["webhook-id"]
        response = self.answer(found)
        if response.startswith(b"HTTP/1.1 2"):
            self.accepted.append(found)
        return response

    def order_of(self, group: int) -> list[str]:
        """Return the ids of a group, each where it was accepted first."""
        ids = (each for each in self.accepted if each.startswith(f"{group}/"))
        return list(dict.fromkeys(ids))


def keys(numbers: Iterable[int], group: int = 7) -> list[str]:
    """Return the ids of events."""
    return [event(number, group).key for number in numbers]


def local_sender(url: str, **options: Any) -> WebhookSender:
    """Return a sender to a server on this machine."""
    return WebhookSender(f"{url}/hook/s3cr3t-path", allow_private=True, **options)


class KilledError(Exception):
    """The process does nothing any more."""


class MortalStore:
    """Store of one process, which can be killed before or after any write.

    Args:
        disk: The store that all processes have in common.
        writes: The number of writes after which the process is killed; ``None`` for never.
        unanswered: Whether the last write is executed without its result being seen.
    """

    def __init__(self, disk: Store, writes: int | None = None, *, unanswered: bool = False) -> None:
        self._disk = disk
        self._writes = writes
        self._unanswered = unanswered
        self.dead = False

    async def read(self, namespace: str) -> dict[str, str]:
        self._check()
        return await self._disk.read(namespace)

    async def compare_and_set(
        self,
        namespace: str,
        updates: Mapping[str, str | None],
        *,
        expected: Mapping[str, str | None] = NO_CONDITIONS,
    ) -> bool:
        self._check()
        if self._writes is not None:
            self._writes -= 1
            if self._writes < 0:
                self.dead = True
                if not self._unanswered:
                    self._check()
        done = await self._disk.compare_and_set(namespace, updates, expected=expected)
        self._check()
        return done

    def _check(self) -> None:
        if self.dead:
            raise KilledError


@define
class Endpoint:
    """Server of webhooks in some state, which verifies each one by the official library."""

    secret: str = SECRET
    state: str = "accepts"
    accepted: list[dict[str, Any]] = field(factory=list[dict[str, Any]])
    problems: list[str] = field(factory=list[str])

    STATES: ClassVar = (
        "accepts", "accepts slowly", "accepts too slowly", "accepts without an answer", "hangs",
        "refuses", "is busy", "redirects", "closes",
    )  # fmt: skip

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a webhook, as the state says."""
        state, body = self.state, await request.read()
        try:
            Webhook(self.secret).verify(body, dict(request.headers))
        except WebhookVerificationError as error:
            self.problems.append(str(error))
        await asyncio.sleep(
            {"accepts slowly": 5, "accepts too slowly": 15, "hangs": 900}.get(state, 0)
        )
        if state.startswith("accepts"):
            self.accepted.append(json.loads(body)["data"])
        if state in {"closes", "accepts without an answer"}:
            assert request.transport is not None
            request.transport.abort()
        headers = {"Retry-After": "40", "Location": "http://127.0.0.1:1/"}
        status = {"refuses": 500, "is busy": 429, "redirects": 307, "hangs": 500}.get(state, 204)
        return web.Response(status=status, headers=headers)

    def sequences(self, group: int) -> list[int]:
        """Return the numbers of a group's events, each where it was accepted first."""
        found = (each["sequence"] for each in self.accepted if each["group"]["id"] == group)
        return list(dict.fromkeys(found))

    def serve(self) -> AbstractAsyncContextManager[str]:
        """Run the server, and return its URL."""
        return serve(self.handle)


@asynccontextmanager
async def serve(
    handle: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
) -> AsyncIterator[str]:
    """Run a server with a function for its requests, and return its URL."""
    runner = web.ServerRunner(web.Server(handle), shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
