"""Email addresses: which are accepted, and which mean the same mailbox.

An address is one mailbox at a domain name, as the API takes it: no quoted local part, no IP
address, no host without a dot, no trailing dot. It is sent as it was given, without the spaces
around it. Two addresses are the same if :func:`mailbox` returns the same for both.
"""

from __future__ import annotations

import unicodedata
from fnmatch import fnmatchcase
from functools import lru_cache
from string import ascii_lowercase, ascii_uppercase
from typing import Final

__all__ = ["address_matches", "address_problem", "mailbox", "trimmed"]

MAX_ADDRESS_LENGTH: Final = 254  # these two in bytes, by RFC 5321
MAX_LOCAL_PART_LENGTH: Final = 64
NOT_AN_ADDRESS: Final = "is not an email address"

# Left over from a display name, a list or a link around an address.
_FORBIDDEN: Final = frozenset(',;:<>()[]"\\@')
# Invisible, and nevertheless part of domain names in some scripts.
_JOINERS: Final = frozenset("\u200c\u200d")
_TO_LOWER: Final = str.maketrans(ascii_uppercase, ascii_lowercase)


def trimmed(text: str) -> str:
    """Return an address as it is sent: as given, without surrounding spaces and line breaks."""
    return str.strip(text)


def address_problem(text: object) -> str:
    """Return why a value is not an email address, as words that follow its name, or nothing.

    It raises no error: a traceback would show the address in its frames.
    """
    if not isinstance(text, str):
        return NOT_AN_ADDRESS
    local_part, _, domain = trimmed(text).rpartition("@")
    if not (_is_text(local_part, _FORBIDDEN | _JOINERS) and _is_text(domain, _FORBIDDEN)):
        return NOT_AN_ADDRESS
    encoded = _ascii_domain(domain)
    if encoded is None or not _is_public(encoded):
        return f"{NOT_AN_ADDRESS}: its domain is not valid"
    length = len(local_part.encode())
    if length > MAX_LOCAL_PART_LENGTH:
        return f"is longer than {MAX_LOCAL_PART_LENGTH} bytes before the @"
    is_long = length + len("@") + len(encoded) > MAX_ADDRESS_LENGTH
    return f"is longer than {MAX_ADDRESS_LENGTH} bytes" if is_long else ""


def mailbox(text: str) -> str:
    """Return a form of an address that is equal for equal mailboxes.

    The domain is mapped by UTS 46 and encoded by IDNA 2008, so that ``ß`` is not ``ss``. The
    local part loses the case of its ASCII letters only, and is in the composed form (NFC).
    Any text is accepted: the lists of the API may have addresses that are not accepted here.
    """
    local_part, at, domain = trimmed(text).rpartition("@")
    # In this order: composing turns the Kelvin sign into an ASCII letter.
    local_part = unicodedata.normalize("NFC", local_part.translate(_TO_LOWER))
    return f"{local_part}{at}{_ascii_domain(domain) or domain.translate(_TO_LOWER)}"


def address_matches(text: str, pattern: str) -> bool:
    """Return whether a pattern with ``*`` and ``?`` fits an address, in any case.

    The domain may be in Unicode or in A-labels, in both.
    """
    import idna  # noqa: PLC0415 - its tables are large

    spellings = [trimmed(text), mailbox(text)]
    local_part, at, domain = spellings[1].rpartition("@")
    if _ascii_domain(domain) is not None:
        spellings.append(f"{local_part}{at}{idna.decode(domain)}")
    return any(fnmatchcase(each.lower(), trimmed(pattern).lower()) for each in spellings)


def _ascii_domain(domain: str) -> str | None:
    """Return a domain as lower-case IDNA 2008 A-labels; ``None`` if it has no such form."""
    if len(domain) > MAX_ADDRESS_LENGTH:
        return None  # idna takes minutes for some texts that are too long
    return _a_labels(domain)


@lru_cache(maxsize=1024)  # many people share a domain, and each address is read several times
def _a_labels(domain: str) -> str | None:
    import idna  # noqa: PLC0415 - its tables are large

    try:
        return idna.encode(domain, uts46=True).decode()
    except UnicodeError:
        return None


def _is_text(text: str, forbidden: frozenset[str]) -> bool:
    """Return whether a part of an address has characters, all of them visible and allowed."""
    return bool(text) and not any(
        c in forbidden or not (c in _JOINERS or c.isprintable()) or c.isspace() for c in text
    )


def _is_public(domain: str) -> bool:
    """Return whether a domain has a dot within, and is not an IP address."""
    labels = domain.split(".")
    return len(labels) > 1 and all(labels) and not labels[-1].isdigit()
