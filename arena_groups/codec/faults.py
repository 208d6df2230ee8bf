"""What is wrong with a body. Problems name types, never values, as a value may be a secret."""

import re

from attrs import frozen
from cattrs import ClassValidationError, IterableValidationError

from arena_groups.errors import Fault

__all__ = ["BadValueError", "Faults", "expected", "faults_of"]

JSON_NAMES: dict[type, str] = {
    dict: "object",
    list: "array",
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    type(None): "null",
}
PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{,63}", re.ASCII)


class BadValueError(Exception):
    """What is wrong with one value, or ``below`` it; its place is added on the way up."""

    def __init__(self, problem: str, below: str = "") -> None:
        super().__init__(problem)
        self.below = below


@frozen
class Faults:
    """All that is wrong; ``incomplete`` where the body is no JSON at all."""

    faults: list[Fault]
    incomplete: bool = False


def expected(what: str | type, value: object) -> BadValueError:
    """The problem of a ``value`` that is not ``what`` it should be."""
    wanted = what if isinstance(what, str) else JSON_NAMES[what]
    return BadValueError(f"expected {wanted}, got {JSON_NAMES.get(type(value), 'something else')}")


def faults_of(error: BaseException, path: str = "") -> list[Fault]:
    """Every fault that an error of the converter stands for, with its JSON path."""
    if isinstance(error, ClassValidationError):
        named, plain = error.group_exceptions()
        places = [(inner, _join(path, note.name)) for inner, note in named]
    elif isinstance(error, IterableValidationError):
        numbered, plain = error.group_exceptions()
        places = [(inner, _join(path, note.index)) for inner, note in numbered]
    elif isinstance(error, KeyError):
        return [Fault(path, "is missing")]
    elif isinstance(error, BadValueError):
        return [Fault(_join(path, error.below) if error.below else path, str(error))]
    else:
        return [Fault(path, f"cannot be read ({type(error).__name__})")]
    places += [(inner, path) for inner in plain]
    return [fault for inner, place in places for fault in faults_of(inner, place)]


def _join(path: str, step: object) -> str:
    if isinstance(step, int):
        return f"{path}[{step}]"
    if not isinstance(step, str) or not PLAIN_KEY.fullmatch(step):
        return f"{path}[…]"  # a key may be a secret too
    return f"{path}.{step}" if path else step
