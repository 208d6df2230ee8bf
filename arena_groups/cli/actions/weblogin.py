"""What ``arena-groups auth login --web`` does."""

from arena_groups._api import Secret
from arena_groups.cli.actions.auth import log_in
from arena_groups.cli.connect import base_url_of
from arena_groups.cli.notes import instruct
from arena_groups.cli.settings import Settings
from arena_groups.cli.weblogin import OAuth, authorize, oauth_client


async def log_in_with_browser(
    settings: Settings, client_id: str, secret: Secret | None, port: int, *, browser: bool
) -> None:
    """Let somebody authorize this program in a browser, and store the token that it gets."""
    base_url = None if settings.base_url is None else base_url_of(settings)

    def client(redirect_uri: str) -> OAuth:
        return oauth_client(client_id, secret, redirect_uri, base_url)

    def tell(text: str) -> None:
        instruct(settings, text)

    token, scopes = await authorize(client, port, tell, browser=browser)
    await log_in(settings, token, scopes)
