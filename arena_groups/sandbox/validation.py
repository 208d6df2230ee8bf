"""Validation of requests: a malformed one is a 400, an impossible one a 422."""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import NoReturn, cast

import attrs

from arena_groups.sandbox.entities import InviteRecipient, JSONObject
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
_FUTURE_ADDRESS = re.compile(rf"[vV][0-9A-Fa-f]+\.[{_NAMES}:]+", re.ASCII)

MAX_ADDRESS_LENGTH = 254
MAX_LOCAL_PART_LENGTH = 64

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_QUOTED = r'"(?:[ !#-\[\]-~]|\\[ -~])*"'
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(
    rf"(?P<local>(?P<atoms>{_ATOM}(?:\.{_ATOM})*)|{_QUOTED})"
    rf"@(?:(?P<first>{_LABEL})(?P<others>(?:\.{_LABEL})*)|\[(?P<literal>[0-9A-Za-z:.]+)\])",
    re.ASCII,
)

DEFAULT_PER = 24
MAX_PER = 100

_INTEGER = re.compile(r"-?[0-9]+", re.ASCII)

MAX_PORT = 65_535


@attrs.frozen
class ParsedURI:
    """The scheme, host and port of a URI. `port` is None when none is given."""

    scheme: str
    host: str
    port: int | None


def parse_uri(text: str) -> ParsedURI | None:
    """Return the parts of a URI by RFC 3986; None for another text."""
    found = _URI.fullmatch(text)
    if found is None or not _is_ip_literal(found["literal"]):
        return None
    # More digits are not a port either, and `int` limits their number.
    port = found["port"] or ""
    return ParsedURI(found["scheme"].lower(), found["host"] or "", int(port[:9]) if port else None)


def _is_ip_literal(literal: str | None) -> bool:
    if literal is None or _FUTURE_ADDRESS.fullmatch(literal):
        return True
    try:
        IPv6Address(literal)
    except AddressValueError:
        return False
    return True


def is_address(text: str) -> bool:
    """Return whether the text has the syntax of an email address."""
    found = _parse(text)
    return found is not None and _is_host(found["literal"])


def is_acceptable(text: str) -> bool:
    """Return whether mail can be sent to the address: no quoted name, a domain with a dot."""
    found = _parse(text)
    return found is not None and bool(found["atoms"]) and bool(found["others"])


def _parse(text: str) -> re.Match[str] | None:
    found = _ADDRESS.fullmatch(text) if len(text) <= MAX_ADDRESS_LENGTH else None
    return found if found and len(found["local"]) <= MAX_LOCAL_PART_LENGTH else None


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


@attrs.frozen
class PageParams:
    """The page number and page size of a list request."""

    page: int
    per: int

    @property
    def start(self) -> int:
        """The number of items before the page."""
        return (self.page - 1) * self.per


@attrs.frozen
class NewGroupFields:
    """The body of `POST /v3/groups`."""

    name: str
    description: str | None
    avatar_url: str | None


@attrs.frozen
class GroupUpdateFields:
    """The body of `PUT /v3/groups/{id}`. `clears_description` is an explicit null."""

    name: str | None
    description: str | None
    avatar_url: str | None
    clears_description: bool


NO_CHANGES = GroupUpdateFields(None, None, None, clears_description=False)


def page_request(query: Mapping[str, str]) -> PageParams:
    """Return the requested page. Page numbers have no maximum, page sizes do."""
    page = _integer(query, "page", default=1)
    per = _integer(query, "per", default=DEFAULT_PER)
    if page < 1:
        raise invalid_parameter("page", "must be 1 or more")
    if not 1 <= per <= MAX_PER:
        raise invalid_parameter("per", f"must be between 1 and {MAX_PER}")
    return PageParams(page, per)


def choice(query: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str | None:
    """Return the value of an enumerated parameter, or None if it is missing."""
    value = query.get(name)
    if value is not None and value not in allowed:
        raise invalid_parameter(name, f"must be one of {', '.join(allowed)}")
    return value


def query_integer(query: Mapping[str, str], name: str) -> int | None:
    """Return the value of a parameter that is an integer, or None if it is missing."""
    return _integer(query, name, default=0) if name in query else None


def path_integer(segment: str, name: str) -> int:
    """Return a numeric id in the path."""
    if _INTEGER.fullmatch(segment) is None:
        raise invalid_parameter(name, "must be an integer")
    return int(Decimal(segment))  # `int` itself limits the number of digits.


def json_object(content_type: str, body: bytes) -> JSONObject:
    """Return the body, which must be one JSON object."""
    if content_type != "application/json":
        raise invalid_field("body", "must be sent as application/json")
    if not body.strip():
        raise invalid_field("body", "is required")
    try:
        value: object = json.loads(body.decode(), parse_constant=_reject_constant)
    except (ValueError, RecursionError):
        raise invalid_field("body", "must be valid JSON") from None
    if not isinstance(value, dict):
        raise invalid_field("body", "must be a JSON object")
    return cast("JSONObject", value)


def new_group(body: JSONObject) -> NewGroupFields:
    """Return the fields of a new group."""
    if "name" not in body:
        raise invalid_field("name", "is required")
    return NewGroupFields(
        name=_text(body, "name"),
        description=_text(body, "description") if "description" in body else None,
        avatar_url=_avatar_url(body),
    )


def group_changes(body: JSONObject) -> GroupUpdateFields:
    """Return the fields of a group to change."""
    clears = "description" in body and body["description"] is None
    keeps = clears or "description" not in body
    return GroupUpdateFields(
        name=_text(body, "name") if "name" in body else None,
        description=None if keeps else _text(body, "description"),
        avatar_url=_avatar_url(body),
        clears_description=clears,
    )


def invite_token(body: JSONObject) -> str | None:
    """Return the invite code to join with, if there is one."""
    return _string(body, "invite_token") if "invite_token" in body else None


def invite_target(body: JSONObject) -> InviteRecipient:
    """Return the recipient of an invitation: exactly one of user id and address."""
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
    except ValueError:  # `int` limits the number of digits.
        raise invalid_parameter(name, "is too large") from None


def _reject_constant(_name: str) -> NoReturn:
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


def check_group(name: str | None, description: str | None, avatar_url: str | None) -> None:
    """Raise the 422 of impossible fields of a group. A None field is not given."""
    found = {
        "name": None if name is None else _name_problem(name),
        "description": None if description is None else _text_problem(description),
        "avatar_url": None if avatar_url is None else _image_url_problem(avatar_url),
    }
    problems = {field: [problem] for field, problem in found.items() if problem is not None}
    if problems:
        raise unprocessable_fields(problems)


def check_address(email: str) -> None:
    """Raise the 422 of an address that cannot be invited."""
    if not is_acceptable(email):
        raise unprocessable_fields(
            {"email": ["must be an address at a domain, without quotation marks"]}
        )


def _name_problem(name: str) -> str | None:
    return _text_problem(name) if name.strip() else "must not be empty"


def _text_problem(text: str) -> str | None:
    return "must not contain NUL" if "\0" in text else None


def _image_url_problem(url: str) -> str | None:
    uri = parse_uri(url)
    if uri is None or uri.scheme not in {"http", "https"}:
        return "must be an http or https URL of an image"
    if not uri.host or (uri.port is not None and not 0 < uri.port <= MAX_PORT):
        return "must have a host"
    return None
