"""OAuth 2 client for apps: tokens for the people who use an app, and for the app itself.

Needs the extra ``oauth`` (``pip install 'arena-groups[oauth]'``).
"""

from importlib.util import find_spec

if find_spec("oauthlib") is None:
    raise ImportError(
        "arena_groups.oauth needs oauthlib: pip install 'arena-groups[oauth]'", name="oauthlib"
    )

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
