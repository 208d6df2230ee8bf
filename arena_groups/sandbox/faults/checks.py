"""What the options of faults may be."""

import math
from typing import Any

import attrs


def seconds(_fault: object, field: "attrs.Attribute[float]", value: float) -> None:
    """Not negative, and not without end."""
    if not 0 <= value < math.inf:
        raise ValueError(f"{field.name} must be a number of seconds, not negative")


def share(_fault: object, field: "attrs.Attribute[float]", value: float) -> None:
    """A part that is not the whole."""
    if not 0 <= value < 1:
        raise ValueError(f"{field.name} must be at least 0 and less than 1")


def positive(_fault: object, field: "attrs.Attribute[int]", value: int) -> None:
    """One or more."""
    if value < 1:
        raise ValueError(f"{field.name} must be at least 1")


def not_negative(_fault: object, field: "attrs.Attribute[Any]", value: int | None) -> None:
    """None or more, or nothing at all where that is possible."""
    if value is not None and value < 0:
        raise ValueError(f"{field.name} must not be negative")


def not_zero(_fault: object, field: "attrs.Attribute[int]", value: int) -> None:
    """Off by something."""
    if value == 0:
        raise ValueError(f"{field.name} must not be 0")
