"""The flows without I/O, on oauthlib: what to ask for, and what the answers mean."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from hmac import compare_digest
from secrets import token_urlsafe
from typing import Final, Protocol, cast
from urllib.parse import parse_qsl, urlsplit

from attrs import field, frozen
from oauthlib.oauth2 import BackendApplicationClient, WebApplicationClient

from arena_groups._api import Operation, Request, Secret, build_request
from arena_groups._api.secrets import NO_STRING
from arena_groups._http.config import is_loopback
from arena_groups.errors import (
    ArenaAPIError,
    ArenaError,
    CallbackError,
    DecodeError,
    DecodeIssue,
    OAuthError,
)
from arena_groups.oauth.models import AuthorizationCode, AuthorizationRequest, OAuthToken, Scope

__all__ = [
    "App",
    "authorization_request",
    "checked_app",
    "checked_redirect_uri",
    "checked_scopes",
    "credentials_request",
    "exchange_request",
    "read_callback",
    "read_token",
    "told_apart",
]

AUTHORIZE_PATH: Final = "/oauth/authorize"
TOKEN_ROUTE: Final = "/v3/oauth/token"  # noqa: S105 - a path
VERIFIER_LENGTH: Final = 64
SECRET_FIELDS: Final = frozenset({"client_secret", "code", "code_verifier"})
REFUSED: Final = frozenset({400, 401, 403})
ERROR_NAME: Final = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
SCOPE: Final = re.compile(r"[!#-\[\]-~]+", re.ASCII)
HINTS: Final[Mapping[str, str]] = {
    "invalid_client": "check client_id and client_secret",
    "invalid_grant": "a code is good once, for a few minutes, and for the request that it "
    "belongs to: start again with authorize_url",
    "unauthorized_client": "the app is not registered for this flow",
}

LONGEST = 16_384
MOST_PARAMETERS = 100
MAX_TEXT = 500
KNOWN = ("state", "error", "error_description", "code")


class _Preparer(Protocol):
    """As much of oauthlib's clients as is used here, with types."""

    def create_code_verifier(self, length: int) -> str: ...
    def create_code_challenge(self, code_verifier: str, code_challenge_method: str) -> str: ...
    def prepare_request_uri(self, uri: str, **parameters: object) -> str: ...
    def prepare_request_body(self, **parameters: object) -> str: ...


@frozen
class TokenAnswer:
    """A token as the API sends it."""

    access_token: str = field(repr=False)
    token_type: str
    scope: str
    created_at: int


EXCHANGE: Final = Operation(
    name="oauth.exchange_code",
    method="POST",
    route=TOKEN_ROUTE,
    returns=TokenAnswer,
    body=("grant_type", "client_id", "client_secret", "code", "redirect_uri", "code_verifier"),
    repeat_safe=False,
    sends_form=True,
    advice="a code is good once, so start again with authorize_url.",
)
CREDENTIALS: Final = Operation(
    name="oauth.client_credentials",
    method="POST",
    route=TOKEN_ROUTE,
    returns=TokenAnswer,
    body=("grant_type", "client_id", "client_secret", "scope"),
    repeat_safe=False,
    sends_form=True,
    advice="it does no harm to try again, but a token may be left over.",
)


@frozen
class App:
    """An app as it is registered with the provider; one without a secret is public."""

    client_id: str
    secret: Secret | None = None


def checked_app(client_id: str, secret: Secret | None) -> App:
    """The app, if it can be one. Raises ``ValueError`` and ``TypeError`` without its secret."""
    for name, value in (("client_id", Secret(client_id)), ("client_secret", secret)):
        problem = value.problem() if value is not None else ""
        if problem:
            raise (TypeError if problem == NO_STRING else ValueError)(f"{name} {problem}")
    return App(client_id, secret)


def checked_redirect_uri(redirect_uri: str, *, insecure_http: bool) -> str:
    """``redirect_uri`` itself, which must be absolute, and safe to send a code to."""
    if not redirect_uri.isascii() or any(not "!" <= each <= "~" for each in redirect_uri):
        raise ValueError("redirect_uri must be a URI: ASCII, without spaces")
    try:
        parts = urlsplit(redirect_uri)
        host = parts.hostname or ""
    except ValueError:
        raise ValueError("redirect_uri must be an absolute URI") from None
    if not parts.scheme or (parts.scheme in {"http", "https"} and not host):
        raise ValueError("redirect_uri must be an absolute URI")
    if "#" in redirect_uri:
        raise ValueError("redirect_uri must not hold a fragment")
    if parts.scheme == "http" and not insecure_http and not is_loopback(host):
        raise ValueError(
            "redirect_uri must be https, unless it leads to this machine: over http anybody on "
            "the way can read the code (insecure_http=True allows it)"
        )
    return redirect_uri


def checked_scopes(scopes: Iterable[Scope | str]) -> list[str]:
    """The scopes, each once. Raises ``ValueError`` for none and for what can be none."""
    given = scopes.split() if isinstance(scopes, str) else scopes
    texts = list(dict.fromkeys(str(scope) for scope in given))
    if not texts:
        raise ValueError("ask for at least one scope")
    for scope in texts:
        if SCOPE.fullmatch(scope) is None:
            raise ValueError(f"{scope!r} can be no scope")
    return texts


def authorization_request(
    app: App, authorize_base_url: str, redirect_uri: str, scopes: list[str]
) -> AuthorizationRequest:
    """A new request, with a state and a verifier of its own."""
    preparer = cast("_Preparer", WebApplicationClient(app.client_id))
    verifier = preparer.create_code_verifier(VERIFIER_LENGTH)
    state = token_urlsafe(32)
    scheme, _, rest = f"{authorize_base_url}{AUTHORIZE_PATH}".partition("://")
    # oauthlib refuses http. Where that is all right has been decided before.
    url = preparer.prepare_request_uri(
        f"https://{rest}",
        redirect_uri=redirect_uri,
        scope=scopes,
        state=state,
        code_challenge=preparer.create_code_challenge(verifier, "S256"),
        code_challenge_method="S256",
    )
    return AuthorizationRequest(scheme + url.removeprefix("https"), state, verifier, redirect_uri)


def exchange_request(
    app: App, code: AuthorizationCode, request: AuthorizationRequest
) -> Request[TokenAnswer]:
    """What turns a code into a token."""
    preparer = cast("_Preparer", WebApplicationClient(app.client_id))
    body = preparer.prepare_request_body(
        code=code.code,
        redirect_uri=request.redirect_uri,
        code_verifier=request.verifier,
        client_secret=None if app.secret is None else app.secret.reveal(),
    )
    return build_request(EXCHANGE, body=_fields(body))


def credentials_request(app: App, scopes: list[str]) -> Request[TokenAnswer]:
    """What gets the app a token of its own. Raises ``ValueError`` for one without a secret."""
    if app.secret is None:
        raise ValueError("client_credentials needs a client_secret")
    preparer = cast("_Preparer", BackendApplicationClient(app.client_id))
    body = preparer.prepare_request_body(
        scope=scopes, include_client_id=True, client_secret=app.secret.reveal()
    )
    return build_request(CREDENTIALS, body=_fields(body))


def _fields(body: str) -> dict[str, object]:
    pairs = parse_qsl(body, keep_blank_values=True)
    return {name: Secret(value) if name in SECRET_FIELDS else value for name, value in pairs}


def read_token(answer: TokenAnswer, operation: Operation[TokenAnswer]) -> OAuthToken:
    """The token in a good answer. Raises :class:`DecodeError` where it is of no use."""
    created_at = _moment(answer.created_at)
    faults = list(_faults(answer, created_at))
    if faults or created_at is None:
        error = DecodeError(operation.name, faults)
        error.outcome_unknown, error.advice = True, operation.advice
        raise error
    return OAuthToken(
        access_token=answer.access_token,
        token_type=answer.token_type,
        scopes=tuple(Scope(each) for each in answer.scope.split()),
        created_at=created_at,
    )


def _faults(answer: TokenAnswer, created_at: datetime | None) -> Iterable[DecodeIssue]:
    problem = Secret(answer.access_token).problem()
    if problem:
        yield DecodeIssue("access_token", problem)
    if answer.token_type.lower() != "bearer":
        yield DecodeIssue("token_type", "is not Bearer")
    if created_at is None:
        yield DecodeIssue("created_at", "is a time that does not exist")


def _moment(seconds: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def told_apart(error: ArenaAPIError) -> ArenaError:
    """``error`` as the :class:`OAuthError` that it is, or itself where it is none."""
    named = ERROR_NAME.fullmatch(error.error) is not None and 400 <= error.status < 500
    if error.status == 429 or not (error.status in REFUSED or named):
        return error
    refusal = OAuthError(
        error.error,
        description=error.message,
        status=error.status,
        request_id=error.request_id,
        hint=HINTS.get(error.error, ""),
    )
    refusal.attempts = error.attempts
    return refusal


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
