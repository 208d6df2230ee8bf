"""OAuth apps of a sandbox, their redirect URIs, and the permissions that users granted them."""

import random
import re
from datetime import datetime
from ipaddress import ip_address
from urllib.parse import urlsplit

import attrs

_URI = re.compile(r"[!\"$-\[\]-~]+", re.ASCII)  # no space, no fragment, no backslash
_HOST = re.compile(r"[a-z0-9._-]+|\[[0-9a-f:.]+\]|", re.ASCII)


@attrs.frozen
class Application:
    """An app that may ask users for tokens.

    Attributes:
        name: The name, as the consent page shows it.
        client_id: The public identifier.
        client_secret: The secret of a confidential app; None for a public one. It does not show
            in `repr`.
        redirect_uris: The registered redirect URIs. The port of a loopback IP address is ignored.
        owner: The id of the user who registered it.
    """

    name: str
    client_id: str
    client_secret: str | None = attrs.field(repr=False)
    redirect_uris: tuple[str, ...]
    owner: int

    @property
    def redirect_uri(self) -> str:
        """The first of the registered redirect URIs."""
        return self.redirect_uris[0]

    def allows_redirect(self, redirect_uri: str) -> bool:
        """Return whether a redirect URI is registered.

        Args:
            redirect_uri: The URI to check.

        Returns:
            True if it is registered, ignoring the port of a loopback IP address.
        """
        return is_redirect_uri(redirect_uri) and _without_port(redirect_uri) in {
            _without_port(each) for each in self.redirect_uris
        }


@attrs.frozen(kw_only=True)
class OAuthGrant:
    """The permission behind an authorization code.

    Attributes:
        client_id: The app that asked for it.
        redirect_uri: The address that the code was sent to.
        user_id: The user who granted it.
        scopes: What the user granted.
        challenge: The S256 challenge of the verifier that redeems the code, if there is one.
        expires_at: When the code expires.
        token: The token that the code was exchanged for, once it has been.
    """

    client_id: str
    redirect_uri: str
    user_id: int
    scopes: tuple[str, ...]
    challenge: str | None = attrs.field(default=None, repr=False)
    expires_at: datetime
    token: str | None = attrs.field(default=None, repr=False)


def is_redirect_uri(uri: str) -> bool:
    """Return whether every parser reads the same host and port in a redirect URI.

    Browsers take a backslash for a slash and drop control characters, so a URI with either can name
    a host that `urlsplit` does not see. User information hides the host from people.
    """
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        return False
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return (
        _URI.fullmatch(uri) is not None
        and _HOST.fullmatch(host) is not None
        and bool(host if parts.scheme in {"http", "https"} else parts.scheme)
        and port != 0
        and parts.netloc.lower() == (host if port is None else f"{host}:{port}")
    )


def _without_port(uri: str) -> str:
    """Return the URI, without the port of a loopback IP address."""
    parts = urlsplit(uri)
    host = parts.hostname or ""
    try:
        if parts.scheme != "http" or not ip_address(host).is_loopback:
            return uri
    except ValueError:
        return uri
    return uri.replace(parts.netloc, f"[{host}]" if ":" in host else host, 1)


@attrs.define(eq=False)
class OAuthRegistry:
    """Registered apps by client id, and the permissions that users granted them."""

    rng: random.Random = attrs.field(factory=random.Random, repr=False)
    form_key: bytes = attrs.field(
        default=attrs.Factory(lambda self: self.rng.randbytes(32), takes_self=True), repr=False
    )
    applications: dict[str, Application] = attrs.field(factory=dict[str, Application], repr=False)
    _grants: dict[str, OAuthGrant] = attrs.field(
        factory=dict[str, OAuthGrant], init=False, repr=False
    )

    def register(
        self, name: str, redirect_uris: tuple[str, ...], *, owner: int, confidential: bool
    ) -> Application:
        """Return a new app, with a client secret if it is `confidential`."""
        app = Application(
            name=name,
            client_id=self.random_token("app"),
            client_secret=self.random_token("secret") if confidential else None,
            redirect_uris=redirect_uris,
            owner=owner,
        )
        self.applications[app.client_id] = app
        return app

    def issue(self, grant: OAuthGrant) -> str:
        """Return a new code for the grant."""
        code = self.random_token("code")
        self._grants[code] = grant
        return code

    def find(self, code: str) -> OAuthGrant | None:
        """Return the grant of a code, which may be expired or used."""
        return self._grants.get(code)

    def mark_used(self, code: str, token: str) -> None:
        """Record the token that the code was exchanged for."""
        self._grants[code] = attrs.evolve(self._grants[code], token=token)

    def random_token(self, label: str) -> str:
        """Return a random text that cannot be guessed without the seed."""
        return f"sandbox_{label}_{self.rng.randbytes(12).hex()}"
