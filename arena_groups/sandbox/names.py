"""Slugs and ids: how they are derived, written and looked up."""

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import Protocol, TypeAlias, TypeVar, runtime_checkable

# Letters that have no decomposition into an ASCII letter and an accent.
_SPECIAL_LETTERS = str.maketrans(
    {"ł": "l", "Ł": "L", "ø": "o", "Ø": "O", "đ": "d", "Đ": "D", "ß": "ss", "\u0131": "i"}
)
_SLUG_LENGTH = 60
_SLUG = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
MAX_ID_DIGITS = 19

_T = TypeVar("_T")


@runtime_checkable
class HasId(Protocol):
    """An object with an id, such as a user in `Sandbox.users`, or a model of a client."""

    @property
    def id(self) -> int:
        """The id."""
        ...


Reference: TypeAlias = int | str | HasId


def as_reference(value: object, noun: str) -> int | str:
    """Return the id or slug that a value is or has. Raises `TypeError` for other values."""
    found = value.id if isinstance(value, HasId) else value
    if isinstance(found, bool) or not isinstance(found, int | str):
        raise TypeError(
            f"the {noun} must be an id, a slug or an object with an id, not {type(value).__name__}"
        )
    return found


def as_invitation_id(value: object) -> int:
    """Return the id that a value is or has. Raises `TypeError` for other values."""
    found = as_reference(value, "invitation")
    if not isinstance(found, int):
        raise TypeError("the invitation must be an id or an object with an id, not str")
    return found


def check_count(count: object) -> None:
    """Raise `TypeError` or `ValueError` if a value is not a number of things to add."""
    if isinstance(count, bool) or not isinstance(count, int):
        raise TypeError(f"count must be an int, not {type(count).__name__}")
    if count < 0:
        raise ValueError(f"count must be 0 or more, not {count}")


@lru_cache(maxsize=16_384)
def slugify(words: str) -> str:
    """Return the text as lower-case ASCII words joined by hyphens; empty if none remain."""
    plain = unicodedata.normalize("NFKD", words.translate(_SPECIAL_LETTERS))
    ascii_only = plain.encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", ascii_only.lower())[:_SLUG_LENGTH].strip("-")


def is_valid_slug(slug: str) -> bool:
    """Return whether a text can be a slug, and is not taken for an id."""
    return _SLUG.fullmatch(slug) is not None and not slug.isdigit()


def as_id(text: str) -> int | None:
    """Return the text as an id, or None if it is not written as one."""
    if not (text.isascii() and text.isdigit()) or len(text) > MAX_ID_DIGITS:
        return None
    return int(text)


def by_slug_or_id(ref: int | str, by_slug: dict[str, _T], by_id: dict[int, _T]) -> _T | None:
    """Return the record with this slug or id; a slug of digits comes before an id."""
    if isinstance(ref, int):
        return by_id.get(ref)
    return by_slug.get(ref) or by_id.get(as_id(ref) or 0)


class NumberedNames:
    """Unused names: the wanted one, or else the wanted one with a number.

    It remembers the next number of each name, so that the thousandth namesake is found as fast as
    the second one.
    """

    def __init__(self) -> None:
        self._next: dict[str, int] = {}

    def copy(self) -> "NumberedNames":
        """Return names that go on from the same numbers."""
        names = NumberedNames()
        names._next = dict(self._next)
        return names

    def find(
        self, wanted: str, with_number: Callable[[int], str], is_taken: Callable[[str], bool]
    ) -> str:
        """Return the wanted name if it is not taken, else the first one with a number, from 2."""
        if not is_taken(wanted):
            return wanted
        number = self._next.get(wanted, 2)
        while is_taken(with_number(number)):
            number += 1
        self._next[wanted] = number + 1
        return with_number(number)
