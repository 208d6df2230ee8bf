"""The server's explanation in the body of an error response, without secrets."""

import json
import re
from typing import cast

from attrs import frozen

__all__ = ["ErrorBody", "redacted", "shown_text"]

EMAIL = re.compile(r"[^\s@<>\"'(),;:]{1,64}@[^\s@<>\"'(),;:]+")
INVITE_URL = re.compile(r"(/invite/)[^\s/?#\"'<>(),;]+", re.IGNORECASE)
MAX_TEXT = 500
MAX_STRING = 4000
MAX_SECONDS = 1e9


@frozen(kw_only=True)
class ErrorBody:
    """The explanation in an error's body, in any of the API's three shapes, without secrets."""

    error: str = ""
    message: str = ""
    details: object = None
    retry_after: float | None = None

    @classmethod
    def parse(cls, body: bytes, secrets: tuple[str, ...]) -> "ErrorBody":
        document = _object(_safe_document(body, secrets))
        error, details = document.get("error"), document.get("details")
        if _object(error):
            return cls._from_object(_object(error))
        message = shown_text(_object(details).get("message") or document.get("error_description"))
        return cls(
            error=shown_text(error),
            message=message or _join_validation_errors(details),
            details=details,
        )

    @classmethod
    def _from_object(cls, error: dict[str, object]) -> "ErrorBody":
        return cls(
            error=shown_text(error.get("type")),
            message=shown_text(error.get("message")),
            details=error,
            retry_after=_seconds(error.get("retry_after")),
        )


def _join_validation_errors(details: object) -> str:
    """Return the validation errors in one line, for a body without a summary of them."""
    errors = _object(details).get("errors")
    fields = [(f"{name} ", value) for name, value in _object(errors).items()] or [("", errors)]
    lines = [
        name + text
        for name, value in fields
        for each in (cast("list[object]", value) if isinstance(value, list) else [value])
        if (text := shown_text(each))
    ]
    return shown_text("; ".join(lines))


def _seconds(value: object) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if 0 <= value <= MAX_SECONDS else None


def _safe_document(body: bytes, secrets: tuple[str, ...]) -> object:
    try:
        return redacted(json.loads(body.decode()), secrets)
    except (ValueError, RecursionError):
        return None


def _object(value: object) -> dict[str, object]:
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def redacted(value: object, secrets: tuple[str, ...]) -> object:
    if isinstance(value, str):
        value = value[:MAX_STRING]
        for secret in secrets:
            value = re.sub(re.escape(secret), "[secret]", value, flags=re.IGNORECASE)
        return INVITE_URL.sub(r"\1[secret]", EMAIL.sub("[email]", value))
    if isinstance(value, list):
        return [redacted(item, secrets) for item in cast("list[object]", value)]
    if isinstance(value, dict):
        items = cast("dict[str, object]", value).items()
        return {str(redacted(k, secrets)): redacted(v, secrets) for k, v in items}
    return value


def shown_text(value: object) -> str:
    if not isinstance(value, str):
        return ""
    return " ".join(value.split())[:MAX_TEXT].encode(errors="replace").decode()
