"""The command that opens the sandbox's page, in a process of its own."""

import asyncio
import json
import os
import shlex
from pathlib import Path

import pytest

from tests.browser.conftest import Tab
from tests.support.command_line import COMMAND
from tests.support.environment import clean_environment
from tests.support.waiting import until

playwright = pytest.importorskip(
    "playwright.async_api", reason="playwright is in the dependency group browser"
)
pytestmark = [
    pytest.mark.asyncio(loop_scope="package"),
    pytest.mark.skipif(os.name != "posix", reason="the browser in BROWSER is a shell script"),
]


async def test_sandbox_command_opens_a_page_that_works(tab: Tab, tmp_path: Path) -> None:
    opened = tmp_path / "opened"
    script = tmp_path / "browser"
    script.write_text(f'#!/bin/sh\necho "$1" > "{opened}.new" && mv "{opened}.new" "{opened}"\n')
    script.chmod(0o700)
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        "sandbox",
        "--json",
        "--open",
        stdout=asyncio.subprocess.PIPE,
        env=clean_environment(BROWSER=f"{shlex.quote(str(script))} %s"),
    )
    try:
        assert process.stdout is not None
        tab.url = json.loads(await process.stdout.readline())["url"]
        tab.expected = [f"{tab.url}/__sandbox__/"]
        await until(opened.exists)
        assert opened.read_text("utf-8").strip() == tab.expected[0]
        await tab.open()
        await playwright.expect(tab.page.get_by_role("status")).to_contain_text("Live")
        process.terminate()
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    tab.problems[:] = [each for each in tab.problems if "net::ERR" not in each]
