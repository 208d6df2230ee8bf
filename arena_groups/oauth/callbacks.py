"""What a visit to the redirect URI brings: a code, or why there is none. Never raises."""

from collections.abc import Iterable, Mapping
from hmac import compare_digest
from typing import cast
from urllib.parse import parse_qsl

from attrs import frozen

from arena_groups._api import Secret
from arena_groups.errors import CallbackError
from arena_groups.oauth.models import AuthorizationCode, AuthorizationRequest

__all__ = ["read_callback"]

LONGEST = 16_384
MOST_PARAMETERS = 100
MAX_TEXT = 500
KNOWN = ("state", "error", "error_description", "code")


@frozen
class _Parameters:
    """The parameters that matter, each at most once. They do not show."""

    values: Mapping[str, Secret]

    def get(self, name: str) -> str:
        secret = self.values.get(name)
        return secret.reveal() if secret else ""


def read_callback(
    visited: str | Mapping[str, str], request: AuthorizationRequest
) -> AuthorizationCode | CallbackError:
    """The code that a visit to the redirect URI brings, or why it brings none."""
    parameters = _parse(visited)
    if parameters is None:
        return CallbackError(
            "malformed_callback", description="this is no visit that the provider sends people on"
        )
    if not _same(parameters.get("state"), request.state):
        return CallbackError(
            "state_mismatch",
            description="the visit does not belong to this authorization request",
            hint="start again with authorize_url",
        )
    if parameters.get("error"):
        return _refusal(parameters, request)
    if Secret(parameters.get("code")).problem():
        return CallbackError("missing_code", description="the visit brings no code")
    return AuthorizationCode(parameters.get("code"))


def _refusal(parameters: _Parameters, request: AuthorizationRequest) -> CallbackError:
    secrets = (request.state, request.verifier, parameters.get("code"))
    return CallbackError(
        _plain(parameters.get("error"), secrets),
        description=_plain(parameters.get("error_description"), secrets),
    )


def _same(given: str, expected: str) -> bool:
    """Compared in constant time; nothing is the same as an empty state."""
    pair = [each.encode(errors="surrogatepass") for each in (given, expected)]
    return compare_digest(*pair) and bool(expected)


def _parse(visited: object) -> _Parameters | None:
    pairs = _pairs(visited)
    if pairs is None:
        return None
    found: dict[str, Secret] = {}
    for name, value in pairs:
        if name not in KNOWN:
            continue
        if not isinstance(value, str) or name in found:  # the standard allows each once
            return None
        found[name] = Secret(value)
    return _Parameters(found)


def _pairs(visited: object) -> Iterable[tuple[object, object]] | None:
    """All parameters, those given twice too."""
    if isinstance(visited, str):
        return _pairs_of_text(visited)
    if not isinstance(visited, Mapping):
        return None
    try:
        return list(cast("Mapping[object, object]", visited).items())
    except Exception:  # noqa: BLE001 - whatever a framework's mapping may do
        return None


def _pairs_of_text(visited: str) -> Iterable[tuple[object, object]] | None:
    if len(visited) > LONGEST:
        return None
    before, mark, after = visited.partition("#")[0].partition("?")
    query = after if mark else before
    try:
        return parse_qsl(query, keep_blank_values=True, max_num_fields=MOST_PARAMETERS)
    except ValueError:
        return None


def _plain(text: str, secrets: Iterable[str]) -> str:
    """``text`` in one line, without control characters and secrets, and not too long."""
    for secret in filter(None, secrets):
        text = text.replace(secret, "[secret]")
    shown = "".join(each if each.isprintable() else " " for each in text)
    return " ".join(shown.split())[:MAX_TEXT].encode(errors="replace").decode()
