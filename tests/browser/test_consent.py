"""The sandbox's consent page of OAuth in a real browser."""

from typing import Any

import pytest

from arena_groups import ArenaClient
from arena_groups.oauth import AuthorizationCode, CallbackError, OAuthClient
from arena_groups.sandbox import Sandbox
from tests.browser.conftest import Tab

pytestmark = pytest.mark.asyncio(loop_scope="package")

CALLBACK = "http://127.0.0.1:9/callback"  # answered by the test, not by a server


async def answer(tab: Tab, sandbox: Sandbox, button: str) -> AuthorizationCode | CallbackError:
    """Ask for a token, click a button of the consent page, and return what the app gets."""

    async def welcome(route: Any) -> None:
        await route.fulfill(body="Welcome back.")

    tab.expected += [f"{sandbox.url}/oauth/authorize", CALLBACK]
    await tab.page.route(f"{CALLBACK}**", welcome)
    async with OAuthClient(
        sandbox.applications.public.client_id, redirect_uri=CALLBACK, base_url=sandbox.url
    ) as oauth:
        request = oauth.authorize_url()
        await tab.page.goto(request.url)
        await tab.page.get_by_label("You are").select_option(label="Minh Castellanos")
        await tab.page.get_by_role("button", name=button).click()
        await tab.page.wait_for_url(f"{CALLBACK}**")
        callback = oauth.parse_callback(tab.page.url, request)
        if isinstance(callback, AuthorizationCode):
            token = await oauth.exchange_code(callback, request)
            async with ArenaClient(token.access_token, base_url=sandbox.url) as arena:
                assert (await arena.me()).name == "Minh Castellanos"
        return callback


async def test_allow_leads_to_a_token(tab: Tab, sandbox: Sandbox) -> None:
    assert isinstance(await answer(tab, sandbox, "Allow"), AuthorizationCode)


async def test_deny_leads_to_an_error(tab: Tab, sandbox: Sandbox) -> None:
    callback = await answer(tab, sandbox, "Deny")
    assert isinstance(callback, CallbackError)
    assert callback.error == "access_denied"
