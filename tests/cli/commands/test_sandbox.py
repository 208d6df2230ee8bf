"""The command that runs a sandbox."""

import asyncio
import errno
import json
import os
import re
import signal
import socket
import threading
from urllib.parse import urlsplit

import aiohttp
import pytest

from arena_groups.cli import output
from arena_groups.cli.commands import sandbox as sandbox_command
from arena_groups.cli.main import run
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.faults import FAULTS, Fault, Latency, ServerFailure
from tests.support.command_line import (
    Captured,
)
from tests.support.waiting import HANG_TIMEOUT

GROUP = "research-studio"


@pytest.mark.parametrize("as_json", [False, True])
def test_sandbox_prints_its_details(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch, as_json: bool
) -> None:
    def at_once() -> asyncio.Event:
        stopped = asyncio.Event()
        stopped.set()
        return stopped

    monkeypatch.setattr(sandbox_command, "stop_on_sigterm", at_once)
    assert run(["sandbox", "--seed", "7", *(["--json"] if as_json else [])]) == 0
    out = capsys.readouterr().out
    if as_json:
        described = json.loads(out)
        assert set(described) == {"url", "groups", "users", "tokens", "applications"}
        assert GROUP in described["groups"]
        return
    first, _, rest = out.partition("\n")
    assert first.startswith("Sandbox running at http://127.0.0.1:")
    url = first.split()[3]
    for title in ("groups", "users", "tokens", "public application", "confidential application"):
        assert f"\n{title}\n" in rest
    assert {GROUP, "owner", "read_only", "limited"} <= set(rest.split())
    assert len(re.findall(r"^  client_secret +sandbox_secret_\w+$", rest, re.MULTILINE)) == 1
    public = re.findall(r"^  client_id +(\w+)$", rest, re.MULTILINE)[0]
    assert f"arena-groups auth login --web --base-url {url} --client-id {public}\n" in rest


def test_sandbox_with_faults_injects_them(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    added: list[list[Fault]] = []

    class Watched(Sandbox):
        async def start(self) -> None:
            added.append([injected.fault for injected in self.faults])
            raise OSError("seen enough")

    monkeypatch.setattr("arena_groups.sandbox.Sandbox", Watched)
    specs = ["--fault", "server-failure:status=503,times=3", "--fault", "latency:seconds=0.2"]
    assert run(["sandbox", *specs]) == 1
    assert "seen enough" in capsys.readouterr().err
    assert added == [[ServerFailure(503), Latency(0.2)]]


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ("nonsense", "unknown fault 'nonsense'"),
        ("latency:seconds=soon", "invalid seconds 'soon'"),
        ("redirect", "the option location is required"),
    ],
)
def test_sandbox_with_invalid_fault_is_usage_error(
    capsys: Captured, spec: str, problem: str
) -> None:
    assert run(["sandbox", "--fault", spec]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert problem in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (["--yes"], "--yes"),
        (["-y"], "--yes"),
        (["--sandbox"], "--sandbox"),
        (["--base-url", "http://127.0.0.1:1"], "--base-url"),
        (["--utc"], "--utc"),
        (["--no-pager"], "--no-pager"),
        (["-q"], "--quiet"),
        (["-v"], "--verbose"),
    ],
)
def test_common_option_without_effect_is_usage_error(
    capsys: Captured, options: list[str], name: str
) -> None:
    assert run([*options, "sandbox"]) == 1
    assert f"{name} has no effect on this command" in capsys.readouterr().err


def test_details_as_csv_are_usage_error(capsys: Captured) -> None:
    assert run(["--format", "csv", "sandbox"]) == 1
    assert "--format json or table" in capsys.readouterr().err


class Described:
    """The sandbox that a run of the command has started."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sandbox: Sandbox | None = None
        described = self

        class Started(Sandbox):
            async def start(self) -> None:
                described.sandbox = self
                raise OSError("seen enough")

        monkeypatch.setattr("arena_groups.sandbox.Sandbox", Started)


def test_people_and_invitations_size_the_group(monkeypatch: pytest.MonkeyPatch) -> None:
    described = Described(monkeypatch)
    assert run(["sandbox", "--people", "300", "--invitations", "7", "--seed", "3"]) == 1
    assert described.sandbox is not None
    assert len(described.sandbox.members(GROUP)) == 300
    assert len(described.sandbox.pending_invitations(GROUP)) == 7


@pytest.mark.parametrize("options", [["--people", "1"], ["--people", "x"], ["--invitations", "-1"]])
def test_invalid_size_is_usage_error(capsys: Captured, options: list[str]) -> None:
    assert run(["sandbox", *options]) == 1
    assert options[0] in capsys.readouterr().err


@pytest.mark.parametrize("origin", ["localhost:3000", "http://x/", "null", ""])
def test_invalid_origin_is_usage_error(capsys: Captured, origin: str) -> None:
    assert run(["sandbox", "--cors", origin]) == 1
    err = capsys.readouterr().err
    assert f"invalid origin {origin!r}: use a scheme, a host and an optional port" in err
    assert err.count("\n") == 1


class Stopper:
    """Replacement of `stop_on_sigterm`, with a method that stops the command from any thread."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sandbox_command, "stop_on_sigterm", self._prepare)

    def _prepare(self) -> asyncio.Event:
        self._loop, self._event = asyncio.get_running_loop(), asyncio.Event()
        return self._event

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._event.set)


@pytest.mark.parametrize("opened", [True, False])
def test_open_opens_the_page(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch, opened: bool
) -> None:
    urls: list[str] = []
    stopper, write_stderr = Stopper(monkeypatch), output.write_stderr

    def open_(url: str) -> bool:
        urls.append(url)
        if opened:
            stopper.stop()
        return opened

    def write(text: str) -> None:
        write_stderr(text)
        stopper.stop()

    monkeypatch.setattr("arena_groups.cli.browser_login.open_in_browser", open_)
    monkeypatch.setattr(output, "write_stderr", write)
    assert run(["sandbox", "--open"]) == 0
    out, err = capsys.readouterr()
    assert len(urls) == 1
    assert urls[0].endswith("/__sandbox__/")
    assert f"\n  {urls[0]}\n" in out
    assert (urls[0] in err) is not opened


def test_command_ends_while_the_browser_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    stopper, closed = Stopper(monkeypatch), threading.Event()
    ended: list[bool] = []

    def open_(_url: str) -> bool:
        stopper.stop()
        ended.append(closed.wait(HANG_TIMEOUT))
        return True

    monkeypatch.setattr("arena_groups.cli.browser_login.open_in_browser", open_)
    assert run(["sandbox", "--open"]) == 0
    assert ended == []
    closed.set()


def test_help_lists_every_fault(capsys: Captured) -> None:
    assert run(["sandbox", "--help"]) == 0
    out = capsys.readouterr().out
    assert "NAME:OPTION=VALUE" in out
    listed = [line.split()[0] for line in out.partition("Faults:")[2].splitlines() if line.strip()]
    assert {kind.name() for kind in FAULTS} <= set(listed)


def test_sandbox_with_hosts_listens_and_answers_there(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    statuses: list[int] = []

    class Visited(Sandbox):
        async def start(self) -> None:
            await super().start()
            url = urlsplit(self.url)
            assert url.hostname == "127.0.0.1"
            async with aiohttp.ClientSession() as session:
                for host in ("arena:80", "sandbox.internal", "evil.example"):
                    headers = {"Host": host}
                    async with session.get(f"{self.url}/v3/ping", headers=headers) as response:
                        statuses.append(response.status)
            await self.aclose()
            raise OSError(errno.EADDRINUSE, "seen enough")

    monkeypatch.setattr("arena_groups.sandbox.Sandbox", Visited)
    names = ["--allowed-host", "arena", "--allowed-host", "sandbox.internal"]
    assert run(["sandbox", "--host", "0.0.0.0", *names]) == 1  # noqa: S104
    assert "in use" in capsys.readouterr().err
    assert statuses == [200, 200, 421]


@pytest.mark.parametrize("name", ["*", "arena:80", "http://arena"])
def test_sandbox_with_invalid_allowed_host_is_usage_error(capsys: Captured, name: str) -> None:
    assert run(["sandbox", "--allowed-host", name]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert f"invalid allowed host {name!r}: use a name or an address" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host", "sandbox.invalid"])
def test_sandbox_on_address_of_another_machine_is_system_error(capsys: Captured, host: str) -> None:
    assert run(["sandbox", "--host", host]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert f"cannot listen on {host} (hint: choose an address of this machine" in err
    assert err.count("\n") == 1


async def test_stop_on_sigterm_sets_event() -> None:
    stopped = sandbox_command.stop_on_sigterm()
    os.kill(os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(30):
        await stopped.wait()


def test_sandbox_on_port_in_use_is_system_error(capsys: Captured, unused_tcp_port: int) -> None:
    with socket.create_server(("127.0.0.1", unused_tcp_port)):
        assert run(["sandbox", "--port", str(unused_tcp_port)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "(hint: " in err
    assert "Errno" not in err
    assert str(unused_tcp_port) in err
    assert err.count("\n") == 1
