"""How problems are told, and with which exit code."""

import click
import pytest

from arena_groups import (
    ArenaAPIError,
    ArenaError,
    ArenaTimeoutError,
    AuthenticationError,
    BadRequestError,
    DecodeError,
    DecodeIssue,
    ForbiddenError,
    NotFoundError,
    OAuthError,
    PaginationError,
    RateLimitError,
    ServerError,
    StoreError,
    UnprocessableError,
)
from arena_groups.cli.errors import CliError, ExitCode, describe
from arena_groups.cli.options import Format, Settings
from arena_groups.cli.output.messages import write_error

Captured = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (AuthenticationError(401, error="Unauthorized"), "unauthorized", 2),
        (NotFoundError(404, error="Not Found"), "not_found", 3),
        (BadRequestError(400, error="Bad Request"), "validation", 4),
        (UnprocessableError(422, error="Unprocessable"), "validation", 4),
        (RateLimitError(429, error="Too Many Requests"), "rate_limited", 5),
        (ForbiddenError(403, error="Forbidden"), "forbidden", 6),
        (ServerError(503, error="Unavailable"), "api", 1),
        (ArenaAPIError(418, error="Teapot"), "api", 1),
        (ArenaTimeoutError("too slow"), "connection", 1),
        (DecodeError("groups.get", [DecodeIssue("id", "missing")]), "decode", 1),
        (PaginationError("goes back"), "pagination", 1),
        (StoreError("the store is locked"), "system", 1),
        (OAuthError("invalid_client", status=401), "unauthorized", 2),
        (OAuthError("invalid_grant", status=400), "unauthorized", 2),
        (ArenaError("closed"), "api", 1),
        (ValueError("group must not be empty"), "usage", 1),
        (click.UsageError("Missing argument"), "usage", 1),
        (click.ClickException("something else"), "usage", 1),
        (OSError(28, "No space left on device"), "system", 1),
    ],
)
def test_kinds_and_codes(error: Exception, kind: str, code: int) -> None:
    problem = describe(error)
    assert problem is not None
    assert (problem.kind, problem.code) == (kind, code)
    assert problem.message


def test_problems_of_our_own_are_told_as_they_are() -> None:
    problem = CliError("declined", "nothing was done")
    assert describe(problem) is problem


def test_files_are_named() -> None:
    problem = describe(FileNotFoundError(2, "No such file or directory", "no/where.svg"))
    assert problem is not None
    assert problem.message == "cannot open no/where.svg: no such file or directory"


def test_where_a_refused_token_came_from_is_told() -> None:
    problem = describe(AuthenticationError(401, error="Unauthorized"), "the system's keyring")
    assert problem is not None
    assert "the token came from the system's keyring" in problem.as_line()


def test_bugs_are_not_dressed_up() -> None:
    assert describe(KeyError("x")) is None
    assert describe(AssertionError()) is None


@pytest.mark.parametrize(
    ("route", "method", "told"),
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
def test_hints_speak_of_commands_not_of_methods(route: str, method: str, told: str) -> None:
    error = NotFoundError(
        404, error="Not Found", method=method, route=route, hint="groups.create_invite_code"
    )
    problem = describe(error)
    assert problem is not None
    assert told in problem.hint
    assert "create_invite_code" not in problem.as_line()


def test_a_refused_app_is_told_with_its_status_and_a_hint() -> None:
    problem = describe(OAuthError("invalid_client", description="No.", status=401, hint="look"))
    assert problem is not None
    assert (problem.message, problem.hint, problem.status) == (
        "401 invalid_client: No.",
        "look",
        401,
    )


def test_a_line_has_the_message_once_and_a_hint() -> None:
    error = NotFoundError(404, error="Not Found", route="/v3/groups/{id}", hint="check the slug")
    problem = describe(error)
    assert problem is not None
    line = problem.as_line()
    assert line.startswith("arena-groups: 404 Not Found")
    assert line.endswith("(hint: check the slug)")
    assert line.count("check the slug") == 1


def test_a_missing_token_is_hinted_for_the_command_line() -> None:
    problem = describe(AuthenticationError(401, error="Unauthorized", hint="pass token="))
    assert problem is not None
    assert "ARENA_TOKEN" in problem.as_line()
    assert "token=" not in problem.as_line()


def test_json_has_what_is_known() -> None:
    problem = describe(RateLimitError(429, error="rate_limited", retry_after=12.5, hint="wait"))
    assert problem is not None
    assert problem.as_dict() == {
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


def test_a_problem_is_one_line_whatever_the_server_says(capsys: Captured) -> None:
    problem = CliError("api", "one\ntwo\x1b[2J", ExitCode.FAILURE, "three\r\nfour")
    write_error(Settings(), problem)
    assert capsys.readouterr().err == "arena-groups: one two [2J (hint: three  four)\n"
    write_error(Settings(format=Format.JSON), problem)
    assert capsys.readouterr().err.count("\n") == 1
