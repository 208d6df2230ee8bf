"""Checks what a request brings against what the API document allows; anything else is a 400."""

import json
import re
from collections.abc import Mapping
from typing import NoReturn, cast
from urllib.parse import urlsplit

import attrs

from arena_groups.sandbox.entities import JSONObject
from arena_groups.sandbox.refusals import bad_body, bad_parameter
from arena_groups.sandbox.state import InviteTarget, as_id

DEFAULT_PER = 24
LARGEST_PER = 100
LONGEST_ADDRESS = 254

_INTEGER = re.compile(r"-?[0-9]+", re.ASCII)
_ADDRESS = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@"
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
)


@attrs.frozen
class PageRequest:
    """Which page of a list, and how long a page is."""

    page: int
    per: int


@attrs.frozen
class NewGroup:
    """What `POST /v3/groups` asks for."""

    name: str
    description: str | None
    avatar_url: str | None


@attrs.frozen
class GroupChanges:
    """What `PUT /v3/groups/{id}` asks for. `clears_description` tells null from absent."""

    name: str | None
    description: str | None
    avatar_url: str | None
    clears_description: bool


NO_CHANGES = GroupChanges(None, None, None, clears_description=False)


def page_request(query: Mapping[str, str]) -> PageRequest:
    """The page asked for. Pages have no last number, page sizes go up to 100."""
    page = _integer(query, "page", default=1)
    per = _integer(query, "per", default=DEFAULT_PER)
    if page < 1:
        raise bad_parameter("page", "must be 1 or more")
    if not 1 <= per <= LARGEST_PER:
        raise bad_parameter("per", f"must be between 1 and {LARGEST_PER}")
    return PageRequest(page, per)


def choice(query: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str | None:
    """One of the values a parameter may have, or None when it was not given."""
    value = query.get(name)
    if value is not None and value not in allowed:
        raise bad_parameter(name, f"must be one of {', '.join(allowed)}")
    return value


def path_integer(segment: str, name: str) -> int:
    """An id that the path gives as a number."""
    negative = segment.startswith("-")
    number = as_id(segment.removeprefix("-"))
    if number is None:
        raise bad_parameter(name, "must be an integer")
    return -number if negative else number


def json_object(content_type: str, body: bytes) -> JSONObject:
    """The request's body, which must be one JSON object."""
    if content_type != "application/json":
        raise bad_body("body", "must be sent as application/json")
    if not body.strip():
        raise bad_body("body", "is required")
    try:
        value: object = json.loads(body.decode(), parse_constant=_no_such_constant)
    except (ValueError, RecursionError):
        raise bad_body("body", "must be valid JSON") from None
    if not isinstance(value, dict):
        raise bad_body("body", "must be a JSON object")
    return cast("JSONObject", value)


def new_group(body: JSONObject) -> NewGroup:
    """The fields of a new group."""
    if "name" not in body:
        raise bad_body("name", "is required")
    return NewGroup(
        name=_name(body),
        description=_text(body, "description") if "description" in body else None,
        avatar_url=_avatar_url(body),
    )


def group_changes(body: JSONObject) -> GroupChanges:
    """The fields of a group that are to change."""
    clears = "description" in body and body["description"] is None
    keeps = clears or "description" not in body
    return GroupChanges(
        name=_name(body) if "name" in body else None,
        description=None if keeps else _text(body, "description"),
        avatar_url=_avatar_url(body),
        clears_description=clears,
    )


def invite_token(body: JSONObject) -> str | None:
    """The code to join with, if one was given."""
    return _text(body, "invite_token") if "invite_token" in body else None


def invite_target(body: JSONObject) -> InviteTarget:
    """Whom to invite: by user id or by address, not both and not neither."""
    if ("user_id" in body) == ("email" in body):
        raise bad_body("body", "must have exactly one of user_id and email")
    if "email" in body:
        return InviteTarget(email=_address(body))
    user_id = body["user_id"]
    if not isinstance(user_id, int) or isinstance(user_id, bool):
        raise bad_body("user_id", "must be an integer")
    return InviteTarget(user_id=user_id)


def is_address(text: str) -> bool:
    """Whether this is written like an email address."""
    return len(text) <= LONGEST_ADDRESS and _ADDRESS.fullmatch(text) is not None


def _integer(query: Mapping[str, str], name: str, *, default: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    if _INTEGER.fullmatch(text) is None:
        raise bad_parameter(name, "must be an integer")
    try:
        return int(text)
    except ValueError:  # Python refuses to read numbers of several thousand digits.
        raise bad_parameter(name, "is too large") from None


def _no_such_constant(_name: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


def _text(body: JSONObject, field: str) -> str:
    value = body[field]
    if not isinstance(value, str):
        raise bad_body(field, "must be a string")
    if "\0" in value or not _encodable(value):
        raise bad_body(field, "must be valid Unicode text")
    return value


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _name(body: JSONObject) -> str:
    name = _text(body, "name")
    if not name.strip():
        raise bad_body("name", "must not be empty")
    return name


def _avatar_url(body: JSONObject) -> str | None:
    if "avatar_url" not in body:
        return None
    url = _text(body, "avatar_url")
    if not _is_web_address(url):
        raise bad_body("avatar_url", "must be the URL of an image")
    return url


def _is_web_address(url: str) -> bool:
    if not url.isascii() or any(letter <= " " or letter in '<>"\\^`{|}\x7f' for letter in url):
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _address(body: JSONObject) -> str:
    address = _text(body, "email")
    if not is_address(address):
        raise bad_body("email", "must be an email address")
    return address
