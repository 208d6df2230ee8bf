"""Checks whether what is well-formed is also possible; what is not, is a 422."""

from arena_groups.sandbox.addresses import is_acceptable
from arena_groups.sandbox.refusals import impossible
from arena_groups.sandbox.uris import parse_uri

LARGEST_PORT = 65_535


def check_group(name: str | None, description: str | None, avatar_url: str | None) -> None:
    """Raises the 422 of fields that a group cannot have; None is a field that is not given."""
    found = {
        "name": None if name is None else _fault_of_name(name),
        "description": None if description is None else _fault_of_text(description),
        "avatar_url": None if avatar_url is None else _fault_of_image(avatar_url),
    }
    faults = {field: [fault] for field, fault in found.items() if fault is not None}
    if faults:
        raise impossible(faults)


def check_address(email: str) -> None:
    """Raises the 422 of an address to which no invitation is sent."""
    if not is_acceptable(email):
        raise impossible({"email": ["must be an address at a domain, without quotation marks"]})


def _fault_of_name(name: str) -> str | None:
    return _fault_of_text(name) if name.strip() else "must not be empty"


def _fault_of_text(text: str) -> str | None:
    return "must not contain NUL" if "\0" in text else None


def _fault_of_image(url: str) -> str | None:
    uri = parse_uri(url)
    if uri is None or uri.scheme not in {"http", "https"}:
        return "must lead to an image by http or https"
    if not uri.host or (uri.port is not None and not 0 < uri.port <= LARGEST_PORT):
        return "must lead to a host"
    return None
