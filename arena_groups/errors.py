"""What can go wrong, as one tree under :class:`ArenaError`.

Every error holds plain values only, so it can be pickled, copied and logged: no token, invite
code, email address, request or response is in it.
"""

from collections.abc import Sequence
from typing import Self

from attrs import frozen

from arena_groups._exports import set_public_module
from arena_groups.models import RateLimit

__all__ = [
    "ArenaAPIError",
    "ArenaConnectionError",
    "ArenaError",
    "ArenaTimeoutError",
    "AuthenticationError",
    "BadRequestError",
    "CallbackError",
    "ClientStateError",
    "DecodeError",
    "DecodeIssue",
    "ForbiddenError",
    "NotFoundError",
    "OAuthError",
    "PacerError",
    "PaginationError",
    "RateLimitError",
    "RequestTimeoutError",
    "ServerError",
    "StoreError",
    "UnprocessableError",
]


class ArenaError(Exception):
    """The root of all errors of this package that are not plain misuse (``ValueError``)."""

    attempts = 1
    outcome_unknown = False
    advice = ""

    def __str__(self) -> str:
        text = str(self.args[0]) if self.args else ""
        if self.attempts > 1:
            text += f" (after {self.attempts} attempts)"
        if self.outcome_unknown:
            text += f" The outcome is unknown: {self.advice}"
        return text

    def __reduce__(self) -> tuple[object, ...]:
        return _restore, (type(self), self.args, self.__dict__.copy())

    @classmethod
    def _bare(cls, args: tuple[object, ...]) -> Self:
        error = cls.__new__(cls, *args)
        error.args = args
        return error


def _restore(
    cls: type[ArenaError], args: tuple[object, ...], state: dict[str, object]
) -> ArenaError:
    # Errors take keyword arguments; the default way of unpickling knows positional ones only.
    error = cls._bare(args)  # pyright: ignore[reportPrivateUsage]
    error.__dict__.update(state)
    return error


class ClientStateError(ArenaError, RuntimeError):
    """The client was used after it was closed, or from another event loop than its own."""


class ArenaConnectionError(ArenaError):
    """No complete answer arrived: no connection, a broken one, or a body that ended early.

    ``method`` and ``route`` are those of the operation. ``request_sent`` is ``False`` if
    the request certainly never reached the server, ``retryable`` ``False`` if another attempt
    cannot help.
    """

    def __init__(
        self,
        cause: str,
        *,
        method: str = "",
        route: str = "",
        request_sent: bool = True,
        retryable: bool = True,
    ) -> None:
        self.request_sent = request_sent
        self.retryable = retryable
        self.method = method
        self.route = route
        super().__init__(f"{cause} [{method} {route}]" if route else cause)


class ArenaTimeoutError(ArenaConnectionError, TimeoutError):
    """No complete answer arrived within one of the time limits of :class:`Timeout`."""


class StoreError(ArenaError):
    """The store of a watch or a bulk call cannot be read or written, or is not one."""


class PacerError(ArenaError):
    """The pacer cannot tell whether a request may be sent, so it was not sent."""


class PaginationError(ArenaError):
    """The page numbers that the server gave lead nowhere: they go back, or never end."""


@frozen
class DecodeIssue:
    """One thing wrong in a body: where (``data[3].invited_by.slug``) and what."""

    path: str
    problem: str

    def __str__(self) -> str:
        return f"{self.path or 'the body'}: {self.problem}"


class DecodeError(ArenaError):
    """A body that is not what the API's document promises. No partial object is made.

    ``operation`` names the call (``"groups.invitations"``), ``issues`` lists all that is
    wrong; ``invalid_json`` is ``True`` if the body is not JSON, as when it was cut short.
    """

    shown = 5

    def __init__(
        self, operation: str, issues: Sequence[DecodeIssue], *, invalid_json: bool = False
    ) -> None:
        self.invalid_json = invalid_json
        self.operation = operation
        self.issues = tuple(issues)
        listed = "; ".join(str(issue) for issue in self.issues[: self.shown])
        more = len(self.issues) - self.shown
        super().__init__(
            f"cannot decode {operation}: {listed}" + (f"; and {more} more" if more > 0 else "")
        )

    @property
    def paths(self) -> tuple[str, ...]:
        """The JSON paths of the issues."""
        return tuple(issue.path for issue in self.issues)


class ArenaAPIError(ArenaError):
    """An answer that says no.

    ``status`` is the HTTP status, ``error`` the short name of what went wrong, ``message`` the
    server's explanation, ``details`` whatever else it said (plain JSON values), ``method``
    and ``route`` the operation, ``request_id`` what support will ask for, ``rate_limit`` the
    quota told with the answer, and ``retry_after`` the seconds to wait, where told.
    """

    def __init__(
        self,
        status: int,
        *,
        error: str = "",
        message: str = "",
        details: object = None,
        method: str = "",
        route: str = "",
        request_id: str | None = None,
        rate_limit: RateLimit | None = None,
        retry_after: float | None = None,
        hint: str = "",
    ) -> None:
        self.status = status
        self.error = error
        self.message = message
        self.details = details
        self.method = method
        self.route = route
        self.request_id = request_id
        self.rate_limit = rate_limit
        self.retry_after = retry_after
        self.hint = hint
        super().__init__(self._text())

    def _text(self) -> str:
        text = f"{self.status} {self.error}".rstrip()
        if self.message and self.message != self.error:
            text += f": {self.message}"
        if self.route:
            text += f" [{self.method} {self.route}]"
        if self.hint:
            text += f" ({self.hint})"
        return text


class BadRequestError(ArenaAPIError):
    """400: a parameter or a body is not valid."""


class AuthenticationError(ArenaAPIError):
    """401: a token is needed, or the one given is not valid."""


class ForbiddenError(ArenaAPIError):
    """403: the token's user, or its scope, may not do this."""


class NotFoundError(ArenaAPIError):
    """404: there is no such thing, or the token's user may not know of it."""


class RequestTimeoutError(ArenaAPIError):
    """408: the server gave up on a slow request."""


class UnprocessableError(ArenaAPIError):
    """422: a valid request that makes no sense now, as revoking an accepted invitation."""


class RateLimitError(ArenaAPIError):
    """429: the quota is used up; ``retry_after`` tells how many seconds to wait."""


class ServerError(ArenaAPIError):
    """5xx: the server, or something before it, failed."""


class OAuthError(ArenaError):
    """An app was refused a token, or the way to one.

    ``error`` is the short name of the reason (``"invalid_grant"``, ``"invalid_client"``),
    ``description`` the server's explanation, ``status`` the HTTP status of the refusal (``None``
    where there was none), and ``request_id`` what support will ask for.
    """

    def __init__(
        self,
        error: str,
        *,
        description: str = "",
        status: int | None = None,
        request_id: str | None = None,
        hint: str = "",
    ) -> None:
        self.error = error
        self.description = description
        self.status = status
        self.request_id = request_id
        self.hint = hint
        super().__init__(self._text())

    def _text(self) -> str:
        text = self.error if self.status is None else f"{self.status} {self.error}".rstrip()
        if self.description and self.description != self.error:
            text += f": {self.description}"
        return f"{text} ({self.hint})" if self.hint else text


class CallbackError(OAuthError):
    """A visit to the redirect URI that brings no code. It is returned, and yours to raise.

    ``error`` is the provider's (``"access_denied"`` where the person said no), or one of ours:
    ``"state_mismatch"`` where the visit does not belong to the request, ``"missing_code"`` and
    ``"malformed_callback"``.
    """

    @property
    def denied(self) -> bool:
        """Whether the person said no, which is no fault."""
        return self.error == "access_denied"


set_public_module(globals(), __all__)
