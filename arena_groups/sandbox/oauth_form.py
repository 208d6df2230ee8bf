"""What apps and people send to the provider, read; and how it says no."""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from arena_groups.sandbox.answers import Answer
from arena_groups.sandbox.refusals import RefusedError

FORM = "application/x-www-form-urlencoded"
NO_STORE: Mapping[str, str] = {"Cache-Control": "no-store", "Pragma": "no-cache"}

_DESCRIPTIONS = {
    "invalid_client": "The app is not known here, or its credentials are wrong.",
    "invalid_grant": "The code is wrong, was used, has expired or belongs to another request.",
    "unauthorized_client": "The app may not get a token in this way.",
    "unsupported_grant_type": "Tokens are not granted in this way.",
}


def form_fields(content_type: str, body: bytes) -> Mapping[str, str]:
    """The fields of a form. Raises the 400 of what is none, or has a field twice."""
    if content_type != FORM:
        raise refused("invalid_request", f"The body must be sent as {FORM}.")
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict")
    except ValueError:
        raise refused("invalid_request", "The body is no form.") from None
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise refused("invalid_request", "No parameter may be given twice.")
    return fields


def required(fields: Mapping[str, str], name: str) -> str:
    """A field that must be there. Raises the 400 if it is not."""
    if not fields.get(name):
        raise refused("invalid_request", f"The parameter {name} is missing.")
    return fields[name]


def refused(error: str, description: str = "") -> RefusedError:
    """The refusal of the token endpoint: a 401 for apps that are not who they say they are."""
    body: dict[str, object] = {
        "error": error,
        "error_description": description or _DESCRIPTIONS[error],
    }
    return RefusedError(Answer(401 if error == "invalid_client" else 400, body, NO_STORE))
