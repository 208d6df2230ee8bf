"""Values that pass between an app and its provider: requests, codes, tokens."""

from collections.abc import Mapping
from datetime import datetime
from typing import Self

import attrs
from attrs import field, frozen

from arena_groups._types import OpenEnum, hidden

__all__ = ["AuthorizationCode", "AuthorizationRequest", "OAuthToken", "Scope"]


class Scope(OpenEnum):
    """Permission of a token. ``WRITE`` includes ``READ``."""

    READ = "read"
    WRITE = "write"


@frozen
class AuthorizationRequest:
    """Authorization request for one person: send them to ``url``, and keep the rest.

    Each request is valid for one person and one time. ``state`` and ``verifier`` are secret:
    they prove that the person who comes back is the one who was sent. ``repr()`` hides both.

    Args:
        url: The provider's page where the person allows or denies access.
        state: Random value that the provider returns with the callback.
        verifier: PKCE code verifier, which is sent with the code.
        redirect_uri: The URI that the provider redirects to.
    """

    url: str = field(repr=hidden)
    state: str = field(repr=hidden)
    verifier: str = field(repr=hidden)
    redirect_uri: str

    def to_dict(self) -> dict[str, str]:
        """Convert the request to plain strings, to keep it in a web session.

        Returns:
            The fields by name, including the secret ones.
        """
        return {each.name: getattr(self, each.name) for each in attrs.fields(type(self))}

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Self:
        """Restore a request from the result of :meth:`to_dict`.

        Args:
            data: The fields by name. Other keys are ignored.

        Returns:
            The request.

        Raises:
            ValueError: A field is missing, empty or not a string.
        """
        values = [data.get(each.name) for each in attrs.fields(cls)]
        texts = [value for value in values if isinstance(value, str) and value]
        del data  # keep secrets out of the traceback
        if len(texts) < len(values):
            del values, texts
            raise ValueError("this is not an authorization request from to_dict()")
        return cls(*texts)


@frozen
class AuthorizationCode:
    """Authorization code: can be exchanged for a token once, within a few minutes.

    Args:
        code: The code. ``repr()`` hides it.
    """

    code: str = field(repr=hidden)


@frozen(kw_only=True)
class OAuthToken:
    """Access token, which does not expire. Pass ``access_token`` to ``ArenaClient``.

    Args:
        access_token: The token. ``repr()`` hides it.
        token_type: The type of token, ``"Bearer"`` in any case of letters.
        scopes: The granted scopes, which may be fewer than were requested.
        created_at: When the token was issued (UTC).
    """

    access_token: str = field(repr=hidden)
    token_type: str
    scopes: tuple[Scope, ...]
    created_at: datetime
