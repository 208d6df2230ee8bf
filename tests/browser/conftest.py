"""A headless browser, and the sandbox whose page it opens."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from arena_groups import ArenaClient
from arena_groups.sandbox import Sandbox
from tests.support.clients import single
from tests.support.waiting import HANG_TIMEOUT

TIMEOUT = HANG_TIMEOUT * 1000  # milliseconds
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`violation of ${event.violatedDirective}: ${event.blockedURI}`));
"""


def find_browser(own: str) -> str:
    """Return the path of the browser that the package has downloaded, or of an installed one."""
    if Path(own).exists():
        return own
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    return found or pytest.skip(f"no browser is installed: none of {', '.join(PROGRAMS)}")


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def browser() -> AsyncIterator[Any]:
    playwright = pytest.importorskip(
        "playwright.async_api", reason="playwright is in the dependency group browser"
    )
    playwright.expect.set_options(timeout=TIMEOUT)
    async with playwright.async_playwright() as driver:
        program = find_browser(driver.chromium.executable_path)
        # As root, and in many containers, Chromium only starts without its own sandbox.
        running = await driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield running
        await running.close()


@pytest_asyncio.fixture(loop_scope="package")
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="package")
async def arena(sandbox: Sandbox) -> AsyncIterator[ArenaClient]:
    async with single(sandbox.tokens.owner, base_url=sandbox.url) as client:
        yield client


class Tab:
    """A tab of the browser, which records errors, and requests of URLs that are not expected."""

    def __init__(self, page: Any, url: str) -> None:
        self.page = page
        self.url = url
        self.expected = [f"{url}/__sandbox__/"]
        self.problems: list[str] = []
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("request", self._on_request)

    async def open(self, path: str = "/__sandbox__/") -> None:
        await self.page.goto(self.url + path)

    def _on_console(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self.problems.append(message.text)

    def _on_request(self, request: Any) -> None:
        if not request.url.startswith(tuple(self.expected)):
            self.problems.append(f"request to {request.url}")


@pytest.fixture
def settings() -> dict[str, object]:
    """Settings of the browser; a test class may have others."""
    return {}


@pytest_asyncio.fixture(loop_scope="package")
async def tab(browser: Any, sandbox: Sandbox, settings: dict[str, object]) -> AsyncIterator[Tab]:
    """A tab without errors, violations of the security policy, and requests to other servers."""
    context = await browser.new_context(**settings)
    context.set_default_timeout(TIMEOUT)
    await context.add_init_script(REPORT_VIOLATIONS)
    opened = Tab(await context.new_page(), sandbox.url)
    yield opened
    await context.close()
    assert opened.problems == []
