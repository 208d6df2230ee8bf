"""JSON bytes to plain data."""

import json
import math
from enum import Enum
from typing import Final, cast

from arena_groups._api.codec.faults import Faults
from arena_groups.errors import DecodeIssue

__all__ = ["DAMAGED", "parse"]


class Damaged(Enum):
    """The type of :data:`DAMAGED`."""

    DAMAGED = "DAMAGED"


DAMAGED: Final = Damaged.DAMAGED  # in place of a text that is not UTF-8


def parse(body: bytes) -> object:
    """The plain data that ``body`` is the JSON of, or :class:`Faults`.

    A text in it that is not UTF-8 is :data:`DAMAGED`: it does no harm where no field takes it.
    """
    try:
        return _load(body.decode())
    except UnicodeDecodeError:
        return _parse_damaged(body)
    except json.JSONDecodeError as error:
        return _no_json(_describe(body, error))
    except ValueError:
        return Faults([DecodeIssue("", "holds a number that JSON does not allow")])
    except RecursionError:
        return Faults([DecodeIssue("", "is nested too deeply")])


def _parse_damaged(body: bytes) -> object:
    try:
        return _marked(_load(body.decode(errors="surrogateescape")))
    except (ValueError, RecursionError):
        return _no_json("is not UTF-8")


def _marked(value: object) -> object:
    if isinstance(value, str):
        return DAMAGED if any("\ud800" <= each <= "\udfff" for each in value) else value
    if isinstance(value, list):
        return [_marked(each) for each in cast("list[object]", value)]
    if isinstance(value, dict):
        items = cast("dict[str, object]", value).items()
        return {_marked(name): _marked(each) for name, each in items}
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


def _no_json(problem: str) -> Faults:
    return Faults([DecodeIssue("", problem)], incomplete=True)


def _describe(body: bytes, error: json.JSONDecodeError) -> str:
    start = body.lstrip()[:1]
    if not start:
        return "is empty"
    if start == b"<":
        return "is HTML or XML, not JSON"
    return f"is not JSON ({error.msg} at character {error.pos})"
