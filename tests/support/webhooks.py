"""Events, a receiver, and senders for tests of webhooks."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Final

from attrs import define, field

from arena_groups import from_dict
from arena_groups.models import EmbeddedGroup, GroupMember
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
