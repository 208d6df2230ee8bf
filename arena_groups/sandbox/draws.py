"""Random draws of seeded records, and the random texts in slugs and invite codes.

`pick` and `below` draw the same as `choice` and `randrange` of `random.Random`, which spend more
time on checking their arguments than on drawing.
"""

from collections.abc import Sequence
from random import Random
from typing import TypeVar

_SUFFIX_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
_CODE_LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"

_T = TypeVar("_T")


def below(rng: Random, end: int) -> int:
    """Return a number from 0 up to, but without, `end`, which is at least 1."""
    bits, draw = end.bit_length(), rng.getrandbits
    number = draw(bits)
    while number >= end:
        number = draw(bits)
    return number


def pick(rng: Random, options: Sequence[_T]) -> _T:
    """Return one of at least one options."""
    end = len(options)
    bits, draw = end.bit_length(), rng.getrandbits
    number = draw(bits)
    while number >= end:
        number = draw(bits)
    return options[number]


def slug_suffix(rng: Random) -> str:
    """Return letters, digits, `_` and `-`, as at the end of a slug."""
    middle = "".join(rng.choices(_SUFFIX_LETTERS + "_-", k=9))
    return f"{pick(rng, _SUFFIX_LETTERS)}{middle}{pick(rng, _SUFFIX_LETTERS)}"


def invite_code(rng: Random) -> str:
    """Return a code of letters and digits that are not taken for one another."""
    return "".join(rng.choices(_CODE_LETTERS, k=12))
