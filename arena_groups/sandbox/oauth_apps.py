"""The apps that are registered with the sandbox, and the codes on their way to them."""

import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from ipaddress import ip_address
from types import MappingProxyType
from urllib.parse import urlsplit, urlunsplit

import attrs

SCOPES: Mapping[str, str] = MappingProxyType(
    {
        "read": "See everything that you can see",
        "write": "See and change everything in your name",
    }
)
DEFAULT_SCOPE = "read"
CODE_LIFETIME = timedelta(minutes=10)


@attrs.frozen
class Application:
    """An app that may ask people for tokens. A public one has no `client_secret`.

    `owner` is the id of the user who registered it. A redirect to a loopback address (not to
    `localhost`) may be on any port.
    """

    name: str
    client_id: str
    client_secret: str | None = attrs.field(repr=False)
    redirect_uris: tuple[str, ...]
    owner: int

    @property
    def redirect_uri(self) -> str:
        """The first of the redirect URIs that were registered."""
        return self.redirect_uris[0]

    def leads_to(self, redirect_uri: str) -> bool:
        """Whether this is one of the redirect URIs."""
        return _without_port(redirect_uri) in {_without_port(each) for each in self.redirect_uris}


@attrs.frozen(kw_only=True)
class Grant:
    """What a person agreed to, and what the app must show to get it."""

    client_id: str
    redirect_uri: str
    user_id: int
    scopes: tuple[str, ...]
    challenge: str | None = attrs.field(default=None, repr=False)
    method: str = "plain"
    expires_at: datetime


@attrs.define(eq=False)
class Provider:
    """Registered apps by client id, and codes that wait to be exchanged."""

    rng: random.Random = attrs.field(factory=random.Random, repr=False)
    applications: dict[str, Application] = attrs.field(factory=dict[str, Application], repr=False)
    _grants: dict[str, Grant] = attrs.field(factory=dict[str, Grant], init=False, repr=False)

    def register(
        self, name: str, redirect_uris: tuple[str, ...], *, owner: int, confidential: bool
    ) -> Application:
        """A new app, with a secret if it is `confidential`."""
        app = Application(
            name=name,
            client_id=self.draw("app"),
            client_secret=self.draw("secret") if confidential else None,
            redirect_uris=redirect_uris,
            owner=owner,
        )
        self.applications[app.client_id] = app
        return app

    def issue(self, grant: Grant) -> str:
        """A code that stands for the grant."""
        code = self.draw("code")
        self._grants[code] = grant
        return code

    def find(self, code: str, now: datetime) -> Grant | None:
        """What the code stands for, if it was not used and has not expired."""
        grant = self._grants.get(code)
        return grant if grant is not None and now < grant.expires_at else None

    def use_up(self, code: str) -> None:
        """From now on the code stands for nothing."""
        del self._grants[code]

    def draw(self, label: str) -> str:
        """A name or secret that nobody can guess who does not know the seed."""
        return f"sandbox_{label}_{self.rng.randbytes(12).hex()}"


def _without_port(uri: str) -> str:
    """The URI, without its port where that does not matter."""
    try:
        parts = urlsplit(uri)
        host = parts.hostname or ""
        if parts.scheme != "http" or not ip_address(host).is_loopback:
            return uri
    except ValueError:
        return uri
    return urlunsplit(parts._replace(netloc=f"[{host}]" if ":" in host else host))
