"""Requests and answers of the control surface, and the checks of what a request contains."""

import json
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import NoReturn, cast, get_args

import attrs

from arena_groups.sandbox.backend import Backend, SandboxConflictError, SandboxNotFoundError
from arena_groups.sandbox.control import SandboxControl
from arena_groups.sandbox.control_views import CONTROL_PREFIX
from arena_groups.sandbox.entities import JSONObject, RequestLog, Tier
from arena_groups.sandbox.event_feed import EventFeed
from arena_groups.sandbox.server_protocol import SerializedResponse

MAX_COUNT = 100_000
"""The largest number of records that one request adds."""

ANSWER_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Cache-Control": "no-store",
        # A page of another site must not load an answer as a script or an image either.
        "Cross-Origin-Resource-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
    }
)
JSON_TYPE = "application/json"


class ControlError(Exception):
    """An error of the control surface: its status and one sentence.

    Args:
        status: The HTTP status.
        message: What is wrong.
        headers: Headers of the answer.
    """

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}


@attrs.frozen
class ControlRequest:
    """A request to the control surface. The path is without the prefix, still percent-encoded.

    `origin` is the scheme, host and port that the client used.
    """

    method: str
    path: str
    query: Mapping[str, str] = attrs.field(factory=dict[str, str])
    content_type: str = ""
    body: bytes = attrs.field(default=b"", repr=False)
    origin: str = ""


@attrs.frozen
class ControlContext:
    """What the control surface acts on: the methods of a sandbox, its records and its events."""

    control: SandboxControl
    backend: Backend
    request_log: RequestLog
    events: EventFeed


@contextmanager
def as_control_errors() -> Generator[None, None, None]:
    """Raise the errors of a sandbox's methods as those of the control surface."""
    try:
        yield
    except SandboxNotFoundError as error:
        raise ControlError(404, sentence(error)) from None
    except SandboxConflictError as error:
        raise ControlError(409, sentence(error)) from None
    except ValueError as error:
        raise ControlError(400, sentence(error)) from None


def sentence(error: Exception) -> str:
    """Return the message of an error as a sentence."""
    words = str(error)
    return f"{words[:1].upper()}{words[1:].removesuffix('.')}."


def is_control_path(raw_path: str) -> bool:
    """Return whether a path belongs to the control surface."""
    return raw_path == CONTROL_PREFIX or raw_path.startswith(f"{CONTROL_PREFIX}/")


def json_answer(
    data: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> SerializedResponse:
    """Return data as an answer."""
    content = json.dumps(data, ensure_ascii=False).encode("utf-8", "backslashreplace")
    return SerializedResponse(
        status,
        {"Content-Type": f"{JSON_TYPE}; charset=utf-8", **ANSWER_HEADERS, **(headers or {})},
        content,
    )


def error_answer(error: ControlError) -> SerializedResponse:
    """Return the answer to a request with an error."""
    return json_answer({"error": str(error)}, error.status, error.headers)


def body_object(request: ControlRequest) -> JSONObject:
    """Return the JSON object of a body; an empty body is an empty object."""
    if not request.body:
        return {}
    if request.content_type != JSON_TYPE:
        raise ControlError(415, f"Send the body as {JSON_TYPE}.")
    try:
        found = json.loads(request.body, parse_constant=_reject_constant)
    except (ValueError, RecursionError):
        raise ControlError(400, "The body is not valid JSON.") from None
    if not isinstance(found, dict):
        raise ControlError(400, "The body must be a JSON object.")
    return cast("JSONObject", found)


def _reject_constant(_name: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


FieldType = Callable[[object], object]
"""Function that returns a value, or raises `ValueError` with what it must be."""


def text(value: object) -> str:
    """Return a text."""
    if not isinstance(value, str):
        raise ValueError("a text")
    return value


def flag(value: object) -> bool:
    """Return a boolean."""
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def whole_number(value: object) -> int:
    """Return a whole number."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError("a whole number")
    return value


def count(value: object) -> int:
    """Return a number of records to add."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_COUNT:
        raise ValueError(f"a whole number from 0 to {MAX_COUNT}")
    return value


def number(value: object) -> float:
    """Return a number."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError("a number")
    return value


def reference(value: object) -> int | str:
    """Return the id or slug of a record."""
    if not isinstance(value, int | str) or isinstance(value, bool):
        raise ValueError("an id or a slug")
    return value


def references(value: object) -> list[int | str]:
    """Return a list of ids or slugs."""
    if not isinstance(value, list):
        raise ValueError("a list of ids or slugs")
    return [reference(each) for each in cast("list[object]", value)]


def texts(value: object) -> list[str]:
    """Return a list of texts."""
    if not isinstance(value, list):
        raise ValueError("a list of texts")
    return [text(each) for each in cast("list[object]", value)]


def tier(value: object) -> str:
    """Return the tier of an account."""
    tiers = [each for each in get_args(Tier) if each != "guest"]
    if value not in tiers:
        raise ValueError(f"one of {', '.join(tiers)}")
    return str(value)


def digits(value: object) -> int:
    """Return the whole number of a query parameter."""
    if not isinstance(value, str) or not (value.isascii() and value.isdigit()) or len(value) > 18:
        raise ValueError("a whole number")
    return int(value)


def check_fields(
    given: Mapping[str, object], known: Mapping[str, FieldType], required: tuple[str, ...] = ()
) -> JSONObject:
    """Return the fields of a body or query, each checked. A null is the same as no field."""
    unknown = [name for name in given if name not in known]
    if unknown:
        use = f"use one of {', '.join(known)}" if known else "there are no fields here"
        raise ControlError(400, f"Unknown field {unknown[0]!r}: {use}.")
    present = {name: value for name, value in given.items() if value is not None}
    for name in required:
        if name not in present:
            raise ControlError(400, f"The field {name} is required.")
    return {name: _checked(name, value, known[name]) for name, value in present.items()}


def _checked(name: str, value: object, check: FieldType) -> object:
    try:
        return check(value)
    except ValueError as error:
        raise ControlError(400, f"The field {name} must be {error}.") from None
