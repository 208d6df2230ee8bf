"""One request, described before it is sent, and the checks of the arguments that go into it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Generic, TypeVar
from urllib.parse import quote, urlencode

from msgspec import Struct, field

from arena_groups._api.addresses import trimmed
from arena_groups._api.operations import Operation
from arena_groups._api.secrets import Secret
from arena_groups._arguments import check_range
from arena_groups._types import OpenEnum, Unset

__all__ = [
    "BeforeSend",
    "Request",
    "build_request",
    "check_id",
    "check_invite_token",
    "check_one_invitee",
    "choice",
    "group_fields",
    "invitee",
    "is_plain_name",
    "join_code",
    "path_id",
    "path_name",
]

T = TypeVar("T")
E = TypeVar("E", bound=OpenEnum)

BeforeSend = Callable[[], Awaitable[float]]
"""Function that is called before each attempt, once it has its permit.

It returns the seconds that the attempt may take. If it raises, nothing is sent.
"""

MAX_ID = 2**63 - 1
is_plain_name = re.compile(r"[A-Za-z0-9_-]+").fullmatch
NEVER_IN_NAMES = "[\0-\x1f\x7f-\x9f\ud800-\udfff]"  # control, and half of a pair


class Request(Struct, Generic[T], kw_only=True):
    """One request, ready to be sent. Nothing secret shows in its ``repr``.

    ``target`` is path and query, escaped; ``page`` which page of a list it asks for. A body that is
    a :class:`Secret` is JSON already. ``values`` are texts that no error may show.
    """

    operation: Operation[T]
    path: str
    target: str
    query: Mapping[str, str | int] = field(default_factory=dict[str, str | int])
    body: Mapping[str, object] | Secret | None = None
    values: tuple[str, ...] = ()
    page: int = 1
    before_send: BeforeSend | None = None

    def __repr__(self) -> str:
        return f"Request({self.operation.name}, page={self.page})"

    def __rich_repr__(self) -> list[tuple[str, object]]:  # msgspec's shows all fields
        return [("operation", self.operation.name), ("page", self.page)]

    def for_page(self, page: int) -> Request[T]:
        """Return the same request for one page of a list."""
        _, _, others = self.target.partition("?")
        return Request(
            operation=self.operation,
            path=self.path,
            query={"page": page, **self.query},
            target=f"{self.path}?page={page}&{others}",
            values=self.values,
            page=page,
        )

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values that must never be shown."""
        if self.body is None or isinstance(self.body, Secret):
            return self.values
        return tuple(v.reveal() for v in self.body.values() if isinstance(v, Secret))

    def payload(self) -> dict[str, object] | str | None:
        """Return the body as it is sent, secrets included; a text is JSON, ``None`` no body."""
        if self.body is None:
            return None
        if isinstance(self.body, Secret):
            return self.body.reveal()
        return {k: v.reveal() if isinstance(v, Secret) else v for k, v in self.body.items()}


def build_request(
    operation: Operation[T],
    path_params: Mapping[str, str] | None = None,
    *,
    query: Mapping[str, str | int] | None = None,
    body: Mapping[str, object] | None = None,
    before_send: BeforeSend | None = None,
) -> Request[T]:
    """Return a request for ``operation``; ``path_params`` are escaped already."""
    path = operation.route.format_map(path_params or {})
    target = f"{path}?{urlencode(query)}" if query else path
    return Request(
        operation=operation,
        path=path,
        target=target,
        query=query or {},
        body=body,
        before_send=before_send,
    )


def path_name(value: object, what: str) -> str:
    """Return a slug or id as one escaped segment of a path. ``what`` is its name in errors.

    Raises ``ValueError`` for an empty slug, one with a slash, a dot or a control character, and an
    id below 1; ``TypeError`` for anything else than a string or an integer.
    """
    if isinstance(value, str):
        value = str.__str__(value)  # that of a mixed-in enum is its name
        if is_plain_name(value):
            return value
    if isinstance(value, int):
        return path_id(value, f"{what} id")
    if not isinstance(value, str):
        hint = ": pass its id" if hasattr(value, "id") else ""
        name = type(value).__name__
        raise TypeError(f"{what} must be a slug (str) or an id (int), not {name}{hint}")
    if not value.strip():
        raise ValueError(f"{what} is empty: give its slug or id")
    if any(character in value for character in "/\\."):
        raise ValueError(f"{what} must be a slug or an id: no slash, no dot, no URL")
    if re.search(NEVER_IN_NAMES, value):
        raise ValueError(f"{what} holds a character that no slug has, such as a line break")
    return quote(value, safe="")


def path_id(value: object, what: str) -> str:
    """Return an id as a segment of a path, checked as by :func:`check_id`."""
    return str(check_id(value, what))


def check_id(value: object, what: str) -> int:
    """Return ``value`` if it can be an id.

    Raises ``ValueError`` below 1 or beyond 63 bits, ``TypeError`` if it is not an int.
    """
    number = check_range(value, what, 1)
    if number > MAX_ID:
        raise ValueError(f"{what} is larger than any id")
    return number


def choice(value: str | None, what: str, choices: type[E]) -> E | None:
    """Return ``value`` as one of ``choices``; ``None`` stays ``None``.

    A plain string must be a known choice, or ``ValueError`` names them all. One that is newer
    than this package can be given as a member: ``ContentSort("random")``.
    """
    if value is None or isinstance(value, choices):
        return value
    if value not in list(choices):
        known = ", ".join(choices)
        raise ValueError(f"{what} must be one of {known}, not {value!r}")
    return choices(value)


def group_fields(
    name: str | Unset, description: str | Unset | None, avatar_url: str | Unset
) -> dict[str, object]:
    """Return the body that creates or changes a group, without ``UNSET`` fields.

    Raises ``TypeError`` for what is no string, ``ValueError`` for an empty name or URL.
    """
    given: dict[str, object] = {}
    if not isinstance(name, Unset):
        given["name"] = _text(name, "name")
    if not isinstance(description, Unset):
        given["description"] = None if description is None else _string(description, "description")
    if not isinstance(avatar_url, Unset):
        given["avatar_url"] = _text(avatar_url, "avatar_url")
    return given


def check_one_invitee(*given: object) -> None:
    """Raise ``ValueError`` unless exactly one of the arguments that name a person is given."""
    if sum(each is not None for each in given) != 1:
        raise ValueError("invite takes exactly one of email=, user_id= and user=")


def invitee(email: Secret | None, user_id: int | None) -> dict[str, object]:
    """Return the body that invites one person.

    Raises ``ValueError`` unless exactly one is given, and for what is no address or id.
    """
    if (email is None) == (user_id is None):
        raise ValueError("invite takes exactly one of email= and user_id=")
    if email is None:
        return {"user_id": check_id(user_id, "user_id")}
    if problem := email.address_problem():
        raise ValueError(f"email {problem}")
    return {"email": Secret(trimmed(email.reveal()))}


def check_invite_token(token: Secret) -> None:
    """Raise ``ValueError`` for an invite code that is empty or not a string."""
    if token.validation_error():
        raise ValueError(f"invite_token {token.validation_error()}")


def join_code(given: Secret | None, in_url: Secret | None) -> Secret:
    """Return the invite code to join with: as given, or from the URL of the invite.

    Raises ``ValueError`` if there is none or two of them, or if it cannot be one.
    """
    code = given or in_url
    if code is None:
        raise ValueError("invite_token is missing: give it, or the URL of the invite as group")
    check_invite_token(code)
    if in_url is not None and in_url.reveal() != code.reveal():
        raise ValueError("invite_token is not the code in the URL of the invite")
    return code


def _string(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{what} must be a str, not {type(value).__name__}")
    return value


def _text(value: object, what: str) -> str:
    if not _string(value, what).strip():
        raise ValueError(f"{what} must not be empty")
    return _string(value, what)
