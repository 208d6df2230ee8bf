"""What an answer means: a decoded object, or the error it stands for."""

import time
from collections.abc import Mapping
from types import NoneType
from typing import TypeVar, cast

from attrs import define, field

from arena_groups._api.codec import check_json, decode
from arena_groups._api.headers import parse_date
from arena_groups._api.request import Request
from arena_groups._api.secrets import Credentials
from arena_groups._api.status_errors import failure
from arena_groups.errors import DecodeError, DecodeIssue

__all__ = ["Answer", "read"]

T = TypeVar("T")


@define(kw_only=True)  # frozen, it would take five times as long to make
class Answer:
    """One answer as it came. ``headers`` are asked for by lower-case names. Only the status shows.

    ``arrived`` (Unix time) is when it came by our clock; ``None`` means now. ``oversized``
    tells that the body was larger than allowed, and so was left unread.
    """

    status: int
    reason: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(factory=dict[str, str], repr=False)
    body: bytes = field(default=b"", repr=False)
    oversized: bool = field(default=False, repr=False)
    arrived: float | None = field(default=None, repr=False)

    @property
    def server_time(self) -> float:
        """When it was sent by the server's clock (Unix time, whole seconds), else by ours."""
        told = parse_date(self.headers.get("date"))
        if told is not None:
            return told
        return time.time() if self.arrived is None else self.arrived


def read(request: Request[T], answer: Answer, credentials: Credentials) -> T:
    """What ``answer`` brings for ``request``.

    Raises the :class:`ArenaAPIError` that its status stands for, and :class:`DecodeError`
    where a good answer holds something else than its operation promises. ``credentials`` are
    those it was asked with.
    """
    if not 200 <= answer.status < 300:
        raise failure(request, answer, credentials)
    operation = request.operation
    if answer.oversized:
        raise DecodeError(operation.name, [DecodeIssue("", "is larger than max_body allows")])
    if operation.returns is NoneType:
        if answer.body:
            check_json(answer.body, operation.name)  # a proxy's page is no sign of success
        return cast("T", None)
    return decode(operation.returns, answer.body, operation.name)
