"""JSON bytes to plain data, and the failure that stands for bytes that are not JSON."""

from __future__ import annotations

import json
import math
import re
from enum import Enum
from typing import Final, cast

from attrs import frozen

from arena_groups.errors import DecodeIssue

__all__ = [
    "INVALID_TEXT",
    "DecodeFailure",
    "InvalidValueError",
    "complete_json",
    "encoding_of",
    "expected",
    "join_path",
    "parse_integer",
    "parse_json",
    "whole_words",
]

PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{,63}", re.ASCII)
MARK = re.compile(r'"(?:[^"\\]|\\.)*"|["{}\[\]:,]', re.DOTALL)
CLOSERS = {"{": "}", "[": "]"}
LONGEST_WORD = 2048

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


def join_path(path: str, step: object) -> str:
    """Return the path of a member or an item of what is at ``path``."""
    if isinstance(step, int):
        return f"{path}[{step}]"
    if not isinstance(step, str) or not PLAIN_KEY.fullmatch(step):
        return f"{path}[…]"  # a key may be a secret too
    return f"{path}.{step}" if path else step


class InvalidText(Enum):
    """The type of :data:`INVALID_TEXT`."""

    INVALID_TEXT = "INVALID_TEXT"


INVALID_TEXT: Final = InvalidText.INVALID_TEXT  # in place of a text that is not UTF-8


def parse_json(body: bytes) -> object:
    """The plain data that ``body`` is the JSON of, or :class:`DecodeFailure`.

    A text in it that is not UTF-8 is :data:`INVALID_TEXT`: it does no harm where no field takes it.
    """
    try:
        text = body.decode(encoding_of(body))
    except UnicodeDecodeError:
        return _parse_invalid_text(body)
    try:
        return _load(text)
    except json.JSONDecodeError as error:
        return _invalid_json(_describe(text, error))
    except ValueError:
        return DecodeFailure([DecodeIssue("", "holds a number that JSON does not allow")])
    except RecursionError:
        return DecodeFailure([DecodeIssue("", "is nested too deeply")])


def _parse_invalid_text(body: bytes) -> object:
    try:
        return _mark_invalid_text(_load(body.decode("utf-8-sig", errors="surrogateescape")))
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
        return json.loads(text, parse_constant=_refuse_constant, parse_int=parse_integer)


def parse_integer(digits: str) -> float:
    try:
        return int(digits)
    except ValueError:
        return math.inf  # as 1e999 is


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _invalid_json(problem: str) -> DecodeFailure:
    return DecodeFailure([DecodeIssue("", problem)], invalid_json=True)


def _describe(text: str, error: json.JSONDecodeError) -> str:
    start = text.lstrip()[:1]
    if not start:
        return "is empty"
    if start == "<":
        return "is HTML or XML, not JSON"
    return f"is not JSON ({error.msg} at character {error.pos})"


def encoding_of(body: bytes) -> str:
    """Return the encoding of JSON, as its first bytes show it: UTF-8, UTF-16 or UTF-32."""
    return json.detect_encoding(body)  # json.loads() finds it in the same way


def complete_json(text: str) -> list[str]:
    """Return ways to complete a JSON object or array that was cut short, the longest first.

    Of a string that was cut, the last word is left out, as it may be a part of a secret.
    """
    closers: list[str] = []
    complete, before, partial = 0, "", ""
    for match in MARK.finditer(text):
        mark, is_value = match[0], before == ":" or closers[-1:] == ["]"]
        before = mark
        if mark == '"':  # without its end
            if is_value:
                partial = f'{text[: match.end()]}{whole_words(text[match.end() :])}"'
            break
        if mark in CLOSERS:
            closers.append(CLOSERS[mark])
        elif closers and mark == closers[-1]:
            closers.pop()
        elif mark == ",":
            complete = match.start()
            continue
        elif mark == ":" or not is_value:
            continue
        complete = match.end()
    end = "".join(reversed(closers))
    return [each + end for each in (partial, text[:complete]) if each]


def whole_words(text: str) -> str:
    """Return a text that was cut short without its last word."""
    tail = text[-LONGEST_WORD:]
    words = tail.split()
    return text[: -len(tail)] + tail.removesuffix(words[-1]) if words else text
