"""Whole commands, inside this process, against sandboxes."""

import asyncio
import csv
import errno
import io
import json
import os
import signal
import socket
import sys
from collections.abc import Callable

import pytest

import arena_groups
from arena_groups import MembershipInvitation, from_dict
from arena_groups.cli import entry_point
from arena_groups.cli import main as application
from arena_groups.cli.commands import invitations
from arena_groups.cli.commands import sandbox as sandbox_command
from arena_groups.cli.connect import retry_policy
from arena_groups.cli.main import run
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.faults import FAULTS, Fault, Latency, ServerFailure

AsPerson = Callable[[str], list[str]]
Captured = pytest.CaptureFixture[str]
GROUP = "research-studio"


def listed(text: str, chosen: str) -> list[int]:
    if chosen == "json":
        return [item["id"] for item in json.loads(text)]
    if chosen == "ndjson":
        return [json.loads(line)["id"] for line in text.splitlines()]
    if chosen == "csv":
        return [int(row["id"]) for row in csv.DictReader(io.StringIO(text))]
    return [int(line.split()[0]) for line in text.splitlines()[1:]]


def test_every_format_lists_the_same(capsys: Captured, as_person: AsPerson) -> None:
    where = as_person("owner")
    ids = {}
    for chosen in ("table", "json", "ndjson", "csv"):
        assert run(["invitations", "list", GROUP, "--format", chosen, *where]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        ids[chosen] = listed(out, chosen)
    assert ids["table"] == ids["json"] == ids["ndjson"] == ids["csv"]
    assert len(set(ids["json"])) == len(ids["json"]) > 100


def test_a_private_sandbox_needs_no_token(capsys: Captured) -> None:
    assert run(["invitations", "list", GROUP, "--sandbox"]) == 0
    lines = capsys.readouterr().out.splitlines()
    items = [from_dict(MembershipInvitation, json.loads(line)) for line in lines]
    assert {item.target.slug for item in items} == {GROUP}
    assert len(items) > 100


def test_a_private_sandbox_ignores_the_token(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARENA_TOKEN", "not-for-sandboxes")
    assert run(["invite-code", "show", GROUP, "--sandbox"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("chosen", ["json", "ndjson"])
def test_invite_code(capsys: Captured, as_person: AsPerson, chosen: str) -> None:
    assert run(["invite-code", "show", GROUP, "--format", chosen, *as_person("owner")]) == 0
    invite = json.loads(capsys.readouterr().out)
    assert invite["code"]
    assert invite["code"] in invite["url"]


def test_invite_code_for_people(capsys: Captured, as_person: AsPerson) -> None:
    assert run(["invite-code", "show", GROUP, "--format", "table", *as_person("owner")]) == 0
    url, code, created = capsys.readouterr().out.splitlines()
    assert url.split()[1].endswith(code.split()[1])
    assert created.startswith("Created")


@pytest.mark.parametrize(
    ("person", "group", "code", "kind"),
    [
        ("owner", "no-such-group", 3, "not_found"),
        ("stranger", GROUP, 6, "forbidden"),
        ("limited", GROUP, 5, "rate_limited"),
    ],
)
def test_refusals(
    capsys: Captured, as_person: AsPerson, person: str, group: str, code: int, kind: str
) -> None:
    where = as_person(person)
    assert run(["invitations", "list", group, *where]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("arena-groups: ")
    assert err.count("\n") == 1
    assert run(["invitations", "list", group, "--format", "json", *where]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert json.loads(err)["error"]["type"] == kind
    assert json.loads(err)["error"]["exit_code"] == code


@pytest.mark.parametrize("token", ["wrong-token-4711", None])
def test_a_wrong_token_and_none(
    capsys: Captured, as_person: AsPerson, monkeypatch: pytest.MonkeyPatch, token: str | None
) -> None:
    where = as_person("owner")
    if token is None:
        monkeypatch.delenv("ARENA_TOKEN")
    else:
        monkeypatch.setenv("ARENA_TOKEN", token)
    assert run(["invitations", "list", GROUP, *where]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "ARENA_TOKEN" in err
    assert "4711" not in err


@pytest.mark.parametrize(
    "line",
    [
        "invitations list",
        "invitations list a b",
        "invitations frobnicate",
        "frobnicate",
        "--frobnicate",
        "invitations list g --format xml",
        "invitations list g --sandbox --base-url http://127.0.0.1",
        "invitations list g --base-url nonsense",
        "invitations list .. --sandbox",
        "invitations list a/b --sandbox",
        "invite-code show",
        "sandbox --port 70000",
        "sandbox --tier gold",
        "sandbox --seed x",
    ],
)
def test_usage_errors(capsys: Captured, line: str) -> None:
    assert run(line.split()) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("arena-groups: ")
    assert err.count("\n") == 1


def test_usage_errors_in_json(capsys: Captured) -> None:
    assert run(["invitations", "list", "--format", "ndjson"]) == 1
    error = json.loads(capsys.readouterr().err)["error"]
    assert error["type"] == "usage"
    assert error["hint"] == "arena-groups invitations list --help"


def test_nobody_there(capsys: Captured, unused_tcp_port: int) -> None:
    where = f"http://127.0.0.1:{unused_tcp_port}"
    assert run(["invitations", "list", GROUP, "--base-url", where]) == 1
    assert "--base-url" in capsys.readouterr().err


@pytest.mark.parametrize(
    "line", ["", "--help", "-h", "invitations", "invite-code", "groups", "members", "auth"]
)
def test_help(capsys: Captured, line: str) -> None:
    assert run(line.split()) == 0
    assert capsys.readouterr().out.startswith("Usage: arena-groups")


def test_bugs_keep_their_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(invitations, "list_invitations", broken)
    with pytest.raises(KeyError):
        run(["invitations", "list", GROUP])


def test_interrupts_before_and_during_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(invitations, "list_invitations", interrupted)
    assert run(["invitations", "list", GROUP]) == 130
    monkeypatch.undo()

    async def interrupted_later(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(invitations, "list_invitations", interrupted_later)
    assert run(["invitations", "list", GROUP]) == 130


class Full(io.StringIO):
    """Standard output that takes nothing."""

    def __init__(self, code: int) -> None:
        super().__init__()
        self._error = OSError(code, "told by the system")

    def write(self, text: str) -> int:
        raise self._error


def test_a_full_disk(
    capsys: Captured, as_person: AsPerson, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", Full(errno.ENOSPC))
    assert run(["invitations", "list", GROUP, *as_person("owner")]) == 1
    assert capsys.readouterr().err == "arena-groups: told by the system\n"


def test_a_reader_who_has_seen_enough(
    capsys: Captured, as_person: AsPerson, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", Full(errno.EPIPE))
    assert run(["invitations", "list", GROUP, *as_person("owner")]) == 0
    assert capsys.readouterr().err == ""


class Person(io.StringIO):
    """A standard stream with somebody in front of it."""

    def isatty(self) -> bool:
        return True


def test_people_see_a_table_and_how_many(
    as_person: AsPerson, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, err = Person(), Person()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    assert run(["invitations", "list", GROUP, *as_person("owner")]) == 0
    assert "INVITEE" in out.getvalue().splitlines()[0]
    count = len(out.getvalue().splitlines()) - 1
    assert err.getvalue() == f"{count} pending invitations\n"


def test_people_see_progress_where_results_go_elsewhere(
    as_person: AsPerson, monkeypatch: pytest.MonkeyPatch
) -> None:
    err = Person()
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setattr(sys, "stderr", err)
    monkeypatch.setenv("TERM", "xterm")
    assert run(["invitations", "list", GROUP, *as_person("owner")]) == 0
    assert " so far" in err.getvalue()
    assert err.getvalue().endswith(" pending invitations\n")


def test_the_default_is_are_na_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def client(token: str | None, **options: object) -> None:
        asked.append((token, options["base_url"], options["retry"]))
        raise ValueError("not in tests")

    monkeypatch.setattr(arena_groups, "ArenaClient", client)
    assert run(["invitations", "list", GROUP]) == 1
    assert asked == [(None, "https://api.are.na", retry_policy())]


@pytest.mark.parametrize("as_json", [False, True])
def test_sandbox_tells_how_to_reach_it(
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
    else:
        assert "http://127.0.0.1:" in out.splitlines()[0]
        assert {GROUP, "owner", "read_only", "limited"} <= set(out.split())


def test_sandbox_with_faults(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_sandbox_with_a_fault_that_is_none(capsys: Captured, spec: str, problem: str) -> None:
    assert run(["sandbox", "--fault", spec]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert problem in err
    assert err.count("\n") == 1


def test_the_help_lists_every_fault(capsys: Captured) -> None:
    assert run(["sandbox", "--help"]) == 0
    out = capsys.readouterr().out
    assert "NAME:OPTION=VALUE" in out
    listed = [line.split()[0] for line in out.partition("Faults:")[2].splitlines() if line.strip()]
    assert {kind.name() for kind in FAULTS} <= set(listed)


async def test_sigterm_stops() -> None:
    stopped = sandbox_command.stop_on_sigterm()
    os.kill(os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(30):
        await stopped.wait()


def test_a_port_that_is_taken(capsys: Captured, unused_tcp_port: int) -> None:
    with socket.create_server(("127.0.0.1", unused_tcp_port)):
        assert run(["sandbox", "--port", str(unused_tcp_port)]) == 1
    err = capsys.readouterr().err
    assert str(unused_tcp_port) in err
    assert err.count("\n") == 1


def test_another_missing_module_is_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "arena_groups.cli.main", None)
    with pytest.raises(ModuleNotFoundError):
        entry_point()


def test_main_exits_with_the_code(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(application, "run", len)
    monkeypatch.setattr(sys, "argv", ["arena-groups", "a", "b", "c"])
    with pytest.raises(SystemExit) as stop:
        entry_point()
    assert stop.value.code == 3


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("groups followers g --limit two", "'two' is not a whole number"),
        ("groups followers g --limit -1", "-1 is too low: the minimum is 0"),
        ("invitations revoke g 0", "0 is too low: the minimum is 1"),
        ("sandbox --port 65536", "65536 is too high: the maximum is 65535"),
    ],
)
def test_a_number_that_cannot_be(line: str, told: str, capsys: Captured) -> None:
    assert run(line.split()) == 1
    assert told in capsys.readouterr().err
