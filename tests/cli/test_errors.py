"""Errors as the user sees them: kind, message, hint and exit code."""

import click
import pytest

from arena_groups import (
    ArenaAPIError,
    ArenaError,
    ArenaTimeoutError,
    AuthenticationError,
    BadRequestError,
    BlockedError,
    DecodeError,
    DecodeIssue,
    ForbiddenError,
    NotFoundError,
    OAuthError,
    PacerError,
    PaginationError,
    RateLimitError,
    ServerError,
    StoreError,
    UnprocessableError,
)
from arena_groups._api.hints import PLAIN_HTTP_HINT, SCOPE_HINT
from arena_groups.cli.errors import CliError, ExitCode, describe
from arena_groups.cli.main import run
from tests.support.command_line import Captured, Served


def test_message_has_the_names_of_the_options() -> None:
    text = "run one, pass shared=True to all of them, or give them different names (or else)"
    described = describe(StoreError(text))
    assert described is not None
    shown = "run one, use --shared for all of them, or give each another --name (or else)"
    assert described.message == shown


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (AuthenticationError(401, error="Unauthorized"), "unauthorized", 2),
        (NotFoundError(404, error="Not Found"), "not_found", 3),
        (BadRequestError(400, error="Bad Request"), "validation", 4),
        (UnprocessableError(422, error="Unprocessable"), "validation", 4),
        (RateLimitError(429, error="Too Many Requests"), "rate_limited", 5),
        (ForbiddenError(403, error="Forbidden"), "forbidden", 6),
        (BlockedError(403, error="Forbidden"), "blocked", 6),
        (BlockedError(503, error="Unavailable"), "blocked", 6),
        (ServerError(503, error="Unavailable"), "api", 1),
        (ArenaAPIError(418, error="Teapot"), "api", 1),
        (ArenaTimeoutError("too slow"), "connection", 1),
        (DecodeError("groups.get", [DecodeIssue("id", "missing")]), "decode", 1),
        (PaginationError("goes back"), "pagination", 1),
        (StoreError("the store is locked"), "system", 1),
        (PacerError("Redis cannot be used"), "system", 1),
        (OAuthError("invalid_client", status=401), "unauthorized", 2),
        (OAuthError("invalid_grant", status=400), "unauthorized", 2),
        (ArenaError("closed"), "api", 1),
        (ValueError("group must not be empty"), "usage", 1),
        (click.UsageError("Missing argument"), "usage", 1),
        (click.ClickException("something else"), "usage", 1),
        (OSError(28, "No space left on device"), "system", 1),
    ],
)
def test_describe_known_error_returns_kind_and_code(error: Exception, kind: str, code: int) -> None:
    described = describe(error)
    assert described is not None
    assert (described.kind, described.code) == (kind, code)
    assert described.message


def test_describe_cli_error_returns_it() -> None:
    described = CliError("declined", "nothing was done")
    assert describe(described) is described


def test_describe_os_error_names_file() -> None:
    described = describe(FileNotFoundError(2, "No such file or directory", "no/where.svg"))
    assert described is not None
    assert described.message == "cannot open no/where.svg: no such file or directory"


def test_describe_authentication_error_names_source_of_token() -> None:
    described = describe(AuthenticationError(401, error="Unauthorized"), "the system's keyring")
    assert described is not None
    assert "the token came from the system's keyring" in described.as_line()


@pytest.mark.parametrize(("method", "named"), [("POST", True), ("DELETE", True), ("GET", False)])
def test_describe_authentication_error_of_a_write_names_the_scope(method: str, named: bool) -> None:
    error = AuthenticationError(401, error="Unauthorized", method=method)
    described = describe(error, "the system's keyring")
    assert described is not None
    assert ("for a write it needs the scope write" in described.hint) is named
    without_token = describe(error)
    assert without_token is not None
    assert "scope" not in without_token.hint


def test_describe_blocked_error_does_not_blame_the_token() -> None:
    described = describe(BlockedError(403, error="Forbidden", hint="check app="), "ARENA_TOKEN")
    assert described is not None
    assert "not your token" in described.hint
    assert "ARENA_TOKEN" not in described.as_line()
    assert "app=" not in described.as_line()


def test_describe_unexpected_exception_returns_none() -> None:
    assert describe(KeyError("x")) is None
    assert describe(AssertionError()) is None


@pytest.mark.parametrize(
    ("route", "method", "expected"),
    [
        ("/v3/groups/{id}/invite", "GET", "`arena-groups invite-code create`"),
        ("/v3/groups/{id}/invitations", "POST", "--user-id"),
        (
            "/v3/groups/{id}/invitations/{invitation_id}",
            "DELETE",
            "`arena-groups invitations list`",
        ),
    ],
)
def test_describe_not_found_hints_at_commands(route: str, method: str, expected: str) -> None:
    error = NotFoundError(
        404, error="Not Found", method=method, route=route, hint="groups.create_invite_code"
    )
    described = describe(error)
    assert described is not None
    assert expected in described.hint
    assert "create_invite_code" not in described.as_line()


def test_describe_oauth_error_has_status_and_hint() -> None:
    described = describe(OAuthError("invalid_client", description="No.", status=401, hint="look"))
    assert described is not None
    assert (described.message, described.hint, described.status) == (
        "401 invalid_client: No.",
        "look",
        401,
    )


def test_as_line_has_message_and_hint_once() -> None:
    error = NotFoundError(404, error="Not Found", route="/v3/groups/{id}", hint="check the slug")
    described = describe(error)
    assert described is not None
    line = described.as_line()
    assert line.startswith("arena-groups: 404 Not Found")
    assert line.endswith("(hint: check the slug)")
    assert line.count("check the slug") == 1


def test_describe_missing_token_hints_at_environment_variable() -> None:
    described = describe(AuthenticationError(401, error="Unauthorized", hint="pass token="))
    assert described is not None
    assert "ARENA_TOKEN" in described.as_line()
    assert "token=" not in described.as_line()


def test_as_dict_has_known_facts() -> None:
    described = describe(RateLimitError(429, error="rate_limited", retry_after=12.5, hint="wait"))
    assert described is not None
    assert described.as_dict() == {
        "error": {
            "type": "rate_limited",
            "message": "429 rate_limited",
            "hint": "wait",
            "status": 429,
            "retry_after": 12.5,
            "exit_code": 5,
        }
    }
    assert CliError("usage", "no").as_dict() == {
        "error": {"type": "usage", "message": "no", "exit_code": 1}
    }


LEAVE = {"method": "DELETE", "route": "/v3/groups/{id}/members/me"}


def test_describe_refused_leave_tells_the_owner_how_to_hand_over() -> None:
    rule = "the owner cannot leave a group"
    described = describe(ForbiddenError(403, error="Forbidden", hint=rule, **LEAVE), "a file")
    assert described is not None
    assert "hand it over to another member first, in its settings at Are.na" in described.hint
    assert "`arena-groups groups delete`" in described.hint
    assert "scope" not in described.hint


@pytest.mark.parametrize("hint", [SCOPE_HINT, f"the owner cannot leave a group; or {SCOPE_HINT}"])
def test_describe_missing_scope_names_the_scope(hint: str) -> None:
    described = describe(ForbiddenError(403, error="Forbidden", hint=hint, **LEAVE), "a file")
    assert described is not None
    assert "the scope write" in described.hint
    assert ("the owner" in described.hint) is (hint != SCOPE_HINT)


def test_describe_forbidden_without_token_hints_at_the_login() -> None:
    described = describe(ForbiddenError(403, error="Forbidden", hint="no token: pass token="))
    assert described is not None
    assert "auth login" in described.hint
    assert "token=" not in described.as_line()


def test_describe_missing_token_does_not_name_a_variable_that_is_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ARENA_TOKEN", "t0k3n")
    described = describe(AuthenticationError(401, error="Unauthorized"))
    assert described is not None
    assert described.hint.startswith("ARENA_TOKEN is for Are.na: ")
    monkeypatch.setenv("ARENA_BASE_URL", "http://127.0.0.1:1")
    described = describe(AuthenticationError(401, error="Unauthorized"))
    assert described is not None
    assert "ARENA_TOKEN is for the server of ARENA_BASE_URL" in described.hint
    assert "set ARENA_TOKEN" not in described.hint


@pytest.mark.parametrize("line", ["auth status", "groups list", "members leave g --yes"])
def test_missing_token_of_another_server_names_the_login_there(
    line: str, served: Served, capsys: Captured
) -> None:
    assert run([*line.split(), "--base-url", served.url]) == ExitCode.UNAUTHORIZED
    hint = capsys.readouterr().err
    assert f"arena-groups auth login --base-url {served.url}`" in hint
    assert "ARENA_TOKEN" not in hint


def test_missing_token_of_are_na_names_the_plain_login(capsys: Captured) -> None:
    assert run(["groups", "list"]) == ExitCode.UNAUTHORIZED
    assert "`arena-groups auth login`" in capsys.readouterr().err


def test_describe_plain_http_at_a_port_with_tls_is_a_connection_error() -> None:
    described = describe(BadRequestError(400, error="Bad Request", hint=PLAIN_HTTP_HINT))
    assert described is not None
    assert (described.kind, described.code, described.hint) == ("connection", 1, PLAIN_HTTP_HINT)
