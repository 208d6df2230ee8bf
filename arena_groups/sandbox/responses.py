"""Answers as HTTP: bodies in bytes, and every header that goes with them."""

import hashlib
import json
import re
import uuid

import attrs

from arena_groups.sandbox.answers import Answer
from arena_groups.sandbox.delivery import Message
from arena_groups.sandbox.quota import Standing

JSON_TYPE = "application/json; charset=utf-8"
HTML_TYPE = "text/html; charset=utf-8"
TOO_MANY = 429

_TAG = re.compile(r'"([^"]*)"')


@attrs.frozen
class Envelope:
    """What the headers of an answer depend on, besides the answer."""

    standing: Standing
    method: str = "GET"
    if_none_match: str = ""
    signed_in: bool = False
    request_id: str = attrs.field(factory=lambda: str(uuid.uuid4()))


def to_message(answer: Answer, envelope: Envelope) -> Message:
    """The HTTP answer; a 304 when the reader has this very body already."""
    headers = {
        "Cache-Control": _cache_control(answer, envelope),
        "X-Request-Id": envelope.request_id,
    }
    if answer.page is not None:
        headers |= {"Content-Type": HTML_TYPE, **answer.headers}
        return Message(answer.status, headers, answer.page.encode())
    if answer.body is None:
        return Message(answer.status, {**headers, **answer.headers})
    content = json.dumps(answer.body, ensure_ascii=False, separators=(",", ":")).encode()
    if answer.status < 400:
        headers["ETag"] = _weak_etag(content)
        if envelope.method in {"GET", "HEAD"} and _matches(envelope.if_none_match, content):
            return Message(304, headers | _quota_headers(envelope.standing))
    quota = _quota_headers(envelope.standing, refused=answer.status == TOO_MANY)
    headers |= {"Content-Type": JSON_TYPE, **quota, **answer.headers}
    return Message(answer.status, headers, content)


def _cache_control(answer: Answer, envelope: Envelope) -> str:
    if answer.status >= 400:
        return "no-cache"
    return "private, no-cache" if envelope.signed_in else "max-age=300, public"


def _quota_headers(standing: Standing, *, refused: bool = False) -> dict[str, str]:
    return {
        "X-RateLimit-Limit": str(standing.enforced if refused else standing.limit),
        "X-RateLimit-Tier": standing.tier,
        "X-RateLimit-Window": str(standing.window),
        "X-RateLimit-Reset": str(standing.reset),
    }


def _fingerprint(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


def _weak_etag(content: bytes) -> str:
    return f'W/"{_fingerprint(content)}"'


def _matches(if_none_match: str, content: bytes) -> bool:
    """Weak comparison: only what stands between the quotation marks counts."""
    return if_none_match.strip() == "*" or _fingerprint(content) in _TAG.findall(if_none_match)
