"""JSON bytes to plain data."""

import json
import math

from arena_groups.codec.faults import Faults
from arena_groups.errors import Fault

__all__ = ["parse"]


def parse(body: bytes) -> object:
    """The plain data that ``body`` is the JSON of, or :class:`Faults`."""
    try:
        return _load(body.decode())
    except UnicodeDecodeError:
        return _no_json("is not UTF-8")
    except json.JSONDecodeError as error:
        return _no_json(_describe(body, error))
    except ValueError:
        return Faults([Fault("", "holds a number that JSON does not allow")])
    except RecursionError:
        return Faults([Fault("", "is nested too deeply")])


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
    return Faults([Fault("", problem)], incomplete=True)


def _describe(body: bytes, error: json.JSONDecodeError) -> str:
    start = body.lstrip()[:1]
    if not start:
        return "is empty"
    if start == b"<":
        return "is HTML or XML, not JSON"
    return f"is not JSON ({error.msg} at character {error.pos})"
