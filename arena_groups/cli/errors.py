"""What went wrong, in one line for people or one object for programs, and an exit code."""

import json

import click
from attrs import frozen

from arena_groups.cli.exits import ExitCode
from arena_groups.cli.text import one_line
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


@frozen
class Problem:
    """A failure as it is told: ``kind`` for programs, ``message`` and ``hint`` for people."""

    kind: str
    message: str
    code: ExitCode = ExitCode.FAILURE
    hint: str = ""
    status: int | None = None
    retry_after: float | None = None

    def as_line(self) -> str:
        """Return the problem as one line of text."""
        line = f"arena-groups: {self.message}" + (f" (hint: {self.hint})" if self.hint else "")
        return one_line(line)

    def as_json(self) -> str:
        """Return the problem as one line of JSON, without what is not known."""
        told = {
            "type": self.kind,
            "message": self.message,
            "hint": self.hint or None,
            "status": self.status,
            "retry_after": self.retry_after,
            "exit_code": int(self.code),
        }
        error = {name: value for name, value in told.items() if value is not None}
        return json.dumps({"error": error}, ensure_ascii=False)


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
    "unauthorized": "put a valid token into the variable ARENA_TOKEN, or try --sandbox",
    "connection": "check the network, and --base-url if you gave one",
    "decode": "check --base-url if you gave one, or look for a newer arena-groups",
    "pagination": "try again in a moment",
}


def describe(error: Exception) -> Problem | None:
    """Return how to tell an error, or ``None`` for one that only a bug can cause."""
    if isinstance(error, ArenaError):
        return _describe_api(error)
    if isinstance(error, click.UsageError):
        return Problem("usage", error.format_message(), hint=_usage_hint(error))
    if isinstance(error, click.ClickException):
        return Problem("usage", error.format_message())
    if isinstance(error, ValueError):
        return Problem("usage", str(error))
    if isinstance(error, OSError):
        return Problem("system", error.strerror or str(error))
    return None


def _describe_api(error: ArenaError) -> Problem:
    kind, code = next(row[1:] for row in _KINDS if isinstance(error, row[0]))
    hint = _HINTS.get(kind, "")
    if not isinstance(error, ArenaAPIError):
        return Problem(kind, str(error), code, hint)
    message = str(error).removesuffix(f" ({error.hint})")
    return Problem(kind, message, code, hint or error.hint, error.status, error.retry_after)


def _usage_hint(error: click.UsageError) -> str:
    path = error.ctx.command_path if error.ctx else "arena-groups"
    return f"{path} --help"
