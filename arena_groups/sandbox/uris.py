"""URIs as RFC 3986 writes them: which texts are one, and what they consist of."""

import re
from ipaddress import AddressValueError, IPv6Address

import attrs

_NAMES = r"A-Za-z0-9\-._~!$&'()*+,;="
_ESCAPED = r"%[0-9A-Fa-f]{2}"
_LETTER = rf"(?:[{_NAMES}:@]|{_ESCAPED})"
_SEGMENTS = rf"(?:/{_LETTER}*)*"
_REST = rf"(?:[{_NAMES}:@/?]|{_ESCAPED})*"
_AUTHORITY = (
    rf"(?:(?:[{_NAMES}:]|{_ESCAPED})*@)?"
    rf"(?P<host>\[(?P<literal>[{_NAMES}:]+)\]|(?:[{_NAMES}]|{_ESCAPED})*)"
    r"(?::(?P<port>[0-9]*))?"
)
_URI = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):"
    rf"(?://{_AUTHORITY}{_SEGMENTS}|/?(?:{_LETTER}+{_SEGMENTS})?)"
    rf"(?:\?{_REST})?(?:#{_REST})?",
    re.ASCII,
)
_FUTURE = re.compile(rf"[vV][0-9A-Fa-f]+\.[{_NAMES}:]+", re.ASCII)


@attrs.frozen
class URI:
    """The parts of a URI that say where it leads. `port` is None when none is given."""

    scheme: str
    host: str
    port: int | None


def parse_uri(text: str) -> URI | None:
    """The parts of a URI; None when the text is none."""
    found = _URI.fullmatch(text)
    if found is None or not _is_address(found["literal"]):
        return None
    # Longer numbers are no ports either, and Python may refuse to read them.
    port = found["port"] or ""
    return URI(found["scheme"].lower(), found["host"] or "", int(port[:9]) if port else None)


def _is_address(literal: str | None) -> bool:
    if literal is None or _FUTURE.fullmatch(literal):
        return True
    try:
        IPv6Address(literal)
    except AddressValueError:
        return False
    return True
