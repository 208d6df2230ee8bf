"""JSON bytes to plain data, and the failure that stands for bytes that are not JSON."""

import json
import math
from enum import Enum
from typing import Final, cast

from attrs import frozen

from arena_groups.errors import DecodeIssue

__all__ = ["INVALID_TEXT", "DecodeFailure", "InvalidValueError", "expected", "parse_json"]

JSON_NAMES: dict[type, str] = {
    dict: "object",
    list: "array",
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    type(None): "null",
}


class InvalidValueError(Exception):
    """Issue of one value, or of the value ``below`` it; its path is added by the caller."""

    def __init__(self, problem: str, below: str = "") -> None:
        super().__init__(problem)
        self.below = below


@frozen
class DecodeFailure:
    """All that is wrong; ``invalid_json`` where the body is no JSON at all."""

    issues: list[DecodeIssue]
    invalid_json: bool = False


def expected(what: str | type, value: object) -> InvalidValueError:
    """The problem of a ``value`` that is not ``what`` it should be."""
    wanted = what if isinstance(what, str) else JSON_NAMES[what]
    return InvalidValueError(
        f"expected {wanted}, got {JSON_NAMES.get(type(value), 'something else')}"
    )


class InvalidText(Enum):
    """The type of :data:`INVALID_TEXT`."""

    INVALID_TEXT = "INVALID_TEXT"


INVALID_TEXT: Final = InvalidText.INVALID_TEXT  # in place of a text that is not UTF-8


def parse_json(body: bytes) -> object:
    """The plain data that ``body`` is the JSON of, or :class:`DecodeFailure`.

    A text in it that is not UTF-8 is :data:`INVALID_TEXT`: it does no harm where no field takes it.
    """
    try:
        return _load(body.decode())
    except UnicodeDecodeError:
        return _parse_invalid_text(body)
    except json.JSONDecodeError as error:
        return _invalid_json(_describe(body, error))
    except ValueError:
        return DecodeFailure([DecodeIssue("", "holds a number that JSON does not allow")])
    except RecursionError:
        return DecodeFailure([DecodeIssue("", "is nested too deeply")])


def _parse_invalid_text(body: bytes) -> object:
    try:
        return _mark_invalid_text(_load(body.decode(errors="surrogateescape")))
    except (ValueError, RecursionError):
        return _invalid_json("is not UTF-8")


def _mark_invalid_text(value: object) -> object:
    if isinstance(value, str):
        return INVALID_TEXT if any("\ud800" <= each <= "\udfff" for each in value) else value
    if isinstance(value, list):
        return [_mark_invalid_text(each) for each in cast("list[object]", value)]
    if isinstance(value, dict):
        items = cast("dict[str, object]", value).items()
        return {_mark_invalid_text(name): _mark_invalid_text(each) for name, each in items}
    return value


def _load(text: str) -> object:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError:
        raise
    except ValueError:  # a constant again, or more digits than Python turns into an integer
        return json.loads(text, parse_constant=_refuse_constant, parse_int=_integer)


def _integer(digits: str) -> float:
    try:
        return int(digits)
    except ValueError:
        return math.inf  # as 1e999 is


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _invalid_json(problem: str) -> DecodeFailure:
    return DecodeFailure([DecodeIssue("", problem)], invalid_json=True)


def _describe(body: bytes, error: json.JSONDecodeError) -> str:
    start = body.lstrip()[:1]
    if not start:
        return "is empty"
    if start == b"<":
        return "is HTML or XML, not JSON"
    return f"is not JSON ({error.msg} at character {error.pos})"
