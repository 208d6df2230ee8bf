"""Validation of requests: a malformed one is a 400, an impossible one a 422."""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import NoReturn, cast

import attrs

from arena_groups.sandbox.backend import InviteRecipient
from arena_groups.sandbox.entities import JSONObject
from arena_groups.sandbox.responses import invalid_field, invalid_parameter, unprocessable_fields

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
class ParsedURI:
    """The parts of a URI that say where it leads. `port` is None when none is given."""

    scheme: str
    host: str
    port: int | None


def parse_uri(text: str) -> ParsedURI | None:
    """The parts of a URI; None when the text is none."""
    found = _URI.fullmatch(text)
    if found is None or not _is_address(found["literal"]):
        return None
    # Longer numbers are no ports either, and Python may refuse to read them.
    port = found["port"] or ""
    return ParsedURI(found["scheme"].lower(), found["host"] or "", int(port[:9]) if port else None)


def _is_address(literal: str | None) -> bool:
    if literal is None or _FUTURE.fullmatch(literal):
        return True
    try:
        IPv6Address(literal)
    except AddressValueError:
        return False
    return True


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


DEFAULT_PER = 24
LARGEST_PER = 100

_INTEGER = re.compile(r"-?[0-9]+", re.ASCII)


@attrs.frozen
class PageParams:
    """Which page of a list, and how long a page is."""

    page: int
    per: int


@attrs.frozen
class NewGroupFields:
    """What `POST /v3/groups` asks for."""

    name: str
    description: str | None
    avatar_url: str | None


@attrs.frozen
class GroupUpdateFields:
    """What `PUT /v3/groups/{id}` asks for. `clears_description` tells null from absent."""

    name: str | None
    description: str | None
    avatar_url: str | None
    clears_description: bool


NO_CHANGES = GroupUpdateFields(None, None, None, clears_description=False)


def page_request(query: Mapping[str, str]) -> PageParams:
    """The page asked for. Pages have no last number, page sizes go up to 100."""
    page = _integer(query, "page", default=1)
    per = _integer(query, "per", default=DEFAULT_PER)
    if page < 1:
        raise invalid_parameter("page", "must be 1 or more")
    if not 1 <= per <= LARGEST_PER:
        raise invalid_parameter("per", f"must be between 1 and {LARGEST_PER}")
    return PageParams(page, per)


def choice(query: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str | None:
    """One of the values a parameter may have, or None when it was not given."""
    value = query.get(name)
    if value is not None and value not in allowed:
        raise invalid_parameter(name, f"must be one of {', '.join(allowed)}")
    return value


def path_integer(segment: str, name: str) -> int:
    """An id that the path gives as a number."""
    if _INTEGER.fullmatch(segment) is None:
        raise invalid_parameter(name, "must be an integer")
    return int(Decimal(segment))  # Unlike `int` itself, it reads numbers of any length.


def json_object(content_type: str, body: bytes) -> JSONObject:
    """The request's body, which must be one JSON object."""
    if content_type != "application/json":
        raise invalid_field("body", "must be sent as application/json")
    if not body.strip():
        raise invalid_field("body", "is required")
    try:
        value: object = json.loads(body.decode(), parse_constant=_no_such_constant)
    except (ValueError, RecursionError):
        raise invalid_field("body", "must be valid JSON") from None
    if not isinstance(value, dict):
        raise invalid_field("body", "must be a JSON object")
    return cast("JSONObject", value)


def new_group(body: JSONObject) -> NewGroupFields:
    """The fields of a new group."""
    if "name" not in body:
        raise invalid_field("name", "is required")
    return NewGroupFields(
        name=_text(body, "name"),
        description=_text(body, "description") if "description" in body else None,
        avatar_url=_avatar_url(body),
    )


def group_changes(body: JSONObject) -> GroupUpdateFields:
    """The fields of a group that are to change."""
    clears = "description" in body and body["description"] is None
    keeps = clears or "description" not in body
    return GroupUpdateFields(
        name=_text(body, "name") if "name" in body else None,
        description=None if keeps else _text(body, "description"),
        avatar_url=_avatar_url(body),
        clears_description=clears,
    )


def invite_token(body: JSONObject) -> str | None:
    """The code to join with, if one was given."""
    return _string(body, "invite_token") if "invite_token" in body else None


def invite_target(body: JSONObject) -> InviteRecipient:
    """Whom to invite: by user id or by address, not both and not neither."""
    if ("user_id" in body) == ("email" in body):
        raise invalid_field("body", "must have exactly one of user_id and email")
    if "email" in body:
        return InviteRecipient(email=_address(body))
    return InviteRecipient(user_id=_whole_number(body, "user_id"))


def _integer(query: Mapping[str, str], name: str, *, default: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    if _INTEGER.fullmatch(text) is None:
        raise invalid_parameter(name, "must be an integer")
    try:
        return int(text)
    except ValueError:  # Python refuses to read numbers of several thousand digits.
        raise invalid_parameter(name, "is too large") from None


def _no_such_constant(_name: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


def _string(body: JSONObject, field: str) -> str:
    value = body[field]
    if not isinstance(value, str):
        raise invalid_field(field, "must be a string")
    return value


def _text(body: JSONObject, field: str) -> str:
    value = _string(body, field)
    if not _encodable(value):
        raise invalid_field(field, "must be valid Unicode text")
    return value


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _avatar_url(body: JSONObject) -> str | None:
    if "avatar_url" not in body:
        return None
    url = _text(body, "avatar_url")
    if parse_uri(url) is None:
        raise invalid_field("avatar_url", "must be a URI")
    return url


def _address(body: JSONObject) -> str:
    address = _text(body, "email")
    if not is_address(address):
        raise invalid_field("email", "must be an email address")
    return address


def _whole_number(body: JSONObject, field: str) -> int:
    value = body[field]
    # In JSON 4.0 and 4 are the same number.
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise invalid_field(field, "must be an integer")
    return value


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
        raise unprocessable_fields(faults)


def check_address(email: str) -> None:
    """Raises the 422 of an address to which no invitation is sent."""
    if not is_acceptable(email):
        raise unprocessable_fields(
            {"email": ["must be an address at a domain, without quotation marks"]}
        )


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
