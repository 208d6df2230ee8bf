"""Logging in with a browser as it is really done: a process, a provider, and a visitor."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol
from urllib.error import HTTPError
from urllib.parse import parse_qsl, urlsplit
from urllib.request import ProxyHandler, build_opener

import pytest

from tests.support.waiting import HANG_TIMEOUT

Run = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., subprocess.Popen[str]]

VISITOR = """
import socket
import sys
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit
from urllib.request import ProxyHandler, build_opener

decision, door, url = sys.argv[1:]
web = build_opener(ProxyHandler({}))
if decision != "none":
    web.open(url).close()
    asked = dict(parse_qsl(urlsplit(url).query))
    form = urlencode({**asked, "user": "2", "decision": decision}).encode()
    web.open(urljoin(url, "/oauth/authorize"), form).close()  # and back to the program
if door != "0":
    with socket.create_connection(("127.0.0.1", int(door))) as waiting:
        waiting.recv(1)
"""


class Served(Protocol):
    """A sandbox in a process of its own."""

    url: str
    applications: dict[str, dict[str, str | None]]


Browser = Callable[..., str]


@pytest.fixture
def browser(tmp_path: Path) -> Browser:
    """What to set BROWSER to for a person who decides so, and at whose door it then waits."""
    script = tmp_path / "visitor.py"
    script.write_text(VISITOR, "utf-8")

    def browse(decision: str, door: int = 0) -> str:
        return f"{sys.executable} {script} {decision} {door} %s"

    return browse


@pytest.fixture
def line(served: Served) -> Callable[..., list[str]]:
    """The command line, for one of the apps that the sandbox knows."""

    def written(*more: str, app: str = "public") -> list[str]:
        client_id = served.applications[app]["client_id"] or ""
        where = ("--base-url", served.url, "--port", "0")
        return ["auth", "login", "--web", *where, "--client-id", client_id, *more]

    return written


Line = Callable[..., list[str]]


def address_told(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    found = re.search(r"http://\S+/oauth/authorize\?\S+", process.stderr.readline())
    assert found is not None
    return found[0]


def asked_by(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


def visit(url: str) -> tuple[int, str]:
    try:
        with build_opener(ProxyHandler({})).open(url) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


def stored(home: Path) -> list[Path]:
    return list(home.rglob("logins.json"))


class TestAYes:
    def test_it_logs_in(
        self, command: Run, served: Served, line: Line, browser: Browser, nobodys_home: Path
    ) -> None:
        done = command(*line("--format", "json"), BROWSER=browser("allow"))
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["target"] == "Minh Castellanos (minh-castellanos)"
        told, kept = (json.loads(each)["note"]["message"] for each in done.stderr.splitlines())
        assert f"open {served.url}/oauth/authorize?" in told
        assert "logins.json" in kept
        (file,) = stored(nobodys_home)
        (login,) = json.loads(file.read_text("utf-8")).values()
        assert login["token"] not in done.stdout + done.stderr
        status = command("auth", "status", "--base-url", served.url, "--format", "json")
        assert json.loads(status.stdout)["scopes"] == ["read", "write"]

    def test_an_app_with_a_secret_is_asked_for_it(
        self, command: Run, served: Served, line: Line, browser: Browser
    ) -> None:
        secret = served.applications["confidential"]["client_secret"] or ""
        asked = line("--client-secret-stdin", app="confidential")
        done = command(*asked, stdin=f"{secret}\n", BROWSER=browser("allow"))
        assert done.returncode == 0, done.stderr
        assert secret not in done.stdout + done.stderr

    def test_a_wrong_secret_is_refused(
        self, command: Run, line: Line, browser: Browser, nobodys_home: Path
    ) -> None:
        asked = line("--client-secret-stdin", "--format", "json", app="confidential")
        done = command(*asked, stdin="not-it\n", BROWSER=browser("allow"))
        assert (done.returncode, done.stdout) == (2, "")
        error = json.loads(done.stderr.splitlines()[-1])["error"]
        assert (error["type"], error["status"]) == ("unauthorized", 401)
        assert error["message"].startswith("401 invalid_client")
        assert "client_secret" in error["hint"]
        assert stored(nobodys_home) == []

    def test_a_browser_that_stays_open_is_not_waited_for(
        self, start: Start, line: Line, browser: Browser
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as door:
            door.settimeout(HANG_TIMEOUT)
            process = start(*line(), BROWSER=browser("allow", door.getsockname()[1]))
            with door.accept()[0]:
                # Not its whole output: the browser holds the other ends of the pipes too.
                assert process.stdout is not None
                assert json.loads(process.stdout.readline())["outcome"] == "logged_in"
                assert process.wait(HANG_TIMEOUT) == 0


class TestANo:
    def test_it_is_told_and_nothing_is_stored(
        self, command: Run, line: Line, browser: Browser, nobodys_home: Path
    ) -> None:
        done = command(*line(), BROWSER=browser("deny"))
        assert (done.returncode, done.stdout) == (2, "")
        assert "arena-groups: access was not granted: access_denied" in done.stderr
        assert stored(nobodys_home) == []


class TestStrangers:
    def test_an_unknown_app_is_told_in_the_browser_and_ctrl_c_gives_up(
        self, start: Start, served: Served
    ) -> None:
        where = ("--base-url", served.url, "--port", "0")
        process = start("auth", "login", "--web", "--no-browser", "--client-id", "nobody", *where)
        status, page = visit(address_told(process))
        assert status == 400
        assert "no app with this client_id" in page
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=HANG_TIMEOUT) == ("", "")
        assert process.returncode == 130

    def test_a_visit_with_another_state_changes_nothing(
        self, start: Start, line: Line, nobodys_home: Path
    ) -> None:
        process = start(*line("--no-browser"))
        asked = asked_by(address_told(process))
        for query in ("code=forged&state=forged", "error=access_denied", "state=a&state=a", ""):
            status, page = visit(f"{asked['redirect_uri']}?{query}")
            assert status == 400
            assert "does not belong" in page
        assert process.poll() is None
        status, _ = visit(f"{asked['redirect_uri']}?error=access_denied&state={asked['state']}")
        assert status == 200
        assert process.wait(HANG_TIMEOUT) == 2
        assert stored(nobodys_home) == []

    def test_a_code_that_is_none_is_refused(self, start: Start, line: Line) -> None:
        process = start(*line("--no-browser", "--format", "json"))
        asked = asked_by(address_told(process))
        visit(f"{asked['redirect_uri']}?code=forged&state={asked['state']}")
        out, err = process.communicate(timeout=HANG_TIMEOUT)
        assert (process.returncode, out) == (2, "")
        assert "invalid_grant" in json.loads(err)["error"]["message"]


class TestNoBrowser:
    @pytest.mark.skipif(os.name == "nt", reason="BROWSER is for POSIX")
    def test_one_that_cannot_be_opened_is_told(self, start: Start, line: Line) -> None:
        process = start(*line(), BROWSER=f"{sys.executable} -c raise(SystemExit(1)) %s")
        address_told(process)
        assert process.stderr is not None
        assert "cannot open a browser" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=HANG_TIMEOUT) == ("", "")
        assert process.returncode == 130

    def test_ctrl_c_does_not_wait_for_one_that_stays_open(
        self, start: Start, line: Line, browser: Browser
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as door:
            door.settimeout(HANG_TIMEOUT)
            process = start(*line(), BROWSER=browser("none", door.getsockname()[1]))
            address_told(process)
            with door.accept()[0]:
                process.send_signal(signal.SIGINT)
                assert process.wait(HANG_TIMEOUT) == 130


def test_a_port_that_is_taken(command: Run, line: Line) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = command(*line("--port", port, "--format", "json"))
    assert (done.returncode, done.stdout) == (1, "")
    error = json.loads(done.stderr)["error"]
    assert error["type"] == "system"
    assert error["message"].startswith(f"cannot listen on port {port}: ")
    assert "--port" in error["hint"]
