"""The server's explanation in the body of an error response, without secrets.

The shape of a body decides how it is read, not its content type. Known shapes are those of the
API, ``{"message": …}``, RFC 9457, lists of errors, and pages of proxies.
"""

from __future__ import annotations

import codecs
import html
import json
import re
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import cast

from attrs import evolve, frozen

from arena_groups._api.json_data import complete_json, encoding_of, parse_integer, whole_words
from arena_groups._api.response import (
    MAX_SECONDS,
    RawResponse,
    parse_count,
    parse_retry_after,
)

__all__ = ["BodyShape", "ErrorBody", "redacted", "shown_text"]

EMAIL = re.compile(
    r"[^\s@<>\"'(),;:]{1,64}(?:@|%40|&#64;|&#x40;|&commat;)[^\s@<>\"'(),;:]+", re.IGNORECASE
)
INVITE_URL = re.compile(r"((?:/|%2F)invite(?:/|%2F))[^\s/?#\"'<>(),;%&]+", re.IGNORECASE)
LIKELY_SECRET = re.compile(r"\b(?=[\w-]*\d)(?=[\w-]*[a-z])[\w-]{8,}", re.ASCII | re.IGNORECASE)
TITLE = re.compile(
    r"<(title|h1|message)\b[^>]{,200}>(.{1,1000}?)</\1\s*>", re.IGNORECASE | re.DOTALL
)
SCRIPT = re.compile(r"<(script|style)\b.*?(?:</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL)
COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
TAG = re.compile(r"<[^<>]*(?:>|\Z)")
TERMINAL_STYLE = re.compile(r"\x1b\[[\d;]{,20}m")
CHARSET = re.compile(r"charset\s*=\s*\"?([\w.:-]+)", re.IGNORECASE)

# Names of members, without the characters that are not letters.
NAMES = ("type", "code", "status", "title")
MESSAGES = (
    *("message", "detail", "details", "errordescription", "errormessage"),
    *("description", "reason", "msg"),
)
PLACES = ("pointer", "parameter", "field", "param", "path", "loc")
# Messages under these names concern the whole request, not the field of that name.
GENERAL = frozenset({"base", "detail", "message", "msg", "all", "nonfielderrors"})

MAX_BODY = 131_072  # bytes; 32 MiB of JSON would keep the event loop busy for a minute
MAX_PAGE = 16_384  # of a page that is not JSON; its title stands near its beginning
MAX_STRING = 4000
MAX_TEXT = 500
MAX_DEPTH = 4
FEW_SECRETS = 16
MAX_NESTING = 32  # of the details, which are pickled and copied with their error

Members = Mapping[str, object]


class BodyShape(Enum):
    """Shape of an error's body: the API's, another one, or unknown as its end is missing."""

    API = "api"
    OTHER = "other"
    UNKNOWN = "unknown"


@frozen(kw_only=True)
class ErrorBody:
    """Explanation in an error's body, without secrets.

    ``text`` is the whole text of a page that is not JSON, of which ``message`` may be the title.
    ``error_code`` is a whole number of this name in JSON.
    """

    error: str = ""
    message: str = ""
    details: object = None
    retry_after: float | None = None
    is_json: bool = True
    shape: BodyShape = BodyShape.OTHER
    is_oauth_error: bool = False
    text: str = ""
    error_code: int | None = None

    @classmethod
    def parse(cls, response: RawResponse, secrets: tuple[str, ...], now: float) -> ErrorBody:
        """Read the body of a response; ``now`` is the server's Unix time."""
        truncated = response.truncated or len(response.body) > MAX_BODY
        text = _decode(response, truncated=truncated)
        try:
            document = _load(text)
            body = cls._from_document(redacted(document, secrets), now)
        except (ValueError, RecursionError):
            may_be_json = text.lstrip()[:1] in {"", "{"}
            shape = _shape(None, truncated=truncated and may_be_json)
            title, shown = (
                LIKELY_SECRET.sub("[secret]", shown_text(redacted(each, secrets)))
                for each in _visible_text(text, truncated=truncated)
            )
            return cls(message=title or shown, text=shown, is_json=False, shape=shape)
        return evolve(body, shape=_shape(document, truncated=truncated))

    @classmethod
    def _from_document(cls, document: object, now: float) -> ErrorBody:
        if isinstance(document, str):
            members: Members = {"message": document}
        else:
            members = _members(document) or {"errors": document}
        error, details = members.get("error"), members.get("details")
        scopes = _members(error), _members(details), _members(members.get("detail")), members
        name = (
            _first_text(scopes[0], NAMES) or shown_text(error) or _first_text(members, ("title",))
        )
        lists = [scope.get("errors") for scope in scopes]
        lists += filter(_is_list, (members.get("detail"), details, error))
        lists += [{field: each for field, each in _object(document).items() if _is_texts(each)}]
        messages = [_first_text(scope, MESSAGES) for scope in scopes] + [*map(_join_errors, lists)]
        waits = [_seconds(scope.get("retryafter"), now) for scope in scopes]
        if details is None:
            parts = members.get("errors"), members.get("detail")
            details = next((each for each in parts if _object(each) or _is_list(each)), None)
        return cls(
            error=name,
            message=next(filter(None, messages), ""),
            details=_object(error) or details,
            retry_after=next((wait for wait in waits if wait is not None), None),
            is_oauth_error=isinstance(error, str),
            error_code=_whole_number(members.get("errorcode")),
        )


def redacted(value: object, secrets: tuple[str, ...], depth: int = 0) -> object:
    """Return plain JSON data without the ``secrets``, addresses and invite codes in URLs.

    What is nested too deeply is ``None``.
    """
    if isinstance(value, str):
        if len(value) > MAX_STRING:
            value = whole_words(value[:MAX_STRING])  # a part of a secret would not be found
        for secret in secrets if len(secrets) <= FEW_SECRETS else _occurring(secrets, value):
            value = re.sub(re.escape(secret), "[secret]", value, flags=re.IGNORECASE)
        return INVITE_URL.sub(r"\1[secret]", EMAIL.sub("[email]", value))
    if isinstance(value, list | dict) and depth == MAX_NESTING:
        return None
    depth += 1
    if isinstance(value, list):
        return [redacted(item, secrets, depth) for item in cast("list[object]", value)]
    if isinstance(value, dict):
        items = cast("dict[str, object]", value).items()
        return {str(redacted(k, secrets)): redacted(v, secrets, depth) for k, v in items}
    return value


def _occurring(secrets: tuple[str, ...], text: str) -> list[str]:
    """Return those of many secrets that a text holds, as a pattern for each takes long."""
    folded = text.casefold()
    return [secret for secret in secrets if secret.casefold() in folded]


def shown_text(value: object) -> str:
    """Return a text as one short line without control characters, or nothing for other values."""
    if not isinstance(value, str):
        return ""
    plain = TERMINAL_STYLE.sub("", value)
    shown = "".join(each if each.isprintable() else " " for each in plain)
    return " ".join(shown.split())[:MAX_TEXT]


def _decode(response: RawResponse, *, truncated: bool) -> str:
    """Decode a body by its first bytes, else by its declared charset, else as Windows-1252."""
    body = response.body[:MAX_BODY]
    try:
        decoder = codecs.getincrementaldecoder(encoding_of(body))()
        return decoder.decode(body, final=not truncated)
    except UnicodeError:
        declared = CHARSET.search(response.headers.get("content-type", ""))
    try:
        return body.decode(declared[1] if declared else "cp1252")
    except (LookupError, ValueError):
        return body.decode("cp1252", errors="replace")


def _load(text: str) -> object:
    """Parse JSON, or of an object or array that was cut short its complete part.

    Raises ``ValueError`` for any other text.
    """
    try:
        return json.loads(text, parse_int=parse_integer)
    except ValueError:
        start = text.lstrip()
        if not start.startswith(("{", "[")):
            raise
    decoder = json.JSONDecoder(parse_int=parse_integer)
    for candidate in (start, *complete_json(start)):
        try:
            return decoder.raw_decode(candidate)[0]
        except ValueError:
            continue
    raise ValueError


def _shape(document: object, *, truncated: bool) -> BodyShape:
    """Return the shape of a JSON document, as the API's document describes its errors."""
    error, code = (_object(document).get(name) for name in ("error", "code"))
    if isinstance(error, str) and isinstance(code, int) and not isinstance(code, bool):
        return BodyShape.API
    if all(isinstance(_object(error).get(name), str) for name in ("type", "message")):
        return BodyShape.API  # that of a 429
    return BodyShape.UNKNOWN if truncated else BodyShape.OTHER


def _members(value: object) -> Members:
    """Return the members of an object by name, in lower case and without other characters."""
    return {re.sub(r"[^a-z]", "", name.lower()): each for name, each in _object(value).items()}


def _object(value: object) -> dict[str, object]:
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def _is_list(value: object) -> bool:
    return isinstance(value, list)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(x, str) for x in cast("list[object]", value))


def _first_text(members: Members, names: tuple[str, ...]) -> str:
    return next(filter(None, (shown_text(members.get(name)) for name in names)), "")


def _join_errors(errors: object) -> str:
    """Return a list or object of errors in one line."""
    return shown_text("; ".join(_lines(errors, "", 0)))


def _lines(errors: object, place: str, depth: int) -> Iterator[str]:
    if depth > MAX_DEPTH:
        return
    if isinstance(errors, list):
        for each in cast("list[object]", errors):
            yield from _lines(each, place, depth + 1)
    elif isinstance(errors, dict):
        members = _members(cast("dict[str, object]", errors))
        text = _first_text(members, (*MESSAGES, "title")) if depth else ""
        if text:
            yield f"{place}{_place_of(members)}{text}"
            return
        for name, each in _object(cast("object", errors)).items():
            general = "".join(filter(str.isalpha, name.lower())) in GENERAL
            yield from _lines(each, place if general else f"{place}{shown_text(name)} ", depth + 1)
    elif text := shown_text(errors):
        yield place + text


def _place_of(members: Members) -> str:
    """Return the place in the request that an error object names, as words before its message."""
    for name in PLACES:
        for scope in (_object(members.get("source")), members):
            value = scope.get(name)
            if isinstance(value, list):
                value = ".".join(map(str, cast("list[object]", value)))
            if place := shown_text(value):
                return f"{place}: "
    return ""


def _whole_number(value: object) -> int | None:
    if isinstance(value, str):
        return parse_count(value)
    return value if isinstance(value, int) else None


def _seconds(value: object, now: float) -> float | None:
    if isinstance(value, str):
        return parse_retry_after(value, now)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(min(value, MAX_SECONDS)) if value >= 0 else None


def _visible_text(text: str, *, truncated: bool) -> tuple[str, str]:
    """Return the title of a page and its text; nothing for binary data and broken JSON."""
    page, title = text[:MAX_PAGE].lstrip(), ""
    if truncated or len(text) > MAX_PAGE:
        page = whole_words(page)
    if page.startswith(("{", "[")):
        return "", ""
    if page.startswith("<"):
        found = TITLE.search(page)
        title = TAG.sub(" ", found[2]) if found else ""
        page = TAG.sub(" ", COMMENT.sub(" ", SCRIPT.sub(" ", page)))
    return _readable(title), _readable(page)


def _readable(text: str) -> str:
    """Return a part of a page without entities; nothing if it is binary data."""
    plain = html.unescape(text).strip()[:MAX_STRING]
    unreadable = sum(not (each.isprintable() or each.isspace()) for each in plain)
    return "" if "\0" in plain or unreadable * 4 > len(plain) else plain
