"""The sections that docstrings of public names must have."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from enum import StrEnum
from typing import Any, NoReturn

import attrs
import pytest

from tests.lint import docstrings


def described(first: int, *rest: int, key: str = "") -> int:
    """Return a number.

    Args:
        first: One.
        *rest: Others,
            as many as there are.
        key (str): A text.

    Returns:
        The number.
    """
    return first + len(rest) + len(key)


def undescribed(first: int, second: int) -> None:
    """Do something with ``first`` and ``second``."""


def half_described(first: int, second: int, **others: int) -> None:
    """Do something.

    Args:
        first: One.
    """


def without_result() -> int:
    """Return a number."""
    return 1


def without_colon(first: int) -> None:
    """Do something.

    Args:
        first is one.
    """


def generator() -> Iterator[int]:
    """Count.

    Yields:
        Numbers.
    """
    yield 1


async def silent_generator() -> AsyncIterator[int]:
    """Count."""
    yield 1


async def coroutine() -> int:
    """Return a number."""
    return 1


async def nothing() -> None:
    """Do nothing."""


def never() -> NoReturn:
    """Raise."""
    raise ValueError


def text_annotation() -> "None":
    """Do nothing."""


def private(_first: int = 0) -> None:
    """Do something."""


@pytest.mark.parametrize(
    ("function", "problems"),
    [
        (described, []),
        (undescribed, ["f does not describe first, second"]),
        (half_described, ["f does not describe second, others"]),
        (without_colon, ["f does not describe first"]),
        (without_result, ["f has neither Returns: nor Yields:"]),
        (generator, []),
        (silent_generator, ["f has neither Returns: nor Yields:"]),
        (coroutine, ["f has neither Returns: nor Yields:"]),
        (nothing, []),
        (never, []),
        (text_annotation, []),
        (private, []),
    ],
)
def test_check_function(function: Callable[..., Any], problems: list[str]) -> None:
    assert list(docstrings.check_function(function, name="f")) == problems


class Base:
    """A base with a method."""

    def inherited(self) -> int:
        """Return a number."""
        return 1


class Plain(Base):
    """A class.

    Args:
        first: One.
    """

    def __init__(self, first: int, second: int) -> None:
        """Take both.

        Args:
            second: The other.
        """

    @property
    def value(self) -> int:
        """A number."""
        return 1

    @classmethod
    def make(cls, text: str) -> None:
        """Do it."""

    @staticmethod
    def other() -> int:
        """Return a number."""
        return 1

    def _private(self, x: int) -> int:
        return x


@attrs.frozen
class Record:
    """A record.

    Attributes:
        first: One.
    """

    first: int
    second: int
    """The other."""
    third: int
    _fourth: int
    fifth: int = attrs.field(init=False, default=1)


class Failure(Exception):  # noqa: N818
    """An error with a constructor of its own."""

    def __init__(self, message: str) -> None:
        super().__init__(message)


class Colour(StrEnum):
    """An enum, whose constructor is not for users."""

    RED = "red"


class Child(Base):
    """A class whose method has the docstring of its base."""

    def inherited(self) -> int:
        return 2


class Empty:
    """A class without a constructor."""


@pytest.mark.parametrize(
    ("kind", "problems"),
    [
        (
            Plain,
            [
                "Plain.make does not describe text",
                "Plain.other has neither Returns: nor Yields:",
            ],
        ),
        (Record, ["Record does not describe third, fourth"]),
        (Failure, ["Failure does not describe message"]),
        (Colour, []),
        (Child, ["Child.inherited has neither Returns: nor Yields:"]),
        (Empty, []),
    ],
)
def test_check_class(kind: type, problems: list[str]) -> None:
    assert list(docstrings.check_class(kind)) == problems


def test_check_class_leaves_out_constructors_that_are_not_for_users(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(docstrings, "NOT_CONSTRUCTED", {"Record"})
    assert not list(docstrings.check_class(Record))


def test_check_module_reads_the_public_names_only(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["undescribed", "Record", "Alias", "NUMBER"]
    monkeypatch.setitem(globals(), "__all__", names)
    monkeypatch.setitem(globals(), "Alias", Callable[[int], Awaitable[int]])
    monkeypatch.setitem(globals(), "NUMBER", 1)
    line = undescribed.__code__.co_firstlineno
    first, second = docstrings.check_module(__name__)
    place = "tests/lint/test_docstrings.py"
    assert str(first) == f"{place}:{line}: undescribed does not describe first, second"
    assert (second.file, second.message) == (place, "Record does not describe third, fourth")


def test_the_public_modules_are_there() -> None:
    for module in docstrings.MODULES:
        list(docstrings.check_module(module))


def test_constructors_that_are_not_for_users_are_of_public_classes() -> None:
    assert all(name[0].isupper() for name in docstrings.NOT_CONSTRUCTED)
