"""OAuth 2 client for apps: tokens for the people who use an app, and for the app itself.

Needs the extra ``oauth`` (``python -m pip install "arena-groups[oauth]"``).
"""

from importlib.util import find_spec

if find_spec("oauthlib") is None:
    from arena_groups._extras import missing_extra

    raise missing_extra("arena_groups.oauth", "oauthlib", "oauth")

from arena_groups.errors import CallbackError, OAuthError
from arena_groups.oauth.client import OAuthClient
from arena_groups.oauth.models import AuthorizationCode, AuthorizationRequest, OAuthToken, Scope

__all__ = [
    "AuthorizationCode",
    "AuthorizationRequest",
    "CallbackError",
    "OAuthClient",
    "OAuthError",
    "OAuthToken",
    "Scope",
]
