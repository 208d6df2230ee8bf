"""The command that serves tools to assistants: its options, notes and errors."""

import json
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp")

import arena_groups.mcp
from arena_groups._extras import install_command
from arena_groups.cli.commands import mcp as mcp_command
from arena_groups.cli.config_file import set_value
from arena_groups.cli.errors import CliError
from arena_groups.cli.main import run
from arena_groups.sandbox import Sandbox
from tests.support.command_line import (
    AsPerson,
    Captured,
    FakeTerminal,
    MemoryKeyring,
    Served,
    Typing,
)

SEEN = "arena-groups: seen enough\n"
FLAGS = ("allow_writes", "allow_removals", "show_personal_data", "show_invite_code")


@pytest.fixture
def created(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Options of the servers that would have been created. The command ends with an error."""
    created: list[dict[str, Any]] = []

    def create_server(arena: arena_groups.ArenaClient, **options: Any) -> None:
        created.append({"arena": arena, **options})
        raise CliError("test", "seen enough")

    monkeypatch.setattr(arena_groups.mcp, "create_server", create_server)
    return created


@pytest.mark.parametrize(
    ("line", "flags"),
    [
        ("", set()),
        ("--allow-writes", {"allow_writes"}),
        ("--allow-writes --allow-removals", {"allow_writes", "allow_removals"}),
        ("--show-personal-data", {"show_personal_data"}),
        ("--show-invite-code", {"show_invite_code"}),
        ("--show-invite-code --show-personal-data --allow-writes", {*FLAGS} - {"allow_removals"}),
    ],
)
@pytest.mark.parametrize("transport", ["", "--http 0"])
def test_flags_are_those_of_the_server(
    line: str,
    flags: set[str],
    transport: str,
    created: list[dict[str, Any]],
    as_person: AsPerson,
    capsys: Captured,
) -> None:
    assert run(["mcp", *line.split(), *transport.split(), *as_person("owner")]) == 1
    assert {name for name in FLAGS if created[0][name]} == flags
    assert created[0]["store"] is None
    assert capsys.readouterr() == ("", SEEN)


def test_store_is_opened(
    created: list[dict[str, Any]], as_person: AsPerson, tmp_path: Any, capsys: Captured
) -> None:
    assert run(["mcp", "--store", str(tmp_path / "s.db"), *as_person("owner")]) == 1
    assert isinstance(created[0]["store"], arena_groups.SQLiteStore)
    assert capsys.readouterr().err == SEEN


@pytest.mark.parametrize(
    ("place", "problem"),
    [("missing/s.db", "the folder"), ("text.db", "text.db"), ("redis://127.0.0.1:1/0", "Redis")],
)
def test_store_that_cannot_be_used_is_one_line_at_the_start(
    place: str, problem: str, created: list[dict[str, Any]], tmp_path: Path, capsys: Captured
) -> None:
    (tmp_path / "text.db").write_text("not a database, but a text " * 100)
    if "://" not in place:
        place = str(tmp_path / place)
    assert run(["mcp", "--sandbox", "--store", place]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert problem in err
    assert not created


def test_sandbox_needs_no_token(created: list[dict[str, Any]], capsys: Captured) -> None:
    assert run(["mcp", "--sandbox", "--allow-writes"]) == 1
    assert created
    assert capsys.readouterr() == ("", SEEN)


@pytest.mark.parametrize("options", [[], ["--allow-writes"]])
def test_stored_login_of_the_current_host_is_used(
    options: list[str],
    created: list[dict[str, Any]],
    sandbox: Sandbox,
    typed: Typing,
    keyring: MemoryKeyring,
    capsys: Captured,
) -> None:
    typed(sandbox.tokens.owner)
    assert run(["auth", "login", "--base-url", sandbox.url]) == 0
    assert keyring.kept
    capsys.readouterr()
    assert run(["mcp", *options]) == 1
    assert created[0]["arena"].base_url == sandbox.url
    assert capsys.readouterr().err == SEEN  # no note about a missing token


def test_server_of_the_configuration_file_is_used(
    created: list[dict[str, Any]], served: Served, capsys: Captured
) -> None:
    set_value("base_url", served.url)
    assert run(["mcp"]) == 1
    assert created[0]["arena"].base_url == served.url
    assert capsys.readouterr().err == SEEN


def test_token_that_cannot_be_one_is_one_line(
    created: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv("ARENA_TOKEN", "to ken-4711")
    assert run(["mcp"]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "4711" not in err
    assert not created


@pytest.mark.parametrize("chosen", [None, "json"])
def test_missing_token_is_said_if_writes_are_allowed(
    chosen: str | None, created: list[dict[str, Any]], capsys: Captured
) -> None:
    options = [] if chosen is None else ["--format", chosen]
    assert run(["mcp", *options]) == 1
    without_writes = capsys.readouterr().err
    assert without_writes.count("\n") == 1
    assert run(["mcp", "--allow-writes", "--quiet", *options]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    note, end = err.splitlines()
    assert end + "\n" == without_writes
    text = note if chosen is None else json.loads(note)["note"]["message"]
    assert "no token found, so nothing can be changed: log in with" in text
    assert len(created) == 2


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("--allow-removals", "--allow-removals needs --allow-writes"),
        ("--allow-removals --sandbox", "--allow-removals needs --allow-writes"),
        ("--yes", "--yes has no effect on this command"),
        ("--utc", "--utc has no effect on this command"),
        ("--no-pager", "--no-pager has no effect on this command"),
        ("--columns id", "this command has no --columns"),
        ("--bom", "--bom needs --format csv"),
        ("--http", "Option '--http' requires an argument"),
        ("--http x", "'x' is not a whole number"),
        ("--http 70000", "70000 is too high"),
        ("--http -1", "-1 is too low"),
        ("--http 0.0.0.0:80", "is not a whole number"),
        ("--store https://x", "use a file, or a URL"),
        ("--sandbox --base-url http://localhost", "cannot be combined"),
        ("research-studio", ""),
    ],
)
def test_wrong_options_are_one_line(
    line: str, problem: str, created: list[dict[str, Any]], capsys: Captured
) -> None:
    assert run(["mcp", *line.split()]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert problem in err
    assert not created


@pytest.mark.parametrize(
    "token",
    ["short-4711", "x" * 15, "a passphrase with spaces", "geheimes-Wört-4711-lang", "tab\t" * 9],
)
def test_token_that_is_short_or_odd_is_one_line_without_it(
    token: str,
    created: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: Captured,
) -> None:
    monkeypatch.setenv("ARENA_MCP_TOKEN", token)
    assert run(["mcp", "--sandbox", "--http", "0"]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("arena-groups: ARENA_MCP_TOKEN must ")
    assert token not in err
    assert not created
    assert run(["mcp", "--sandbox"]) == 1  # it is of no interest without HTTP
    assert capsys.readouterr().err == SEEN


def test_empty_token_counts_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARENA_MCP_TOKEN", "")
    access = mcp_command.http_access(0)
    assert access.is_new
    assert len(access.token.reveal()) >= 40
    assert access.token.reveal() not in repr(access)


@pytest.mark.parametrize("chosen", [None, "json"])
def test_port_that_is_taken_is_one_line(chosen: str | None, capsys: Captured) -> None:
    options = [] if chosen is None else ["--format", chosen]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert run(["mcp", "--sandbox", "--http", str(port), *options]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    text = err if chosen is None else json.loads(err)["error"]["message"]
    assert f"cannot listen on port {port}: address already in use" in text
    assert "choose another port with --http" in err


@pytest.mark.parametrize("transport", ["", "--http 0"])
def test_missing_extra_is_one_line_with_the_command(
    transport: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    for name in [name for name in sys.modules if name.startswith("arena_groups.mcp")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mcp", None)
    assert run(["mcp", "--sandbox", *transport.split()]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert install_command("mcp") in err


@pytest.mark.parametrize("stream", ["stdin", "stdout"])
def test_closed_stream_is_one_line(
    stream: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sys, stream, None)
        assert run(["mcp", "--sandbox"]) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "standard input or output is closed" in err


@pytest.mark.parametrize("quiet", [False, True])
def test_note_at_a_terminal_says_what_it_waits_for(
    quiet: bool, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    async def serve_stdio(server: object) -> None:
        raise CliError("test", "seen enough")

    monkeypatch.setattr("arena_groups.mcp.stdio.serve_stdio", serve_stdio)
    monkeypatch.setattr(sys, "stdin", FakeTerminal())
    assert run(["mcp", "--sandbox", *["--quiet"] * quiet]) == 1
    note = "arena-groups: waiting for the host of an assistant; Ctrl-C ends this\n"
    assert capsys.readouterr() == ("", ("" if quiet else note) + SEEN)
