"""What is wrong with a body. Problems name types, never values, as a value may be a secret."""

from attrs import frozen

from arena_groups.errors import DecodeIssue

__all__ = ["BadValueError", "Faults", "expected"]

JSON_NAMES: dict[type, str] = {
    dict: "object",
    list: "array",
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    type(None): "null",
}


class BadValueError(Exception):
    """What is wrong with one value, or ``below`` it; its place is added on the way up."""

    def __init__(self, problem: str, below: str = "") -> None:
        super().__init__(problem)
        self.below = below


@frozen
class Faults:
    """All that is wrong; ``incomplete`` where the body is no JSON at all."""

    faults: list[DecodeIssue]
    incomplete: bool = False


def expected(what: str | type, value: object) -> BadValueError:
    """The problem of a ``value`` that is not ``what`` it should be."""
    wanted = what if isinstance(what, str) else JSON_NAMES[what]
    return BadValueError(f"expected {wanted}, got {JSON_NAMES.get(type(value), 'something else')}")
