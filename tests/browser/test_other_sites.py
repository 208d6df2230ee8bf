"""Pages of other sites in a real browser: none reads or changes a sandbox without permission."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from arena_groups.sandbox import Sandbox

pytest.importorskip("playwright.async_api", reason="playwright is in the dependency group browser")

pytestmark = pytest.mark.asyncio(loop_scope="package")

# Each is tried with `base`, the URL below which the sandbox's own pages are.
READS = {
    "fetch": "(await fetch(`${base}state`)).text()",
    "fetch with credentials": "(await fetch(`${base}state`, {credentials: 'include'})).text()",
    "events": """await new Promise((found, failed) => {
        const feed = new EventSource(`${base}events`);
        feed.onopen = () => { feed.close(); found("open"); };
        feed.onerror = () => { feed.close(); failed("error"); };
    })""",
    "script": """await new Promise((found, failed) => {
        const tag = document.createElement("script");
        tag.onload = () => found("loaded");
        tag.onerror = failed;
        tag.src = `${base}static/page.js`;
        document.head.append(tag);
    })""",
    "frame": """await new Promise((found, failed) => {
        const frame = document.createElement("iframe");
        frame.onload = () => {
            try { found(frame.contentDocument.body.textContent || failed("empty")); }
            catch (error) { failed(error); }
        };
        frame.src = base;
        document.body.append(frame);
    })""",
}
WRITES = {
    "no-cors": "await fetch(`${base}reset`, {method: 'POST', mode: 'no-cors'})",
    "text/plain": """await fetch(`${base}advance`, {method: "POST", mode: "no-cors",
        headers: {"Content-Type": "text/plain"}, body: '{"seconds": 9999}'})""",
    "json": """await fetch(`${base}advance`, {method: "POST",
        headers: {"Content-Type": "application/json"}, body: '{"seconds": 9999}'})""",
    "no referrer": """await fetch(`${base}`, {method: "POST", mode: "no-cors",
        referrerPolicy: "no-referrer", body: new URLSearchParams({action: "reset"})})""",
    "delete": "await fetch(`${base}faults`, {method: 'DELETE'})",
    "beacon": "navigator.sendBeacon(`${base}reset`)",
    "form": """await new Promise((done) => {
        const form = document.createElement("form");
        const target = document.createElement("iframe");
        target.name = "target";
        form.method = "post"; form.action = base; form.target = "target";
        form.innerHTML = "<input name=action value=reset>";
        document.body.append(target, form);
        target.onload = done;
        form.submit();
    })""",
    "form as text": """await new Promise((done) => {
        const form = document.createElement("form");
        const target = document.createElement("iframe");
        target.name = "target";
        form.method = "post"; form.action = `${base}reset`; form.target = "target";
        form.enctype = "text/plain";
        document.body.append(target, form);
        target.onload = done;
        form.submit();
    })""",
    "sandboxed frame": """await new Promise((done) => {
        const frame = document.createElement("iframe");
        frame.sandbox = "allow-scripts";
        frame.srcdoc = `<script>fetch("${base}reset", {method: "POST", mode: "no-cors"})
            .finally(() => parent.postMessage("done", "*"))<` + "/script>";
        addEventListener("message", done);
        document.body.append(frame);
    })""",
}


@pytest_asyncio.fixture(loop_scope="package")
async def other_site() -> AsyncIterator[str]:
    """The URL of an empty page on another port, which browsers take for another origin."""

    async def welcome(_request: web.BaseRequest) -> web.Response:
        return web.Response(text="<!doctype html><title>Other</title>", content_type="text/html")

    runner = web.ServerRunner(web.Server(welcome))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def run(browser: Any, site: str, sandbox: Sandbox, work: str) -> str | None:
    """Run script in a page of the site. Return its result, or None if it failed."""
    page = await browser.new_page()
    try:
        await page.goto(site)
        script = f"async (base) => {{ try {{ return String({work}); }} catch {{ return null; }} }}"
        result: str | None = await page.evaluate(script, f"{sandbox.url}/__sandbox__/")
        return result
    finally:
        await page.close()


@pytest.mark.parametrize("work", READS.values(), ids=READS)
async def test_page_of_another_site_reads_nothing(
    browser: Any, other_site: str, sandbox: Sandbox, work: str
) -> None:
    assert await run(browser, other_site, sandbox, work) is None


@pytest.mark.parametrize("work", WRITES.values(), ids=WRITES)
async def test_page_of_another_site_changes_nothing(
    browser: Any, other_site: str, sandbox: Sandbox, work: str
) -> None:
    group, now = sandbox.add_group("Kept"), sandbox.now
    sandbox.faults.add_spec("latency:seconds=0")
    await run(browser, other_site, sandbox, work)
    assert (group in sandbox.groups.values(), len(sandbox.faults)) == (True, 1)
    assert (sandbox.now - now).total_seconds() < 9999


@pytest.mark.parametrize("work", [READS["fetch"], READS["events"], WRITES["json"]])
async def test_page_that_cors_names_reads_and_changes(
    browser: Any, other_site: str, work: str
) -> None:
    async with Sandbox(cors=[other_site]) as sandbox:
        assert await run(browser, other_site, sandbox, work) is not None
    async with Sandbox(cors=["*"]) as sandbox:
        assert await run(browser, other_site, sandbox, work) is None
