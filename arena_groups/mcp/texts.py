"""Texts of people, addresses and invite codes, as far as an assistant may see them. Pure."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from attrs import frozen

__all__ = ["NAME_LENGTH", "TEXT_LENGTH", "Disclosure", "clean", "is_masked", "mask"]

NAME_LENGTH: Final = 120  # characters
TEXT_LENGTH: Final = 1000

# Control, format (bidirectional, zero-width, tag), unassigned, private and surrogate characters.
_REMOVED: Final = {"Cc", "Cf", "Cn", "Co", "Cs"}
# Letters, marks and symbols that are not shown, with which a text can hide another.
_INVISIBLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U0001d159\U000e0100-\U000e01ef]"
)
_AT: Final = re.compile("(@|%40|[\uff20\ufe6b])", re.IGNORECASE)
_DELIMITERS: Final = " /:<>()[],;="
# As this server masks a local part, or as an assistant may write that.
_MASK: Final = re.compile(r"…|\.{3}$|[*•]{2}")
_INVITE_CODE: Final = re.compile(r"(/invite/)\S+", re.IGNORECASE)


def clean(text: str, limit: int = NAME_LENGTH) -> str:
    """Return a text of people on one line, without invisible characters, cut to ``limit``.

    They could hide instructions to an assistant, or show an order that is not that of the text.
    """
    return _cut(_visible(text), limit)


def mask(address: str) -> str:
    """Return an address without its local part, except for its first character.

    It is ``a…@example.org`` for ``ada@example.org``. A local part of one character is hidden too.
    """
    local, _, domain = _visible(address).rpartition("@")
    if not local:
        return "…"
    first = local[0] if len(local) > 1 else ""
    return _cut(f"{first}…@{domain}", TEXT_LENGTH)


def is_masked(address: str) -> bool:
    """Return whether a text is a masked address, which names nobody."""
    return _MASK.search(address.rpartition("@")[0]) is not None


@frozen
class Disclosure:
    """What the owner of the server lets assistants see."""

    personal_data: bool = False
    """Addresses, and invite codes."""
    invite_code: bool = False
    """Invite codes."""

    @property
    def codes(self) -> bool:
        """Whether invite codes may be seen."""
        return self.personal_data or self.invite_code

    def address(self, address: str | None) -> str | None:
        """Return an address, masked unless it may be seen."""
        if address is None:
            return None
        return clean(address, TEXT_LENGTH) if self.personal_data else mask(address)

    def text(self, text: str, limit: int = NAME_LENGTH) -> str:
        """Return a text of people, clean, with addresses and invite codes as they may be seen."""
        line = _visible(text)
        if not self.personal_data:
            line = _without_addresses(line)
        return _cut(line if self.codes else _INVITE_CODE.sub(r"\1…", line), limit)


def _without_addresses(line: str) -> str:
    """Return a line with all addresses masked. A name such as ``@ada`` is not an address."""
    parts = _AT.split(line)  # texts, with an at sign between two of them
    parts[:-1:2] = map(_without_local_part, parts[:-1:2])
    return "".join(parts)


def _without_local_part(part: str) -> str:
    """Return a text before an at sign with the local part at its end masked, if there is one."""
    start = max(map(part.rfind, _DELIMITERS)) + 1
    local = part[start:]
    return part[:start] + (local[0] if len(local) > 1 else "") + "…" if local else part


def _visible(text: str) -> str:
    spaced = _INVISIBLE.sub("", re.sub(r"\s", " ", text))
    kept = (each for each in spaced if unicodedata.category(each) not in _REMOVED)
    return " ".join("".join(kept).split())


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
