"""The provider side of OAuth: the consent page and the token endpoint."""

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from html import escape
from types import MappingProxyType
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import attrs

from arena_groups.sandbox.applications import Application, OAuthGrant
from arena_groups.sandbox.backend import Backend
from arena_groups.sandbox.entities import CredentialRecord, UserRecord
from arena_groups.sandbox.responses import ApiError, SandboxResponse

SCOPES: Mapping[str, str] = MappingProxyType(
    {
        "read": "See everything that you can see",
        "write": "Change everything on your behalf",
    }
)
DEFAULT_SCOPE = "read"
CODE_LIFETIME = timedelta(minutes=10)

FORM = "application/x-www-form-urlencoded"
COOKIE = "sandbox_consent"
NO_STORE: Mapping[str, str] = {"Cache-Control": "no-store", "Pragma": "no-cache"}

_DESCRIPTIONS = {
    "invalid_client": "The app is unknown, or its credentials are wrong.",
    "invalid_grant": "The code is invalid, used, expired, or belongs to another request.",
    "unauthorized_client": "The app may not use this grant type.",
    "unsupported_grant_type": "This grant type is not supported.",
}

AUTHORIZE = "/oauth/authorize"
SELECTABLE_USERS = 4  # the users behind `Sandbox.tokens`, who have the first ids
PARAMETERS = (
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
)

_COOKIE_VALUE = re.compile(r"sandbox_form_[0-9a-f]+", re.ASCII)
_CODE_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}", re.ASCII)
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" type="image/svg+xml" href="/__sandbox__/static/icon.svg">
<style>
:root {{ color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }}
body {{ max-width: 32rem; margin: 3rem auto; padding: 0 1rem; }}
label, select, button {{ font: inherit; }}
button {{ padding: .4rem 1.2rem; margin-right: .5rem; }}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
{content}
</main>
</body>
</html>
"""
_FORM = """<p>The app <strong>{app}</strong> asks for permission to:</p>
<ul>
{scopes}
</ul>
<form method="post" action="{action}">
<input type="hidden" name="form_token" value="{form_token}">
{hidden}
<p><label>You are <select name="user">
{users}
</select></label></p>
<p><button name="decision" value="allow">Allow</button>
<button name="decision" value="deny">Deny</button></p>
</form>
<p>This is a sandbox with made-up users and permissions.</p>"""


def form_fields(content_type: str, body: bytes) -> Mapping[str, str]:
    """Return the fields of a form. Raises the 400 of another format or a repeated field."""
    if content_type != FORM:
        raise oauth_error("invalid_request", f"The body must be sent as {FORM}.")
    try:
        fields = parse_parameters(body.decode())
    except ValueError:
        raise oauth_error("invalid_request", "The body is not a valid form.") from None
    if fields is None:
        raise oauth_error("invalid_request", "A parameter must not be repeated.")
    return fields


def parse_parameters(encoded: str) -> Mapping[str, str] | None:
    """Return the parameters of a query or form, or None if one is repeated.

    Raises `ValueError` if they are not valid UTF-8.
    """
    pairs = parse_qsl(encoded, keep_blank_values=True, errors="strict")
    parameters = dict(pairs)
    return parameters if len(parameters) == len(pairs) else None


def required(fields: Mapping[str, str], name: str) -> str:
    """Return a required field. Raises the 400 of a missing one."""
    if not fields.get(name):
        raise oauth_error("invalid_request", f"The parameter {name} is missing.")
    return fields[name]


def oauth_error(error: str, description: str = "") -> ApiError:
    """Return the error of the token endpoint: 401 for wrong client credentials, else 400."""
    body: dict[str, object] = {
        "error": error,
        "error_description": description or _DESCRIPTIONS[error],
    }
    return ApiError(SandboxResponse(401 if error == "invalid_client" else 400, body, NO_STORE))


class InvalidRedirectError(ValueError):
    """A request without a known app or registered redirect URI, which goes nowhere."""


class RedirectToAppError(Exception):
    """An invalid request whose error is reported to the app by a redirect."""

    def __init__(self, location: str) -> None:
        super().__init__()
        self.location = location


@attrs.frozen
class ConsentRequest:
    """A valid request of an app for a permission that the user can grant or deny."""

    app: Application
    parameters: Mapping[str, str] = attrs.field(repr=False)
    scopes: tuple[str, ...]

    def allow(self, backend: Backend, user: UserRecord) -> str:
        """Return the app's redirect URI with a new code."""
        challenge = self.parameters.get("code_challenge") or None
        code = backend.oauth.issue(
            OAuthGrant(
                client_id=self.app.client_id,
                redirect_uri=self.parameters["redirect_uri"],
                user_id=user.id,
                scopes=self.scopes,
                challenge=challenge,
                expires_at=backend.clock.now() + CODE_LIFETIME,
            )
        )
        return _redirect_uri(self.parameters, code=code)

    def deny(self) -> str:
        """Return the app's redirect URI with an error."""
        description = "The user denied the permission."
        return _redirect_uri(self.parameters, error="access_denied", error_description=description)


def parse_consent_request(backend: Backend, encoded: str) -> ConsentRequest:
    """Parse a query or form. Raises `InvalidRedirectError` or `RedirectToAppError`."""
    try:
        fields = parse_parameters(encoded)
    except ValueError:
        raise InvalidRedirectError("The parameters are not valid UTF-8.") from None
    if fields is None:
        raise InvalidRedirectError("A parameter must not be repeated, as client_id or state.")
    parameters = {name: fields[name] for name in PARAMETERS if name in fields}
    app = backend.oauth.applications.get(parameters.get("client_id", ""))
    if app is None:
        raise InvalidRedirectError("No app has this client_id.")
    if not app.allows_redirect(parameters.get("redirect_uri", "")):
        raise InvalidRedirectError("The app did not register this redirect_uri.")
    scopes = tuple(parameters.get("scope", "").split()) or (DEFAULT_SCOPE,)
    error, description = _find_error(app, parameters, scopes)
    if error:
        raise RedirectToAppError(
            _redirect_uri(parameters, error=error, error_description=description)
        )
    return ConsentRequest(app, parameters, scopes)


def show_consent(backend: Backend, query: str, cookies: Mapping[str, str]) -> SandboxResponse:
    """Return the page that asks the user for permission.

    Its form works only with the cookie of the same browser, so that another site cannot post it.
    """
    cookie = cookies.get(COOKIE, "")
    if _COOKIE_VALUE.fullmatch(cookie) is None:
        cookie = backend.oauth.random_token("form")

    def show(request: ConsentRequest) -> SandboxResponse:
        content = _form(backend, request, form_token(backend, request, cookie))
        page = _page(200, "Permission for an app", content, _form_targets(request))
        attributes = f"Path={AUTHORIZE}; HttpOnly; SameSite=Strict"
        set_cookie = {"Set-Cookie": f"{COOKIE}={cookie}; {attributes}"}
        return attrs.evolve(page, headers={**page.headers, **set_cookie})

    return _respond(backend, query, show)


def submit_consent(
    backend: Backend, content_type: str, body: bytes, cookies: Mapping[str, str]
) -> SandboxResponse:
    """Return the redirect that follows the user's decision."""
    encoded = body.decode(errors="replace")
    fields = dict(parse_qsl(encoded, keep_blank_values=True))
    user = backend.find_user(fields.get("user", ""))
    decision = fields.get("decision")
    if content_type != FORM or decision not in {"allow", "deny"} or user is None:
        return _error_page(400, "The form is incomplete.")

    def send_back(request: ConsentRequest) -> SandboxResponse:
        cookie = cookies.get(COOKIE, "")
        expected = form_token(backend, request, cookie)
        given = fields.get("form_token", "")
        if not cookie or not hmac.compare_digest(expected.encode(), given.encode()):
            return _error_page(403, "The form was not sent from this page in this browser.")
        return _redirect(request.allow(backend, user) if decision == "allow" else request.deny())

    return _respond(backend, encoded, send_back)


def form_token(backend: Backend, request: ConsentRequest, cookie: str) -> str:
    """Return the proof that a form was shown for this request in the browser with this cookie."""
    shown = urlencode({**request.parameters, COOKIE: cookie}).encode()
    return hmac.new(backend.oauth.form_key, shown, hashlib.sha256).hexdigest()


def _form_targets(request: ConsentRequest) -> str:
    """Return the sources that the form may lead to: this server, then the app's redirect URI."""
    parts = urlsplit(request.parameters["redirect_uri"])
    if parts.scheme not in {"http", "https"} or "[" in parts.netloc:
        # A policy cannot name an IPv6 address.
        return f"'self' {parts.scheme}:"
    return f"'self' {parts.scheme}://{parts.netloc}"


def _respond(
    backend: Backend, encoded: str, respond: Callable[[ConsentRequest], SandboxResponse]
) -> SandboxResponse:
    """Respond to a valid request with `respond`, and to others with their error."""
    try:
        return respond(parse_consent_request(backend, encoded))
    except InvalidRedirectError as error:
        return _error_page(400, str(error))
    except RedirectToAppError as error:
        return _redirect(error.location)


def _find_error(
    app: Application, parameters: Mapping[str, str], scopes: tuple[str, ...]
) -> tuple[str, str]:
    """Return the error code and description of an invalid request, or two empty texts."""
    challenge = parameters.get("code_challenge", "")
    if parameters.get("response_type") != "code":
        return "unsupported_response_type", "response_type must be code."
    if not SCOPES.keys() >= set(scopes):
        return "invalid_scope", f"scope must consist of {' and '.join(SCOPES)}."
    if not challenge and app.client_secret is None:
        return "invalid_request", "An app without a secret needs a code_challenge."
    if challenge and _CODE_VERIFIER.fullmatch(challenge) is None:
        return "invalid_request", "code_challenge must be 43 to 128 unreserved characters."
    method = parameters.get("code_challenge_method", "")
    if method != ("S256" if challenge else ""):
        return (
            "invalid_request",
            "code_challenge needs code_challenge_method S256, and the reverse.",
        )
    return "", ""


def _redirect_uri(parameters: Mapping[str, str], **fields: str) -> str:
    """Return the redirect URI with the fields and the state of the request."""
    parts = urlsplit(parameters["redirect_uri"])
    state = {"state": parameters["state"]} if parameters.get("state") else {}
    added = urlencode({**fields, **state})
    return urlunsplit(parts._replace(query=f"{parts.query}&{added}" if parts.query else added))


def _form(backend: Backend, request: ConsentRequest, form_token: str) -> str:
    users = list(backend.users.values())[:SELECTABLE_USERS]
    return _FORM.format(
        action=AUTHORIZE,
        form_token=form_token,
        app=escape(request.app.name),
        scopes="\n".join(f"<li>{SCOPES[scope]}</li>" for scope in request.scopes),
        hidden="\n".join(
            f'<input type="hidden" name="{name}" value="{escape(value)}">'
            for name, value in request.parameters.items()
        ),
        users="\n".join(
            f'<option value="{each.id}">{escape(each.name)}</option>' for each in users
        ),
    )


def _error_page(status: int, description: str) -> SandboxResponse:
    return _page(status, "Invalid request", f"<p>{escape(description)}</p>", "'none'")


def _page(status: int, title: str, content: str, form_targets: str) -> SandboxResponse:
    policy = {
        "default-src": "'none'",
        "img-src": "'self'",
        "style-src": "'unsafe-inline'",
        "form-action": form_targets,
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
    }
    headers = {
        **NO_STORE,
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "X-Frame-Options": "DENY",
        # Not `no-referrer`: browsers then send the form with the Origin "null", which is refused.
        "Referrer-Policy": "same-origin",
    }
    return SandboxResponse(status, headers=headers, page=_PAGE.format(title=title, content=content))


def _redirect(location: str) -> SandboxResponse:
    # 303, so that a browser does not post the form to the app as well.
    return SandboxResponse(303, headers={**NO_STORE, "Location": location})


def create_token(backend: Backend, content_type: str, body: bytes) -> SandboxResponse:
    """Exchange a code, or the app's own credentials, for a token."""
    fields = form_fields(content_type, body)
    grant_type = required(fields, "grant_type")
    if grant_type == "authorization_code":
        return _exchange(backend, _authenticate(backend, fields), fields)
    if grant_type == "client_credentials":
        return _client_credentials(backend, _authenticate(backend, fields), fields)
    raise oauth_error("unsupported_grant_type")


def challenge_of(verifier: str) -> str:
    """Return the S256 code challenge of a verifier."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return urlsafe_b64encode(digest).decode().rstrip("=")


def _authenticate(backend: Backend, fields: Mapping[str, str]) -> Application:
    app = backend.oauth.applications.get(fields.get("client_id", ""))
    secret = fields.get("client_secret", "")
    if app is None or not hmac.compare_digest((app.client_secret or "").encode(), secret.encode()):
        raise oauth_error("invalid_client")
    return app


def _exchange(backend: Backend, app: Application, fields: Mapping[str, str]) -> SandboxResponse:
    code, redirect_uri = required(fields, "code"), required(fields, "redirect_uri")
    grant = backend.oauth.find(code)
    if grant is None or (grant.client_id, grant.redirect_uri) != (app.client_id, redirect_uri):
        raise oauth_error("invalid_grant")
    if grant.token is not None:
        # Two parties have the code, and the token may be with the wrong one.
        backend.credentials.pop(grant.token, None)
        raise oauth_error("invalid_grant")
    if backend.clock.now() >= grant.expires_at:
        raise oauth_error("invalid_grant")
    _verify(grant, fields)
    token = _new_token(backend, grant.user_id, grant.scopes)
    backend.oauth.mark_used(code, token)
    return _token_response(backend, token, grant.scopes)


def _verify(grant: OAuthGrant, fields: Mapping[str, str]) -> None:
    if grant.challenge is None:
        if "code_verifier" in fields:
            raise oauth_error("invalid_grant", "The request for this code had no code_challenge.")
        return
    verifier = required(fields, "code_verifier")
    if _CODE_VERIFIER.fullmatch(verifier) is None:
        raise oauth_error(
            "invalid_request", "code_verifier must be 43 to 128 unreserved characters."
        )
    if not hmac.compare_digest(challenge_of(verifier), grant.challenge):
        raise oauth_error("invalid_grant")


def _client_credentials(
    backend: Backend, app: Application, fields: Mapping[str, str]
) -> SandboxResponse:
    if app.client_secret is None:
        raise oauth_error("unauthorized_client")
    scopes = tuple(fields.get("scope", DEFAULT_SCOPE).split())
    if not scopes or not SCOPES.keys() >= set(scopes):
        raise oauth_error("invalid_request", f"scope must consist of {' and '.join(SCOPES)}.")
    return _token_response(backend, _new_token(backend, app.owner, scopes), scopes)


def _new_token(backend: Backend, user_id: int, scopes: Sequence[str]) -> str:
    token = backend.oauth.random_token("oauth")
    backend.credentials[token] = CredentialRecord(user_id, write="write" in scopes)
    return token


def _token_response(backend: Backend, token: str, scopes: Sequence[str]) -> SandboxResponse:
    body: dict[str, object] = {
        "access_token": token,
        "token_type": "Bearer",
        "scope": " ".join(scopes),
        "created_at": int(backend.clock.timestamp()),
    }
    return SandboxResponse(200, body, NO_STORE)
