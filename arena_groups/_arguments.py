"""Checks of arguments: each error names the argument, and what to pass instead."""

from __future__ import annotations

import math
from collections.abc import AsyncIterable, Callable, Iterable, Sequence
from inspect import iscoroutinefunction, signature
from types import UnionType
from typing import Any, get_args

from attrs import Attribute

__all__ = [
    "check_arity",
    "check_callable",
    "check_flag",
    "check_instance",
    "check_iterable",
    "check_methods",
    "check_range",
    "check_seconds",
    "check_sequence",
    "check_store_name",
    "check_text",
    "iterable_problem",
    "seconds",
    "whole_number",
]

Validator = Callable[[object, "Attribute[Any]", object], None]


def check_range(value: object, what: str, low: int, high: int | None = None) -> int:
    """Return ``value`` if it is an int from ``low`` to ``high``.

    Raises ``ValueError`` naming the range, ``TypeError`` if it is not an int.
    """
    span = f"{low} or more" if high is None else f"from {low} to {high}"
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{what} must be an int {span}, not {_name(value)}")
    if value < low or (high is not None and value > high):
        raise ValueError(f"{what} must be {span}, not {value}")
    return int(value)


def check_seconds(value: object, what: str, *, zero: bool = False, endless: bool = False) -> float:
    """Return ``value`` if it is a number of seconds.

    Raises ``ValueError`` if it is negative, not a number, 0 without ``zero``, or infinite without
    ``endless``; ``TypeError`` if it is neither an int nor a float.
    """
    span = ("0 or more seconds" if zero else "more than 0 seconds") + " and finite" * (not endless)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError(f"{what} must be a number, {span}, not {_name(value)}")
    if math.isnan(value) or value < 0 or not (value or zero) or (value == math.inf and not endless):
        raise ValueError(f"{what} must be {span}, not {value}")
    return value


def check_flag(value: object, what: str) -> bool:
    """Return ``value`` if it is a bool: the text ``"no"`` would count as true."""
    if not isinstance(value, bool):
        raise TypeError(f"{what} must be True or False, not {_name(value)}")
    return value


def check_text(value: object, what: str) -> str:
    """Return ``value`` if it is a string that is not empty."""
    if not isinstance(value, str):
        raise TypeError(f"{what} must be a str, not {_name(value)}")
    if not value.strip():
        raise ValueError(f"{what} must not be empty")
    return value


def check_store_name(value: object, what: str) -> str:
    """Return ``value`` if it can be a part of the name of a record in a store."""
    text = check_text(value, what)
    if "/" in text:
        raise ValueError(f"{what} must be a text without slashes")
    return text


def check_instance(value: object, what: str, kind: type | UnionType, hint: str = "") -> None:
    """Raise ``TypeError`` if ``value`` is not an instance of ``kind``."""
    if not isinstance(value, kind):
        kinds = [kind] if isinstance(kind, type) else get_args(kind)
        wanted = " or ".join(_with_article(each.__name__) for each in kinds)
        raise TypeError(f"{what} must be {wanted}{hint}, not {_name(value)}")


def check_methods(value: object, what: str, methods: Sequence[str], example: str) -> None:
    """Raise ``TypeError`` if ``value`` is neither an object with these methods nor ``None``."""
    if value is None:
        return
    missing = [name for name in methods if not callable(getattr(value, name, None))]
    if isinstance(value, type) or missing:
        needed = ", ".join(f"{name}()" for name in methods)
        raise TypeError(
            f"{what} must be an object with {needed}, such as {example}, not {_name(value)}"
        )


def check_callable(value: object, what: str, *, arguments: int) -> None:
    """Raise ``TypeError`` if ``value`` is neither ``None`` nor a sync function of ``arguments``."""
    if value is None:
        return
    if not callable(value):
        raise TypeError(f"{what} must be a function, not {_name(value)}")
    if iscoroutinefunction(value) or iscoroutinefunction(getattr(value, "__call__", None)):  # noqa: B004
        raise TypeError(f"{what} must be an ordinary function, not an async one")
    check_arity(value, what, arguments)


def iterable_problem(value: object, what: str, items: str) -> str:
    """Return why a value is not an iterable, async or not, of other things than characters."""
    if isinstance(value, str | bytes):
        return f"{what} must be an iterable of {items}, not a single string"
    if not isinstance(value, Iterable | AsyncIterable):
        return f"{what} must be an iterable of {items}, not {_name(value)}"
    return ""


def check_iterable(value: object, what: str, items: str) -> None:
    """Raise ``TypeError`` if ``value`` is not an iterable, async or not, or a single string."""
    if problem := iterable_problem(value, what, items):
        raise TypeError(problem)


def check_sequence(value: object, what: str, example: str) -> None:
    """Raise ``TypeError`` if ``value`` is not a sequence of other things than characters."""
    if isinstance(value, str | bytes) or not isinstance(value, Sequence):
        raise TypeError(f"{what} must be a sequence, such as {example}, not {_name(value)}")


def check_arity(function: Callable[..., object], what: str, arguments: int) -> None:
    """Raise ``TypeError`` if ``function`` cannot be called with so many arguments."""
    try:
        accepted = signature(function)
    except ValueError:
        return  # some functions in C have none
    try:
        accepted.bind(*[None] * arguments)
    except TypeError:
        count = f"{arguments} argument" if arguments == 1 else f"{arguments or 'no'} arguments"
        raise TypeError(f"{what} must be a function that can be called with {count}") from None


def whole_number(_: object, attribute: Attribute[Any], value: object) -> None:
    """Validate a field of an attrs class: an int of 1 or more."""
    check_range(value, attribute.name, 1)


def seconds(*, zero: bool = False, endless: bool = False) -> Validator:
    """Return a validator for a field of an attrs class: a number of seconds."""

    def validate(_: object, attribute: Attribute[Any], value: object) -> None:
        check_seconds(value, attribute.name, zero=zero, endless=endless)

    return validate


def _with_article(name: str) -> str:
    return f"an {name}" if name[0] in "AEIOUaeiou" else f"a {name}"


def _name(value: object) -> str:
    """Return the type of a value, or the name of a class that was passed itself."""
    if isinstance(value, type):
        return f"the class {value.__name__} itself"
    return type(value).__name__
