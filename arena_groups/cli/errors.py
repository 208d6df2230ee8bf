"""Errors of the command line: a message, a hint, and an exit code for each kind."""

from __future__ import annotations

import os
from enum import IntEnum
from typing import TYPE_CHECKING

import click

import arena_groups
from arena_groups.cli.options import ENTERED

if TYPE_CHECKING:
    from collections.abc import Sequence

REVOKE_HINT = "revoke it in your settings at Are.na"


class ExitCode(IntEnum):
    """Exit code of the process, by the kind of the error."""

    OK = 0
    FAILURE = 1
    UNAUTHORIZED = 2
    NOT_FOUND = 3
    VALIDATION = 4
    RATE_LIMITED = 5
    FORBIDDEN = 6
    DRIFT = 9
    INTERRUPTED = 130


class CliError(Exception):
    """An error as a user sees it.

    Args:
        kind: Stable name of the kind, for programs, such as ``"not_found"``.
        message: What is wrong, in one sentence without a full stop.
        code: Exit code of the process.
        hint: What to do about it; empty if there is nothing to suggest.
        status: HTTP status of the response, if the API refused the request.
        retry_after: Seconds until the request may be sent again, if the API named them.
        details: What is wrong one by one, such as the lines of a file that are not valid.
    """

    def __init__(
        self,
        kind: str,
        message: str,
        code: ExitCode = ExitCode.FAILURE,
        hint: str = "",
        *,
        status: int | None = None,
        retry_after: float | None = None,
        details: Sequence[str] = (),
    ) -> None:
        self.kind = kind
        self.message = message
        self.code = code
        self.hint = hint
        self.status = status
        self.retry_after = retry_after
        self.details = tuple(details)
        super().__init__(message)

    def as_line(self) -> str:
        """Return the error as one line of text, with the hint at its end."""
        return f"arena-groups: {self.message}" + (f" (hint: {self.hint})" if self.hint else "")

    def as_dict(self) -> dict[str, object]:
        """Return the error for JSON, without the facts that are unknown."""
        facts = {
            "type": self.kind,
            "message": self.message,
            "hint": self.hint or None,
            "status": self.status,
            "retry_after": self.retry_after,
            "details": list(self.details) or None,
            "exit_code": int(self.code),
        }
        return {"error": {name: value for name, value in facts.items() if value is not None}}


# Hints for a terminal, where those of the client name its arguments or say nothing.
_HINTS = {
    "blocked": (
        "this is the network edge in front of Are.na, not your token: check the network, a proxy or"
        " VPN, and how often you ask"
    ),
    "connection": (
        "check the network, and scheme, host and port of --base-url or ARENA_BASE_URL if given"
    ),
    "decode": "check --base-url or ARENA_BASE_URL if given, or update arena-groups",
    "pagination": "try again in a moment",
}
_IN_OPTIONS = {
    "allow_private=True": "--allow-private-targets",
    "pass shared=True to all of them": "use --shared for all of them",
    "give them different names": "give each another --name",
}
_NOT_FOUND_HINTS = {
    "GET /v3/groups/{id}/invite": (
        "check the group; if it has no invite code yet, create one with"
        " `arena-groups invite-code create`"
    ),
    "POST /v3/groups/{id}/invitations": (
        "check the group, and the ids of users if given (WHO, --user-id)"
    ),
    "DELETE /v3/groups/{id}/invitations/{invitation_id}": (
        "check the group; `arena-groups invitations list` shows the ids of pending invitations"
    ),
}
_NO_GROUP_HINT = (
    "`arena-groups groups list` shows the slugs of your groups; a rename changes the slug, and"
    " private groups are hidden"
)
_FORBIDDEN_HINTS = {
    "DELETE /v3/groups/{id}/members/me": (
        "the owner cannot leave a group: hand it over to another member first, in its settings at"
        " Are.na, or delete it with `arena-groups groups delete`"
    ),
}
_LOG_IN = "log in with `arena-groups auth login`, set ARENA_TOKEN, or try --sandbox"
_LOG_IN_AT_HOST = "log in with `arena-groups auth login`, with the --base-url that you use"


def describe(error: Exception, token_source: str = "") -> CliError | None:
    """Return an error as the user sees it; ``None`` for one that only a bug can cause.

    Args:
        error: The error that ended a command.
        token_source: Source of the token that was sent, in words; empty if none was.
    """
    if isinstance(error, CliError):
        return error
    if isinstance(error, arena_groups.ArenaError):
        return describe_api(error, token_source)
    if isinstance(error, click.ClickException):
        return CliError("usage", error.format_message(), hint=_usage_hint(error))
    if isinstance(error, ValueError):
        return CliError("usage", str(error))
    if isinstance(error, OSError):
        return CliError("system", _system_message(error))
    return None


def describe_api(error: arena_groups.ArenaError, token_source: str = "") -> CliError:
    """Return an error of the client as the user sees it."""
    kind, code = _kind(error)
    hint = _hint(error, kind, token_source)
    if isinstance(error, arena_groups.ArenaAPIError | arena_groups.OAuthError):
        message = str(error).removesuffix(f" ({error.hint})")
        described = CliError(kind, message, code, hint or error.hint, status=error.status)
        if isinstance(error, arena_groups.ArenaAPIError):
            described.retry_after = error.retry_after
        return described
    return CliError(kind, in_options(str(error)), code, hint)


def in_options(text: str) -> str:
    """Return a message of the library with the names of the command line."""
    for name, option in _IN_OPTIONS.items():
        text = text.replace(name, option)
    return text


def no_token() -> CliError:
    """Return the error of a command that needs a token, if there is none."""
    return CliError("unauthorized", "no token found", ExitCode.UNAUTHORIZED, _log_in_hint())


def malformed_token(problem: str, source: str) -> CliError:
    """Return the error of a token that cannot be one, with its source in words."""
    message = f"the token from {source} {problem}"
    hint = "create a token in your settings at Are.na, and copy it alone"
    return CliError("unauthorized", message, ExitCode.UNAUTHORIZED, hint)


def _log_in_hint() -> str:
    """Return what to do without a token: one in the environment is then for another server."""
    if not os.environ.get("ARENA_TOKEN"):
        return _LOG_IN
    if os.environ.get("ARENA_BASE_URL"):
        return f"ARENA_TOKEN is for the server of ARENA_BASE_URL: {_LOG_IN_AT_HOST}"
    return f"ARENA_TOKEN is for Are.na: set ARENA_BASE_URL too, or {_LOG_IN_AT_HOST}"


def hint_at(hint: str, base_url: str) -> str:
    """Return a hint in which ``auth login`` is for a server, if that is not Are.na."""
    from arena_groups._http.network import is_production  # noqa: PLC0415 - keeps --help fast

    if is_production(base_url):
        return hint
    login = f"log in with `arena-groups auth login --base-url {base_url}`"
    is_for_variable = os.environ.get("ARENA_BASE_URL", "").rstrip("/") == base_url.rstrip("/")
    others = ", set ARENA_TOKEN" * is_for_variable + ", or try --sandbox"
    return hint.replace(_LOG_IN, login + others).replace(_LOG_IN_AT_HOST, login)


def cannot_listen(port: int, error: OSError, *, option: str = "--port") -> CliError:
    """Return the error for a port of an option that cannot be opened."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    message = f"cannot listen on port {port}: {reason[:1].lower()}{reason[1:]}"
    return CliError("system", message, hint=f"choose another port with {option}")


def _kind(error: arena_groups.ArenaError) -> tuple[str, ExitCode]:
    kinds: tuple[tuple[type[arena_groups.ArenaError], str, ExitCode], ...] = (
        (arena_groups.AuthenticationError, "unauthorized", ExitCode.UNAUTHORIZED),
        (arena_groups.OAuthError, "unauthorized", ExitCode.UNAUTHORIZED),
        (arena_groups.NotFoundError, "not_found", ExitCode.NOT_FOUND),
        (arena_groups.BadRequestError, "validation", ExitCode.VALIDATION),
        (arena_groups.UnprocessableError, "validation", ExitCode.VALIDATION),
        (arena_groups.RateLimitError, "rate_limited", ExitCode.RATE_LIMITED),
        (arena_groups.BlockedError, "blocked", ExitCode.FORBIDDEN),
        (arena_groups.ForbiddenError, "forbidden", ExitCode.FORBIDDEN),
        (arena_groups.ArenaConnectionError, "connection", ExitCode.FAILURE),
        (arena_groups.DecodeError, "decode", ExitCode.FAILURE),
        (arena_groups.PaginationError, "pagination", ExitCode.FAILURE),
        (arena_groups.DriftError, "drift", ExitCode.FAILURE),
        (arena_groups.SyncPermissionError, "forbidden", ExitCode.FORBIDDEN),
        (arena_groups.SyncError, "sync", ExitCode.FAILURE),
        (arena_groups.StoreError, "system", ExitCode.FAILURE),
        (arena_groups.PacerError, "system", ExitCode.FAILURE),
    )
    if isinstance(error, arena_groups.BadRequestError) and _is_wrong_scheme(error):
        return "connection", ExitCode.FAILURE
    for kind, name, code in kinds:
        if isinstance(error, kind):
            return name, code
    return "api", ExitCode.FAILURE


def _is_wrong_scheme(error: arena_groups.BadRequestError) -> bool:
    """Return whether the server has answered that its port speaks TLS."""
    from arena_groups._api.hints import PLAIN_HTTP_HINT  # noqa: PLC0415 - keeps --help fast

    return error.hint == PLAIN_HTTP_HINT


def _hint(error: arena_groups.ArenaError, kind: str, token_source: str) -> str:
    """Return the hint for a terminal; empty to use the client's own."""
    if isinstance(error, arena_groups.AuthenticationError):
        return _token_hint(token_source, writes=error.method not in ("", "GET", "HEAD"))
    if isinstance(error, arena_groups.NotFoundError):
        return _not_found_hint(error)
    if kind == "forbidden" and isinstance(error, arena_groups.ForbiddenError):
        return _forbidden_hint(error, token_source)
    if kind == "connection" and isinstance(error, arena_groups.BadRequestError):
        return ""  # it names the scheme
    return _HINTS.get(kind, "")


def _not_found_hint(error: arena_groups.NotFoundError) -> str:
    from arena_groups._api.operations import GROUP_MISSING  # noqa: PLC0415 - keeps --help fast

    own = _NOT_FOUND_HINTS.get(f"{error.method} {error.route}", "")
    return _NO_GROUP_HINT if not own and error.hint == GROUP_MISSING else own


def _forbidden_hint(error: arena_groups.ForbiddenError, token_source: str) -> str:
    from arena_groups._api.hints import SCOPE_HINT  # noqa: PLC0415 - keeps --help fast

    if not token_source:
        return _log_in_hint()
    if error.hint == SCOPE_HINT:
        return f"the token came from {token_source}; log in with one that has the scope write"
    rule = _FORBIDDEN_HINTS.get(f"{error.method} {error.route}", "")
    return rule + f"; or {SCOPE_HINT}" * (bool(rule) and error.hint.endswith(SCOPE_HINT))


def _token_hint(source: str, *, writes: bool) -> str:
    if source == ENTERED:
        return "it was not stored; create a token in your settings at Are.na"
    if not source:
        return _log_in_hint()
    scope = "for a write it needs the scope write; " if writes else ""
    return f"the token came from {source}; {scope}{_LOG_IN}"


def _system_message(error: OSError) -> str:
    message = error.strerror or str(error)
    return f"cannot open {error.filename}: {message.lower()}" if error.filename else message


def _usage_hint(error: click.ClickException) -> str:
    if not isinstance(error, click.UsageError):
        return ""
    path = error.ctx.command_path if error.ctx else "arena-groups"
    return f"{path} --help"
