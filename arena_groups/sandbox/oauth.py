"""The provider's side of OAuth: the page that asks people, and the token endpoint."""

from arena_groups.sandbox.oauth_consent import AUTHORIZE, ask, decide
from arena_groups.sandbox.oauth_token import create_token
from arena_groups.sandbox.operations import Operation

# Whoever calls these is not known by a bearer token. The page is not in the API document.
OAUTH_OPERATIONS = (
    Operation("showAuthorization", "GET", AUTHORIZE, ask, any_token=True),
    Operation("decideAuthorization", "POST", AUTHORIZE, decide, any_token=True, takes_body=True),
    Operation(
        "createOAuthToken",
        "POST",
        "/v3/oauth/token",
        create_token,
        any_token=True,
        takes_body=True,
    ),
)
