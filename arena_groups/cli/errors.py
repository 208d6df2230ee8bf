"""Which problem an error is."""

import click

from arena_groups.cli.exits import ExitCode
from arena_groups.cli.problem import Problem, ProblemError
from arena_groups.errors import (
    ArenaAPIError,
    ArenaConnectionError,
    ArenaError,
    AuthenticationError,
    BadRequestError,
    DecodeError,
    ForbiddenError,
    NotFoundError,
    PaginationError,
    RateLimitError,
    UnprocessableError,
)

_KINDS: tuple[tuple[type[ArenaError], str, ExitCode], ...] = (
    (AuthenticationError, "unauthorized", ExitCode.UNAUTHORIZED),
    (NotFoundError, "not_found", ExitCode.NOT_FOUND),
    (BadRequestError, "validation", ExitCode.VALIDATION),
    (UnprocessableError, "validation", ExitCode.VALIDATION),
    (RateLimitError, "rate_limited", ExitCode.RATE_LIMITED),
    (ForbiddenError, "forbidden", ExitCode.FORBIDDEN),
    (ArenaConnectionError, "connection", ExitCode.FAILURE),
    (DecodeError, "decode", ExitCode.FAILURE),
    (PaginationError, "pagination", ExitCode.FAILURE),
    (ArenaError, "api", ExitCode.FAILURE),
)
# Where the client's own hint would not help somebody at a terminal.
_HINTS = {
    "connection": "check the network, and --base-url if you gave one",
    "decode": "check --base-url if you gave one, or look for a newer arena-groups",
    "pagination": "try again in a moment",
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
    hint = _token_hint(token_source) if kind == "unauthorized" else _HINTS.get(kind, "")
    if not isinstance(error, ArenaAPIError):
        return Problem(kind, str(error), code, hint)
    message = str(error).removesuffix(f" ({error.hint})")
    return Problem(kind, message, code, hint or error.hint, error.status, error.retry_after)


def no_token() -> Problem:
    """Return the problem of a command that needs a token where there is none."""
    return Problem("unauthorized", "no token was found", ExitCode.UNAUTHORIZED, _LOG_IN)


def _token_hint(source: str) -> str:
    return f"the token came from {source}; {_LOG_IN}" if source else _LOG_IN


def _system_message(error: OSError) -> str:
    message = error.strerror or str(error)
    return f"{message}: {error.filename}" if error.filename else message


def _usage_hint(error: click.ClickException) -> str:
    if not isinstance(error, click.UsageError):
        return ""
    path = error.ctx.command_path if error.ctx else "arena-groups"
    return f"{path} --help"
