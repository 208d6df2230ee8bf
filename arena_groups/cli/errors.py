"""Which problem an error is."""

import click

from arena_groups.cli.exits import ExitCode
from arena_groups.cli.problem import Problem, ProblemError
from arena_groups.cli.settings import ENTERED
from arena_groups.errors import (
    ArenaAPIError,
    ArenaConnectionError,
    ArenaError,
    AuthenticationError,
    BadRequestError,
    DecodeError,
    ForbiddenError,
    NotFoundError,
    OAuthError,
    PaginationError,
    RateLimitError,
    StoreError,
    UnprocessableError,
)

_KINDS: tuple[tuple[type[ArenaError], str, ExitCode], ...] = (
    (AuthenticationError, "unauthorized", ExitCode.UNAUTHORIZED),
    (OAuthError, "unauthorized", ExitCode.UNAUTHORIZED),
    (NotFoundError, "not_found", ExitCode.NOT_FOUND),
    (BadRequestError, "validation", ExitCode.VALIDATION),
    (UnprocessableError, "validation", ExitCode.VALIDATION),
    (RateLimitError, "rate_limited", ExitCode.RATE_LIMITED),
    (ForbiddenError, "forbidden", ExitCode.FORBIDDEN),
    (ArenaConnectionError, "connection", ExitCode.FAILURE),
    (DecodeError, "decode", ExitCode.FAILURE),
    (PaginationError, "pagination", ExitCode.FAILURE),
    (StoreError, "system", ExitCode.FAILURE),
    (ArenaError, "api", ExitCode.FAILURE),
)
# Where the client's own hint would not help somebody at a terminal.
_HINTS = {
    "connection": "check the network, and --base-url if you gave one",
    "decode": "check --base-url if you gave one, or look for a newer arena-groups",
    "pagination": "try again in a moment",
}
# The same, of what was not found, where the client's names its methods and their arguments.
_MISSING = {
    "GET /v3/groups/{id}/invite": (
        "the group may have no invite code (`arena-groups invite-code create` makes one), or "
        "check its slug or id"
    ),
    "POST /v3/groups/{id}/invitations": "check the group, and --user-id if it was given",
    "DELETE /v3/groups/{id}/invitations/{invitation_id}": (
        "check the group; `arena-groups invitations list` has the ids of what is pending"
    ),
}
_LOG_IN = "log in with `arena-groups auth login`, set the variable ARENA_TOKEN, or try --sandbox"


def describe(error: Exception, token_source: str = "") -> Problem | None:
    """Return how to tell an error, or ``None`` for one that only a bug can cause.

    ``token_source`` says where the token came from that was sent, if one was.
    """
    if isinstance(error, ProblemError):
        return error.problem
    if isinstance(error, ArenaError):
        return describe_api(error, token_source)
    if isinstance(error, click.ClickException):
        return Problem("usage", error.format_message(), hint=_usage_hint(error))
    if isinstance(error, ValueError):
        return Problem("usage", str(error))
    if isinstance(error, OSError):
        return Problem("system", _system_message(error))
    return None


def describe_api(error: ArenaError, token_source: str = "") -> Problem:
    """Return how to tell an error of the client."""
    kind, code = next(row[1:] for row in _KINDS if isinstance(error, row[0]))
    hint = _hint(error, kind, token_source)
    if isinstance(error, ArenaAPIError | OAuthError):
        message = str(error).removesuffix(f" ({error.hint})")
        retry_after = error.retry_after if isinstance(error, ArenaAPIError) else None
        return Problem(kind, message, code, hint or error.hint, error.status, retry_after)
    return Problem(kind, str(error), code, hint)


def no_token() -> Problem:
    """Return the problem of a command that needs a token where there is none."""
    return Problem("unauthorized", "no token was found", ExitCode.UNAUTHORIZED, _LOG_IN)


def _hint(error: ArenaError, kind: str, token_source: str) -> str:
    """Return what helps somebody at a terminal, if it is not the client's own hint."""
    if isinstance(error, AuthenticationError):
        return _token_hint(token_source)
    if isinstance(error, NotFoundError):
        return _MISSING.get(f"{error.method} {error.route}", "")
    return _HINTS.get(kind, "")


def _token_hint(source: str) -> str:
    if source == ENTERED:
        return "it was not stored; make another one in your settings at Are.na"
    return f"the token came from {source}; {_LOG_IN}" if source else _LOG_IN


def _system_message(error: OSError) -> str:
    message = error.strerror or str(error)
    return f"{message}: {error.filename}" if error.filename else message


def _usage_hint(error: click.ClickException) -> str:
    if not isinstance(error, click.UsageError):
        return ""
    path = error.ctx.command_path if error.ctx else "arena-groups"
    return f"{path} --help"
