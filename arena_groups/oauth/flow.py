"""OAuth flows without I/O, on top of oauthlib: requests, callbacks and token responses."""

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
from arena_groups._arguments import check_instance, check_iterable
from arena_groups._http.network import is_loopback
from arena_groups._types import hidden
from arena_groups.errors import (
    ArenaAPIError,
    ArenaError,
    BlockedError,
    CallbackError,
    DecodeError,
    DecodeIssue,
    OAuthError,
)
from arena_groups.oauth.models import AuthorizationCode, AuthorizationRequest, OAuthToken, Scope

__all__ = [
    "App",
    "TokenResponse",
    "as_oauth_error",
    "authorization_request",
    "checked_app",
    "checked_redirect_uri",
    "checked_scopes",
    "credentials_request",
    "exchange_request",
    "extra_scopes",
    "origin",
    "read_callback",
    "read_token",
    "requested_scopes",
]

AUTHORIZE_PATH: Final = "/oauth/authorize"
TOKEN_ROUTE: Final = "/v3/oauth/token"  # noqa: S105 - a path
VERIFIER_LENGTH: Final = 64
SECRET_FIELDS: Final = frozenset({"client_secret", "code", "code_verifier"})
REFUSAL_STATUSES: Final = frozenset({400, 401, 403})
ERROR_NAME: Final = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
SCOPE: Final = re.compile(r"[!#-\[\]-~]+", re.ASCII)
HINTS: Final[Mapping[str, str]] = {
    "invalid_client": "check client_id and client_secret",
    "invalid_grant": "a code is valid once, for a few minutes, and for its own request only: "
    "start again with authorize_url",
    "unauthorized_client": "the app is not registered for this flow",
}
MAX_CALLBACK_LENGTH: Final = 16_384
MAX_PARAMETERS: Final = 100
MAX_TEXT_LENGTH: Final = 500
CALLBACK_PARAMETERS: Final = ("state", "iss", "error", "error_description", "code")
MULTIPLE: Final = ("getlist", "getall", "get_list")  # of the mappings of web frameworks


class _OAuthlibClient(Protocol):
    """Typed subset of oauthlib's clients, which have no types of their own."""

    def create_code_verifier(self, length: int) -> str: ...
    def create_code_challenge(self, code_verifier: str, code_challenge_method: str) -> str: ...
    def prepare_request_uri(self, uri: str, **parameters: object) -> str: ...
    def prepare_request_body(self, **parameters: object) -> str: ...


@frozen
class TokenResponse:
    """Response of the token endpoint."""

    access_token: str = field(repr=hidden)
    token_type: str
    scope: str
    created_at: int
    error: str | None = None


EXCHANGE: Final = Operation(
    name="oauth.exchange_code",
    method="POST",
    route=TOKEN_ROUTE,
    result=lambda: TokenResponse,
    body=("grant_type", "client_id", "client_secret", "code", "redirect_uri", "code_verifier"),
    idempotent=False,
    form_encoded=True,
    advice="a code is valid once, so start again with authorize_url.",
)
CREDENTIALS: Final = Operation(
    name="oauth.client_credentials",
    method="POST",
    route=TOKEN_ROUTE,
    result=lambda: TokenResponse,
    body=("grant_type", "client_id", "client_secret", "scope"),
    idempotent=False,
    form_encoded=True,
    advice="repeating the call is safe, but may leave an unused token.",
)


@frozen
class App:
    """App as registered with the provider. An app without a secret is public."""

    client_id: str
    secret: Secret | None = None


def checked_app(client_id: str, secret: Secret | None) -> App:
    """Return the app, or raise ``ValueError`` or ``TypeError`` without showing the secret."""
    for name, value in (("client_id", Secret(client_id)), ("client_secret", secret)):
        problem = value.validation_error() if value is not None else ""
        if problem:
            raise (TypeError if problem == NO_STRING else ValueError)(f"{name} {problem}")
    return App(client_id, secret)


def checked_redirect_uri(redirect_uri: str, *, insecure_http: bool) -> str:
    """Return ``redirect_uri``, or raise ``ValueError`` if it is not absolute or not safe."""
    check_instance(redirect_uri, "redirect_uri", str)
    if not redirect_uri.isascii() or any(not "!" <= each <= "~" for each in redirect_uri):
        raise ValueError("redirect_uri must be a URI: ASCII, without spaces")
    try:
        parts = urlsplit(redirect_uri)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("redirect_uri must be an absolute URI") from None
    if port == 0 or parts.netloc.endswith(":"):
        raise ValueError("redirect_uri must not have an empty port or port 0")
    if not parts.scheme or (parts.scheme in {"http", "https"} and not host):
        raise ValueError("redirect_uri must be an absolute URI")
    if "\\" in redirect_uri or "@" in parts.netloc:
        raise ValueError("redirect_uri must not have a backslash or a user name")
    if "#" in redirect_uri:
        raise ValueError("redirect_uri must not have a fragment")
    if parts.scheme == "http" and not insecure_http and not is_loopback(host):
        raise ValueError(
            "redirect_uri must be https, except for a loopback address: over http, others can "
            "read the code on its way (insecure_http=True allows it)"
        )
    return redirect_uri


def checked_scopes(scopes: Iterable[Scope | str]) -> list[str]:
    """Return the scopes, each once, or raise ``ValueError`` if there are none or bad ones."""
    given = scopes.split() if isinstance(scopes, str) else scopes
    check_iterable(given, "scopes", "scopes")
    texts = list(dict.fromkeys(str(scope) for scope in given))
    if not texts:
        raise ValueError("scopes is empty: request at least one scope")
    for scope in texts:
        if SCOPE.fullmatch(scope) is None:
            raise ValueError(f"invalid scope {scope!r}: use for example 'read'")
    return texts


def authorization_request(
    app: App, authorize_base_url: str, redirect_uri: str, scopes: list[str]
) -> AuthorizationRequest:
    """Return a new request, with its own state and code verifier."""
    oauthlib_client = cast("_OAuthlibClient", WebApplicationClient(app.client_id))
    verifier = oauthlib_client.create_code_verifier(VERIFIER_LENGTH)
    state = token_urlsafe(32)
    scheme, _, rest = f"{authorize_base_url}{AUTHORIZE_PATH}".partition("://")
    # oauthlib accepts https only; the client has checked already where http is allowed.
    url = oauthlib_client.prepare_request_uri(
        f"https://{rest}",
        redirect_uri=redirect_uri,
        scope=scopes,
        state=state,
        code_challenge=oauthlib_client.create_code_challenge(verifier, "S256"),
        code_challenge_method="S256",
    )
    return AuthorizationRequest(scheme + url.removeprefix("https"), state, verifier, redirect_uri)


def exchange_request(
    app: App, code: AuthorizationCode, request: AuthorizationRequest
) -> Request[TokenResponse]:
    """Return the request that exchanges a code for a token."""
    oauthlib_client = cast("_OAuthlibClient", WebApplicationClient(app.client_id))
    body = oauthlib_client.prepare_request_body(
        code=code.code,
        redirect_uri=request.redirect_uri,
        code_verifier=request.verifier,
        client_secret=None if app.secret is None else app.secret.reveal(),
    )
    return build_request(EXCHANGE, body=_form_fields(body))


def credentials_request(app: App, scopes: list[str]) -> Request[TokenResponse]:
    """Return the request for a token of the app itself; ``ValueError`` without a secret."""
    if app.secret is None:
        raise ValueError("client_credentials needs a client_secret")
    oauthlib_client = cast("_OAuthlibClient", BackendApplicationClient(app.client_id))
    body = oauthlib_client.prepare_request_body(
        scope=scopes, include_client_id=True, client_secret=app.secret.reveal()
    )
    return build_request(CREDENTIALS, body=_form_fields(body))


def _form_fields(body: str) -> dict[str, object]:
    pairs = parse_qsl(body, keep_blank_values=True)
    return {name: Secret(value) if name in SECRET_FIELDS else value for name, value in pairs}


def read_token(response: TokenResponse, operation: Operation[TokenResponse]) -> OAuthToken:
    """Return the token of a response, or raise :class:`DecodeError` if it is not usable."""
    created_at = _parse_timestamp(response.created_at)
    issues = list(_token_issues(response, created_at))
    if issues or created_at is None:
        error = DecodeError(operation.name, issues)
        error.outcome_unknown, error.advice = True, operation.advice
        raise error
    return OAuthToken(
        access_token=response.access_token,
        token_type=response.token_type,
        scopes=tuple(map(Scope, _scopes(response.scope))),
        created_at=created_at,
    )


def _token_issues(response: TokenResponse, created_at: datetime | None) -> Iterable[DecodeIssue]:
    problem = Secret(response.access_token).validation_error()
    if problem:
        yield DecodeIssue("access_token", problem)
    if response.token_type.lower() != "bearer":
        yield DecodeIssue("token_type", "is not Bearer")
    if not all(SCOPE.fullmatch(each) for each in _scopes(response.scope)):
        yield DecodeIssue("scope", "holds a character that no scope has")
    if created_at is None:
        yield DecodeIssue("created_at", "is a time that does not exist")
    if response.error is not None:
        yield DecodeIssue("error", "is there beside a token")


def _scopes(text: str) -> list[str]:
    return [scope for scope in text.split(" ") if scope]


def extra_scopes(requested: Iterable[str], token: OAuthToken) -> list[str]:
    """Return the scopes of a token beyond the requested ones. ``write`` includes ``read``."""
    allowed = set(requested)
    if Scope.WRITE in allowed:
        allowed.add(Scope.READ)
    return [str(scope) for scope in token.scopes if scope not in allowed]


def requested_scopes(request: AuthorizationRequest) -> list[str]:
    """Return the scopes in the URL of a request."""
    pairs = parse_qsl(request.url.partition("?")[2])
    return [scope for name, value in pairs if name == "scope" for scope in value.split()]


def origin(url: str) -> str:
    """Return scheme, host and port of a URL, which identify the provider (RFC 9207)."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _parse_timestamp(seconds: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def as_oauth_error(error: ArenaAPIError) -> ArenaError:
    """Return an :class:`OAuthError` if ``error`` is a refusal by the provider, else ``error``."""
    if isinstance(error, BlockedError):
        return error
    named = ERROR_NAME.fullmatch(error.error) is not None and 400 <= error.status < 500
    if error.status == 429 or not (error.status in REFUSAL_STATUSES or named):
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
class _CallbackParameters:
    """Known parameters of a callback, each at most once, kept out of tracebacks."""

    values: Mapping[str, Secret]

    def get(self, name: str) -> str:
        secret = self.values.get(name)
        return secret.reveal() if secret else ""


def read_callback(
    callback: str | Mapping[str, str], request: AuthorizationRequest, issuer: str
) -> AuthorizationCode | CallbackError:
    """Return the code of a callback, or an error that says why there is none. Never raise."""
    parameters = _parse(callback)
    if parameters is None:
        return CallbackError(
            "malformed_callback", description="this is not a redirect of the provider"
        )
    if not _is_same_state(parameters.get("state"), request.state):
        return CallbackError(
            "state_mismatch",
            description="the callback does not belong to this authorization request",
            hint="start again with authorize_url",
        )
    if "iss" in parameters.values and parameters.get("iss") != issuer:
        return CallbackError(
            "issuer_mismatch",
            description="the callback names another provider",
            hint="check authorize_base_url, and pass issuer= if the provider's differs from it",
        )
    if parameters.get("error"):
        return _callback_error(parameters, request)
    if Secret(parameters.get("code")).validation_error():
        return CallbackError("missing_code", description="the callback has no code")
    return AuthorizationCode(parameters.get("code"))


def _callback_error(
    parameters: _CallbackParameters, request: AuthorizationRequest
) -> CallbackError:
    secrets = (request.state, request.verifier, parameters.get("code"))
    return CallbackError(
        _sanitize(parameters.get("error"), secrets),
        description=_sanitize(parameters.get("error_description"), secrets),
    )


def _is_same_state(given: str, expected: str) -> bool:
    """Compare in constant time. An empty state matches nothing."""
    pair = [each.encode(errors="surrogatepass") for each in (given, expected)]
    return compare_digest(*pair) and bool(expected)


def _parse(callback: object) -> _CallbackParameters | None:
    pairs = _parameter_pairs(callback)
    if pairs is None:
        return None
    found: dict[str, Secret] = {}
    for name, value in pairs:
        if name not in CALLBACK_PARAMETERS:
            continue
        if not isinstance(value, str) or name in found:  # the standard allows each once
            return None
        found[name] = Secret(value)
    return _CallbackParameters(found)


def _parameter_pairs(callback: object) -> Iterable[tuple[object, object]] | None:
    """Return all parameters, repeated ones included, or ``None`` if malformed."""
    if isinstance(callback, str):
        return _parse_query(callback)
    if not isinstance(callback, Mapping):
        return None
    parameters = cast("Mapping[object, object]", callback)
    try:
        for method in MULTIPLE:
            if get_all := getattr(parameters, method, None):
                names = [name for name in CALLBACK_PARAMETERS if name in parameters]
                return [(name, value) for name in names for value in get_all(name)]
        return list(parameters.items())
    except Exception:  # noqa: BLE001 - a framework's mapping may raise anything
        return None


def _parse_query(callback: str) -> Iterable[tuple[object, object]] | None:
    if len(callback) > MAX_CALLBACK_LENGTH:
        return None
    before, mark, after = callback.partition("#")[0].partition("?")
    query = after if mark else before
    try:
        return parse_qsl(query, keep_blank_values=True, max_num_fields=MAX_PARAMETERS)
    except ValueError:
        return None


def _sanitize(text: str, secrets: Iterable[str]) -> str:
    """Return ``text`` as one short line, without control characters and secrets."""
    for secret in filter(None, secrets):
        text = text.replace(secret, "[secret]")
    shown = "".join(each if each.isprintable() else " " for each in text)
    return " ".join(shown.split())[:MAX_TEXT_LENGTH].encode(errors="replace").decode()
