"""Where the faults lie that an error of cattrs stands for, as JSON paths."""

import re

from cattrs import ClassValidationError, IterableValidationError

from arena_groups._api.codec.faults import BadValueError
from arena_groups.errors import DecodeIssue

__all__ = ["faults_of"]

PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{,63}", re.ASCII)


def faults_of(error: BaseException, path: str = "") -> list[DecodeIssue]:
    """Every fault that an error of the converter stands for, with its JSON path."""
    if isinstance(error, ClassValidationError):
        named, plain = error.group_exceptions()
        places = [(inner, _join(path, note.name)) for inner, note in named]
    elif isinstance(error, IterableValidationError):
        numbered, plain = error.group_exceptions()
        places = [(inner, _join(path, note.index)) for inner, note in numbered]
    elif isinstance(error, KeyError):
        return [DecodeIssue(path, "is missing")]
    elif isinstance(error, BadValueError):
        return [DecodeIssue(_join(path, error.below) if error.below else path, str(error))]
    else:
        return [DecodeIssue(path, f"cannot be read ({type(error).__name__})")]
    places += [(inner, path) for inner in plain]
    return [fault for inner, place in places for fault in faults_of(inner, place)]


def _join(path: str, step: object) -> str:
    if isinstance(step, int):
        return f"{path}[{step}]"
    if not isinstance(step, str) or not PLAIN_KEY.fullmatch(step):
        return f"{path}[…]"  # a key may be a secret too
    return f"{path}.{step}" if path else step
