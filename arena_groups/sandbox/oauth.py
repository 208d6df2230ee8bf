"""The provider side of OAuth: the consent page and the token endpoint."""

import hashlib
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from hmac import compare_digest
from html import escape
from types import MappingProxyType
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import attrs

from arena_groups.sandbox.backend import World
from arena_groups.sandbox.entities import Application, Credential, Grant, Person
from arena_groups.sandbox.responses import Answer, RefusedError

SCOPES: Mapping[str, str] = MappingProxyType(
    {
        "read": "See everything that you can see",
        "write": "See and change everything in your name",
    }
)
DEFAULT_SCOPE = "read"
CODE_LIFETIME = timedelta(minutes=10)


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


AUTHORIZE = "/oauth/authorize"
PEOPLE_TO_KNOW = 4  # those whom the sandbox has tokens of, who came first
ASKED = (
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
)

_CHALLENGE = re.compile(r"[A-Za-z0-9._~-]{43,128}", re.ASCII)
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
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
{hidden}
<p><label>You are <select name="user">
{people}
</select></label></p>
<p><button name="decision" value="allow">Allow</button>
<button name="decision" value="deny">Deny</button></p>
</form>
<p>This is a sandbox: people and permissions are made up.</p>"""


class NoWayBackError(ValueError):
    """A request that names no app, or no place of its own to go back to: the person stays here."""


class SentBackError(Exception):
    """A request that goes back to the app without the person being asked."""

    def __init__(self, location: str) -> None:
        super().__init__()
        self.location = location


@attrs.frozen
class Consent:
    """A request that a person can say yes or no to."""

    app: Application
    asked: Mapping[str, str] = attrs.field(repr=False)
    scopes: tuple[str, ...]

    def allowed(self, world: World, person: Person) -> str:
        """Where the person is sent with a new code."""
        challenge = self.asked.get("code_challenge") or None
        code = world.oauth.issue(
            Grant(
                client_id=self.app.client_id,
                redirect_uri=self.asked["redirect_uri"],
                user_id=person.id,
                scopes=self.scopes,
                challenge=challenge,
                method=self.asked.get("code_challenge_method") or "plain",
                expires_at=world.clock.now() + CODE_LIFETIME,
            )
        )
        return _back(self.asked, code=code)

    def denied(self) -> str:
        """Where the person is sent without one."""
        told = "The person did not give the permission."
        return _back(self.asked, error="access_denied", error_description=told)


def consent(world: World, parameters: Mapping[str, str]) -> Consent:
    """What is asked for. Raises `NoWayBackError` and `SentBackError` for what cannot be."""
    asked = {name: parameters[name] for name in ASKED if name in parameters}
    app = world.oauth.applications.get(asked.get("client_id", ""))
    if app is None:
        raise NoWayBackError("There is no app with this client_id.")
    if not app.leads_to(asked.get("redirect_uri", "")):
        raise NoWayBackError("The app did not register this redirect_uri.")
    scopes = tuple(asked.get("scope", "").split()) or (DEFAULT_SCOPE,)
    error, told = _problem(app, asked, scopes)
    if error:
        raise SentBackError(_back(asked, error=error, error_description=told))
    return Consent(app, asked, scopes)


def ask(world: World, query: Mapping[str, str]) -> Answer:
    """The page that asks."""

    def show(asked: Consent) -> Answer:
        return _page(200, "Permission for an app", _form(world, asked))

    return _answer(world, query, show)


def decide(world: World, content_type: str, body: bytes) -> Answer:
    """What the person said."""
    fields = dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
    person = world.find_person(fields.get("user", ""))
    decision = fields.get("decision")
    if content_type != FORM or decision not in {"allow", "deny"} or person is None:
        return _refusal("The form is not complete.")

    def send_back(asked: Consent) -> Answer:
        return _redirect(asked.allowed(world, person) if decision == "allow" else asked.denied())

    return _answer(world, fields, send_back)


def _answer(
    world: World, parameters: Mapping[str, str], answer: Callable[[Consent], Answer]
) -> Answer:
    """The answer to a request that a person can say yes or no to, or why it is none."""
    try:
        return answer(consent(world, parameters))
    except NoWayBackError as error:
        return _refusal(str(error))
    except SentBackError as error:
        return _redirect(error.location)


def _problem(
    app: Application, asked: Mapping[str, str], scopes: tuple[str, ...]
) -> tuple[str, str]:
    """What is wrong with a request, and in words; or nothing."""
    challenge = asked.get("code_challenge", "")
    if asked.get("response_type") != "code":
        return "unsupported_response_type", "response_type must be code."
    if not SCOPES.keys() >= set(scopes):
        return "invalid_scope", f"scope must be of {' and '.join(SCOPES)}."
    if not challenge and app.client_secret is None:
        return "invalid_request", "An app without a secret needs a code_challenge."
    if challenge and _CHALLENGE.fullmatch(challenge) is None:
        return "invalid_request", "code_challenge must be 43 to 128 unreserved characters."
    if (asked.get("code_challenge_method") or "plain") not in {"plain", "S256"}:
        return "invalid_request", "code_challenge_method must be S256 or plain."
    return "", ""


def _back(asked: Mapping[str, str], **told: str) -> str:
    """The redirect URI with what the app is told."""
    parts = urlsplit(asked["redirect_uri"])
    state = {"state": asked["state"]} if asked.get("state") else {}
    added = urlencode({**told, **state})
    return urlunsplit(parts._replace(query=f"{parts.query}&{added}" if parts.query else added))


def _form(world: World, asked: Consent) -> str:
    people = list(world.people.values())[:PEOPLE_TO_KNOW]
    return _FORM.format(
        action=AUTHORIZE,
        app=escape(asked.app.name),
        scopes="\n".join(f"<li>{SCOPES[scope]}</li>" for scope in asked.scopes),
        hidden="\n".join(
            f'<input type="hidden" name="{name}" value="{escape(value)}">'
            for name, value in asked.asked.items()
        ),
        people="\n".join(
            f'<option value="{each.id}">{escape(each.name)}</option>' for each in people
        ),
    )


def _refusal(told: str) -> Answer:
    return _page(400, "This cannot be", f"<p>{escape(told)}</p>")


def _page(status: int, title: str, content: str) -> Answer:
    headers = {
        **NO_STORE,
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
    }
    return Answer(status, headers=headers, page=_PAGE.format(title=title, content=content))


def _redirect(location: str) -> Answer:
    return Answer(302, headers={**NO_STORE, "Location": location})


_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}", re.ASCII)


def create_token(world: World, content_type: str, body: bytes) -> Answer:
    """Exchanges a code, or the app's own credentials, for a token."""
    fields = form_fields(content_type, body)
    grant_type = required(fields, "grant_type")
    if grant_type == "authorization_code":
        return _exchange(world, _authenticate(world, fields), fields)
    if grant_type == "client_credentials":
        return _of_its_own(world, _authenticate(world, fields), fields)
    raise refused("unsupported_grant_type")


def challenge_of(verifier: str, method: str) -> str:
    """The challenge that a verifier answers to."""
    if method == "plain":
        return verifier
    digest = hashlib.sha256(verifier.encode()).digest()
    return urlsafe_b64encode(digest).decode().rstrip("=")


def _authenticate(world: World, fields: Mapping[str, str]) -> Application:
    app = world.oauth.applications.get(fields.get("client_id", ""))
    secret = fields.get("client_secret", "")
    if app is None or not compare_digest((app.client_secret or "").encode(), secret.encode()):
        raise refused("invalid_client")
    return app


def _exchange(world: World, app: Application, fields: Mapping[str, str]) -> Answer:
    code, redirect_uri = required(fields, "code"), required(fields, "redirect_uri")
    grant = world.oauth.find(code, world.clock.now())
    if grant is None or (grant.client_id, grant.redirect_uri) != (app.client_id, redirect_uri):
        raise refused("invalid_grant")
    _verify(grant, fields)
    world.oauth.use_up(code)
    return _grant(world, grant.user_id, grant.scopes)


def _verify(grant: Grant, fields: Mapping[str, str]) -> None:
    if grant.challenge is None:
        return
    verifier = required(fields, "code_verifier")
    if _VERIFIER.fullmatch(verifier) is None:
        raise refused("invalid_request", "code_verifier must be 43 to 128 unreserved characters.")
    if not compare_digest(challenge_of(verifier, grant.method), grant.challenge):
        raise refused("invalid_grant")


def _of_its_own(world: World, app: Application, fields: Mapping[str, str]) -> Answer:
    if app.client_secret is None:
        raise refused("unauthorized_client")
    scopes = tuple(fields.get("scope", DEFAULT_SCOPE).split())
    if not scopes or not SCOPES.keys() >= set(scopes):
        raise refused("invalid_request", f"scope must be of {' and '.join(SCOPES)}.")
    return _grant(world, app.owner, scopes)


def _grant(world: World, user_id: int, scopes: Sequence[str]) -> Answer:
    token = world.oauth.draw("oauth")
    world.credentials[token] = Credential(user_id, write="write" in scopes)
    body: dict[str, object] = {
        "access_token": token,
        "token_type": "Bearer",
        "scope": " ".join(scopes),
        "created_at": int(world.clock.timestamp()),
    }
    return Answer(200, body, NO_STORE)
