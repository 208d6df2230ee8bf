"""Email addresses: what is written like one, and which of these are accepted."""

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

LONGEST_ADDRESS = 254
LONGEST_LOCAL_PART = 64

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_QUOTED = r'"(?:[ !#-\[\]-~]|\\[ -~])*"'
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(
    rf"(?P<local>(?P<atoms>{_ATOM}(?:\.{_ATOM})*)|{_QUOTED})"
    rf"@(?:(?P<first>{_LABEL})(?P<others>(?:\.{_LABEL})*)|\[(?P<literal>[0-9A-Za-z:.]+)\])",
    re.ASCII,
)


def is_address(text: str) -> bool:
    """Whether this is written like an email address, be it one of those that are refused."""
    found = _parse(text)
    return found is not None and _is_host(found["literal"])


def is_acceptable(text: str) -> bool:
    """Whether mail to this address can be sent: no quoted names, no numbers or bare names."""
    found = _parse(text)
    return found is not None and bool(found["atoms"]) and bool(found["others"])


def _parse(text: str) -> re.Match[str] | None:
    found = _ADDRESS.fullmatch(text) if len(text) <= LONGEST_ADDRESS else None
    return found if found and len(found["local"]) <= LONGEST_LOCAL_PART else None


def _is_host(literal: str | None) -> bool:
    if literal is None:
        return True
    try:
        if literal.lower().startswith("ipv6:"):
            IPv6Address(literal[len("ipv6:") :])
        else:
            IPv4Address(literal)
    except AddressValueError:
        return False
    return True
