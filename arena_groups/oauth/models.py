"""What passes between an app and its provider: requests, codes, tokens."""

from collections.abc import Mapping
from datetime import datetime
from typing import Self

import attrs
from attrs import field, frozen

from arena_groups._types import OpenEnum

__all__ = ["AuthorizationCode", "AuthorizationRequest", "OAuthToken", "Scope"]


class Scope(OpenEnum):
    """What a token allows. ``WRITE`` includes ``READ``."""

    READ = "read"
    WRITE = "write"


@frozen
class AuthorizationRequest:
    """One person's way to the provider and back: send them to ``url``, and keep the rest.

    ``state`` and ``verifier`` tell, when the person comes back to ``redirect_uri``, that it is
    the same one. Both are secret and show in no ``repr``; each request is good for one person
    and one time.
    """

    url: str = field(repr=False)
    state: str = field(repr=False)
    verifier: str = field(repr=False)
    redirect_uri: str

    def to_dict(self) -> dict[str, str]:
        """Plain strings, secrets included, to keep in a session between two requests."""
        return {each.name: getattr(self, each.name) for each in attrs.fields(type(self))}

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Self:
        """The inverse of :meth:`to_dict`. Raises ``ValueError`` for anything else."""
        values = [data.get(each.name) for each in attrs.fields(cls)]
        texts = [value for value in values if isinstance(value, str) and value]
        del data  # an error's traceback must not hold it
        if len(texts) < len(values):
            del values, texts
            raise ValueError("this is no authorization request that was kept with to_dict()")
        return cls(*texts)


@frozen
class AuthorizationCode:
    """What the person's approval brings: good once, and only for a few minutes."""

    code: str = field(repr=False)


@frozen(kw_only=True)
class OAuthToken:
    """An access token, which does not expire. Give ``access_token`` to ``ArenaClient``.

    ``scopes`` are those that were granted, which may be fewer than were asked for.
    """

    access_token: str = field(repr=False)
    token_type: str
    scopes: tuple[Scope, ...]
    created_at: datetime
