"""Calls of any endpoint from the command line."""

import io
import json
import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from arena_groups.cli.main import run
from arena_groups.sandbox import Sandbox
from tests.support.command_line import (
    AsPerson,
    At,
    Captured,
    FakeTerminal,
    Served,
    Start,
)
from tests.support.waiting import HANG_TIMEOUT

GROUP = "research-studio"
CONTENTS = "/v3/groups/{id}/contents"


class Typed(io.TextIOWrapper):
    """Standard input that is a pipe."""

    def __init__(self, content: bytes) -> None:
        super().__init__(io.BytesIO(content))


@pytest.fixture
def plain(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> At:
    """Run a command line without a format; return the exit code."""

    def call(*arguments: str) -> int:
        monkeypatch.setenv("ARENA_TOKEN", sandbox.tokens.owner)
        return run([*arguments, "--base-url", sandbox.url])

    return call


def test_response_is_one_line_of_json_in_a_pipe(plain: At, at: At, capsys: Captured) -> None:
    assert plain("api", "/v3/groups/{id}", "-f", f"id={GROUP}") == 0
    out, err = capsys.readouterr()
    assert (json.loads(out)["slug"], out.count("\n"), err) == (GROUP, 1, "")
    assert at("api", "get", "/v3/groups/research-studio", chosen="json") == 0
    assert capsys.readouterr().out.startswith('{\n  "id"')


def test_response_is_indented_and_safe_at_a_terminal(
    plain: At, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = sandbox.add_group("Bell \x9b31m\u202e")
    screen = FakeTerminal()
    monkeypatch.setattr("sys.stdout", screen)
    assert plain("api", "/v3/groups/{id}", "-F", f"id={group}") == 0
    text = screen.getvalue()
    assert text.startswith('{\n  "id"')
    assert not {"\x9b", "\u202e"} & set(text)
    assert json.loads(text)["name"] == "Bell \x9b31m\u202e"


def test_fields_fill_placeholders_then_the_query(at: At, sandbox: Sandbox) -> None:
    line = ("-f", f"id={GROUP}", "-f", "sort=created_at_asc", "-f", "type=Text", "-F", "per=2")
    assert at("api", CONTENTS, *line) == 0
    (request,) = sandbox.requests
    assert request.path == f"/v3/groups/{GROUP}/contents"
    assert request.query == {"sort": "created_at_asc", "type": "Text", "per": "2"}


def test_repeated_field_is_a_list(at: At, sandbox: Sandbox) -> None:
    at("api", "/v3/search", "-f", "type=Image", "-f", "type=Link", "-F", "ext=[1, 2]")
    assert sandbox.requests[-1].query == {"type": "Image,Link", "ext": "1,2"}


def test_fields_fill_placeholders_then_the_body(at: At, sandbox: Sandbox, capsys: Captured) -> None:
    assert at("api", "POST", "/v3/groups", "-f", "name=007") == 0
    created = json.loads(capsys.readouterr().out)
    assert created["name"] == "007"
    line = ("api", "PUT", "/v3/groups/{id}", "-f", f"id={created['slug']}")
    assert at(*line, "-F", "description=null") == 0
    assert json.loads(capsys.readouterr().out)["description"] is None
    invite = ("api", "POST", "/v3/groups/{id}/invitations", "-F", f"id={created['id']}")
    assert at(*invite, "-F", f"user_id={sandbox.users.stranger.id}") == 0
    assert json.loads(capsys.readouterr().out)["outcome"] == "invited"
    assert at("api", "DELETE", "/v3/groups/{id}", "-F", f"id={created['id']}") == 0
    assert capsys.readouterr().out == ""
    assert created["id"] not in sandbox.groups.values()


@pytest.mark.parametrize("piped", [False, True])
def test_body_comes_from_a_file_or_a_pipe(
    at: At, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch, *, piped: bool
) -> None:
    content = '\ufeff{"name": "Zoë\'s\\nroom", "description": "*x*"}'.encode()
    (tmp_path / "body.json").write_bytes(content)
    monkeypatch.setattr("sys.stdin", Typed(content))
    source = "-" if piped else str(tmp_path / "body.json")
    assert at("api", "POST", "/v3/groups", "--input", source, "-f", "trace=1") == 0
    assert json.loads(capsys.readouterr().out)["name"] == "Zoë's\nroom"


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b'{"name": "hush', "line 1, column 10"),
        (b"", "line 1, column 1"),
        (b'{"name":\n NaN}', ""),
        (b'{"name": "\xff"}', ""),
        (b"[" * 100_000, ""),
    ],
)
def test_body_that_is_not_json_sends_nothing(
    plain: At, sandbox: Sandbox, tmp_path: Path, capsys: Captured, content: bytes, place: str
) -> None:
    file = tmp_path / "body.json"
    file.write_bytes(content)
    assert plain("api", "POST", "/v3/groups", "--input", str(file)) == 4
    err = capsys.readouterr().err
    assert f"is not valid JSON{': ' * bool(place)}{place}" in err
    assert "hush" not in err
    assert sandbox.requests == ()


def test_body_that_is_null_is_refused(
    plain: At, sandbox: Sandbox, tmp_path: Path, capsys: Captured
) -> None:
    file = tmp_path / "null.json"
    file.write_text(" null\n")
    assert plain("api", "POST", "/v3/groups", "--input", str(file)) == 1
    assert "null" in capsys.readouterr().err
    assert sandbox.requests == ()


def test_missing_file_is_an_error_of_the_system(plain: At, capsys: Captured) -> None:
    assert plain("api", "POST", "/v3/groups", "--input", "no-such-file.json") == 1
    assert "cannot open no-such-file.json" in capsys.readouterr().err


@pytest.mark.parametrize("chosen", ["ndjson", "json"])
def test_items_of_all_pages_are_listed(
    at: At, sandbox: Sandbox, capsys: Captured, chosen: str
) -> None:
    line = ("api", CONTENTS, "--paginate", "-f", "sort=created_at_desc", "-f", f"id={GROUP}")
    assert at("groups", "contents", GROUP, chosen="json") == 0
    expected = [each["id"] for each in json.loads(capsys.readouterr().out)]
    assert at(*line, chosen=chosen) == 0
    out = capsys.readouterr().out
    items: list[Any] = (
        json.loads(out) if chosen == "json" else [json.loads(row) for row in out.splitlines()]
    )
    assert [each["id"] for each in items] == expected
    assert at(*line, "--limit", "3", chosen=chosen) == 0
    assert capsys.readouterr().out.count('"base_type"') <= 3
    assert at(*line, "--limit", "0", chosen="json") == 0
    assert capsys.readouterr().out == "[]\n"
    assert sandbox.requests[1].query["sort"] == "created_at_desc"


@pytest.mark.parametrize(
    ("line", "code", "kind", "part"),
    [
        ("/v3/groups/{id} -f id=no-such-group", 3, "not_found", "GET /v3/groups/{id}"),
        ("/v3/groups/no-such-group", 3, "not_found", "[GET /v3/groups]"),
        ("POST /v3/groups -f name=", 4, "validation", "name"),
        ("/v3/me/notifications --paginate", 1, "pagination", "call it without --paginate"),
        ("/v3/me --paginate", 1, "pagination", "is not a page of a list"),
        ("/v3/groups/{id}", 1, "usage", "no value for {id}: add -f id=VALUE"),
        ("/v3/groups/{id} -f id=a -f id=b", 1, "usage", "{id} has two values"),
        ("/v3/groups/{id} -F id=[1]", 1, "usage", "{id} must be a text or a whole number"),
        ("/v3/groups/{id} -f id=..", 1, "usage", "{id} must not be empty or dots"),
        ("/v3/me?x=hush", 1, "usage", "ROUTE must not hold a query: use -f NAME=VALUE"),
        ("me", 1, "usage", "ROUTE begins with a slash and a version: /v3/me"),
        ("GET v3/groups", 1, "usage", "a version: /v3/groups"),
        ("//evil.example/x", 1, "usage", "route must be a path"),
        ("https://evil.example/x", 1, "usage", "route must be a path"),
        ("/v3/../x", 1, "usage", "route must not hold a segment of dots"),
        ("/v3/x{id} -f id=hush", 1, "usage", "must be a whole segment"),
        ("FETCH /v3/me", 1, "usage", "METHOD must be one of GET, HEAD"),
        ("GET /v3/me extra", 1, "usage", "give METHOD and ROUTE only"),
        ("/v3/me -f hush", 1, "usage", "-f must be followed by NAME=VALUE"),
        ("/v3/me -f =hush", 1, "usage", "-f must be followed by NAME=VALUE"),
        ("/v3/me -F x=hush", 1, "usage", "the value of -F x is not JSON"),
        ("/v3/me -F x=NaN", 1, "usage", "the value of -F x is not JSON"),
        ('/v3/me -F x={"a":"hush"}', 1, "usage", "the query takes texts, numbers and lists"),
        ("/v3/me --input -", 1, "usage", "--input cannot be used with GET"),
        ("POST /v3/groups --paginate", 1, "usage", "--paginate is for GET"),
        ("/v3/me --limit 3", 1, "usage", "--limit needs --paginate"),
        ("/v3/x --paginate -f page=2", 1, "usage", "query must not contain page"),
        ("", 1, "usage", "Missing argument"),
    ],
)
def test_failure_has_a_kind_and_shows_no_value(
    at: At, capsys: Captured, line: str, code: int, kind: str, part: str
) -> None:
    assert at("api", *line.split(), chosen="json") == code
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    error = json.loads(err)["error"]
    assert error["type"] == kind
    assert part in f"{error['message']} {error.get('hint')}"
    assert "hush" not in err
    assert "evil" not in err


@pytest.mark.parametrize("chosen", ["table", "csv"])
def test_formats_without_json_are_refused(at: At, capsys: Captured, chosen: str) -> None:
    assert at("api", "/v3/me", chosen=chosen) == 1
    assert "api prints JSON" in capsys.readouterr().err


def test_wrong_token_is_unauthorized(
    as_person: AsPerson, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = as_person("owner")
    monkeypatch.setenv("ARENA_TOKEN", "wrong-4711")
    assert run(["api", "/v3/me", *where]) == 2
    err = capsys.readouterr().err
    assert "the environment variable ARENA_TOKEN" in err
    assert "4711" not in err


def test_sandbox_option_needs_no_token(capsys: Captured) -> None:
    assert run(["api", "/v3/me", "--sandbox"]) == 0
    assert json.loads(capsys.readouterr().out)["slug"] == "ada-osei"


def test_log_names_the_template_only(plain: At, capsys: Captured) -> None:
    line = ("api", "/v3/groups/{id}", "-f", "id=hush", "-f", "q=hush", "--verbose")
    assert plain(*line) == 3
    err = capsys.readouterr().err
    assert "GET /v3/groups/{id} -> 404" in err
    assert "hush" not in err


def test_closed_pipe_ends_a_list(start: Start, served: Served) -> None:
    where = ("--base-url", served.url, "--paginate", "-f", f"id={GROUP}")
    process = start(
        "api", "/v3/groups/{id}/invitations", *where, ARENA_TOKEN=served.tokens["owner"]
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline()
    process.stdout.close()
    assert process.wait(HANG_TIMEOUT) == 0
    assert process.stderr.read() == ""


def test_interrupted_call_exits_with_130(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(HANG_TIMEOUT)
        port = silent.getsockname()[1]
        process = start("api", "/v3/me", "--base-url", f"http://127.0.0.1:{port}")
        with silent.accept()[0] as connection:
            assert connection.recv(4) == b"GET "
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=HANG_TIMEOUT) == ("", "")
    assert process.returncode == 130
