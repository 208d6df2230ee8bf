"""OAuth as type checkers see it. Checked, never run."""

from collections.abc import Mapping
from datetime import datetime
from typing import assert_type

from arena_groups import ArenaClient
from arena_groups.oauth import (
    AuthorizationCode,
    AuthorizationRequest,
    CallbackError,
    OAuthClient,
    OAuthError,
    OAuthToken,
    Scope,
)


async def person(oauth: OAuthClient, visited: str, query: Mapping[str, str]) -> ArenaClient:
    """A token for a person."""
    request = oauth.authorize_url([Scope.READ, "write"])
    assert_type(request, AuthorizationRequest)
    assert_type(request.to_dict(), dict[str, str])
    assert_type(AuthorizationRequest.from_dict(request.to_dict()), AuthorizationRequest)
    assert_type(oauth.parse_callback(query, request), AuthorizationCode | CallbackError)
    answer = oauth.parse_callback(visited, request)
    if isinstance(answer, CallbackError):
        assert_type(answer.denied, bool)
        raise answer
    token = await oauth.exchange_code(answer, request)
    assert_type(token, OAuthToken)
    assert_type(token.scopes, tuple[Scope, ...])
    assert_type(token.created_at, datetime)
    return ArenaClient(token.access_token)


async def app() -> str:
    """A token for the app itself."""
    async with OAuthClient("an-app", client_secret="words") as oauth:
        try:
            token = await oauth.client_credentials()
        except OAuthError as error:
            assert_type(error.error, str)
            assert_type(error.status, int | None)
            raise
    return token.access_token
