"""The token endpoint: credentials and codes in, access tokens out."""

import hashlib
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from hmac import compare_digest

from arena_groups.sandbox.answers import Answer
from arena_groups.sandbox.entities import Credential
from arena_groups.sandbox.oauth_apps import DEFAULT_SCOPE, SCOPES, Application, Grant
from arena_groups.sandbox.oauth_form import NO_STORE, form_fields, refused, required
from arena_groups.sandbox.operations import Call
from arena_groups.sandbox.state import World

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}", re.ASCII)


def create_token(call: Call) -> Answer:
    """Exchanges a code, or the app's own credentials, for a token."""
    fields = form_fields(call.content_type, call.body)
    grant_type = required(fields, "grant_type")
    if grant_type == "authorization_code":
        return _exchange(call.world, _authenticate(call.world, fields), fields)
    if grant_type == "client_credentials":
        return _of_its_own(call.world, _authenticate(call.world, fields), fields)
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
