"""Exceptions of this package, as one tree under :class:`ArenaError`.

Errors hold plain values only, so they can be pickled, copied and logged. No error contains a
token, an invite code, an email address, a request or a response.
"""

from __future__ import annotations

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
    "BlockedError",
    "CallbackError",
    "ClientStateError",
    "DecodeError",
    "DecodeIssue",
    "DriftError",
    "ForbiddenError",
    "NotFoundError",
    "OAuthError",
    "PacerError",
    "PaginationError",
    "RateLimitError",
    "RemovalLimitError",
    "RequestTimeoutError",
    "ServerError",
    "StoreError",
    "SyncError",
    "SyncPermissionError",
    "UnprocessableError",
    "WebhookVerificationError",
]


class ArenaError(Exception):
    """Base of all errors of this package, except ``ValueError`` and ``TypeError`` for misuse."""

    attempts = 1
    """Number of times that the request was sent."""
    outcome_unknown = False
    """``True`` if a write may have taken effect although it failed."""
    advice = ""
    """If the outcome is unknown: how to find out, or that a retry does no harm."""

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
    """The client is closed, or belongs to another event loop or process."""


class ArenaConnectionError(ArenaError):
    """No complete response arrived: no connection, a broken one, or a body that ended early.

    Args:
        cause: Reason in plain words.
        method: HTTP method of the operation.
        route: Route of the operation, such as ``/v3/groups/{id}``.
        request_sent: ``False`` if the request certainly did not reach the server.
        retryable: ``False`` if another attempt cannot help, as with an untrusted certificate.
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
    """No complete response arrived within one of the limits of :class:`Timeout`."""


class StoreError(ArenaError):
    """A store cannot be opened, read or written."""


class SyncError(ArenaError):
    """A group cannot be brought in step with a list. Nothing was changed."""


class SyncPermissionError(SyncError):
    """The token's user may not manage the members and invitations of a group."""


class RemovalLimitError(SyncError):
    """A plan would remove, revoke or hold more people than its limit allows.

    Args:
        planned: The number of removals, revocations and held actions that count.
        limit: The largest number that is allowed.
    """

    def __init__(self, planned: int, limit: int) -> None:
        self.planned = planned
        self.limit = limit
        super().__init__(
            f"the plan removes or revokes {planned}, and the limit is {limit}: check the list, or"
            " raise max_removals"
        )


class DriftError(SyncError):
    """The group has changed since the plan was made, so that some of its actions do not fit.

    Args:
        changes: What has changed, one text for each action. They contain no addresses.
    """

    def __init__(self, changes: Sequence[str]) -> None:
        self.changes = tuple(changes)
        count = len(self.changes)
        super().__init__(
            f"the group has changed since the plan was made: {count}"
            f" {'action does' if count == 1 else 'actions do'} not fit any more. Make a new plan,"
            ' or apply the rest with on_drift="skip"'
        )


class WebhookVerificationError(ArenaError):
    """A webhook does not come from who knows the secret, or it is too old."""


class PacerError(ArenaError):
    """A pacer cannot decide on a request, which was not sent."""


class PaginationError(ArenaError):
    """The page numbers from the server go back or never end."""


@frozen
class DecodeIssue:
    """Problem at one place of a JSON body."""

    path: str
    """Place in the body, such as ``data[3].invited_by.slug``; empty for the whole body."""
    problem: str
    """Problem in plain words. It names types, never values."""

    def __str__(self) -> str:
        return f"{self.path or 'the body'}: {self.problem}"


class DecodeError(ArenaError):
    """A response body that does not match the API's document. Nothing of it is returned.

    Args:
        operation: Name of the operation, such as ``"groups.invitations"``.
        issues: All problems of the body.
        invalid_json: ``True`` if the body is not JSON, as when it was cut short.
    """

    _shown = 5

    def __init__(
        self, operation: str, issues: Sequence[DecodeIssue], *, invalid_json: bool = False
    ) -> None:
        self.invalid_json = invalid_json
        self.operation = operation
        self.issues = tuple(issues)
        listed = "; ".join(str(issue) for issue in self.issues[: self._shown])
        more = len(self.issues) - self._shown
        super().__init__(
            f"cannot decode {operation}: {listed}" + (f"; and {more} more" if more > 0 else "")
        )

    @property
    def paths(self) -> tuple[str, ...]:
        """The JSON paths of the issues."""
        return tuple(issue.path for issue in self.issues)


class ArenaAPIError(ArenaError):
    """An error response of the API. There is a subclass for each common status.

    Args:
        status: HTTP status.
        error: Short name of the error, such as ``"Not Found"``.
        message: Explanation by the server.
        details: Further data of the response, as plain JSON values.
        method: HTTP method of the operation.
        route: Route of the operation, such as ``/v3/groups/{id}``.
        request_id: Id of the request, for the support of Are.na.
        rate_limit: Rate limit that the response reports.
        retry_after: Seconds to wait, if the response says so.
        hint: A likely cause, or what to do.
    """

    from_edge = False
    """``True`` if the network edge in front of Are.na has sent the response, not the API."""

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
    """400: a parameter or the body is not valid."""


class AuthenticationError(ArenaAPIError):
    """401: the token is missing or not valid."""


class ForbiddenError(ArenaAPIError):
    """403: the token's user or scope does not allow the operation."""


class BlockedError(ForbiddenError):
    """403 of the network edge in front of Are.na: the token is not the cause.

    The API has never received the request. Likely causes are the ``User-Agent``, the network that
    the request comes from, and too many requests. A challenge, a page that only a browser can
    answer, raises this error with any status.
    """

    from_edge = True


class NotFoundError(ArenaAPIError):
    """404: the resource does not exist, or is hidden from the token's user."""


class RequestTimeoutError(ArenaAPIError):
    """408: the server timed out."""


class UnprocessableError(ArenaAPIError):
    """422: the request conflicts with the state of the resource."""


class RateLimitError(ArenaAPIError):
    """429: the rate limit is exceeded. ``retry_after`` has the seconds to wait.

    With ``from_edge`` it is the limit of the network edge in front of Are.na, not the quota.
    """


class ServerError(ArenaAPIError):
    """5xx: the server or a proxy before it failed."""


class OAuthError(ArenaError):
    """The provider refused an app a token, or the request for one.

    Args:
        error: Short name of the reason, such as ``"invalid_grant"`` or ``"invalid_client"``.
        description: Explanation by the server.
        status: HTTP status; ``None`` if there was no error response.
        request_id: Id of the request, for the support of Are.na.
        hint: A likely cause, or what to do.
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
    """A call of the redirect URI without a code. It is returned, and yours to raise.

    ``error`` is the provider's (``"access_denied"`` if the user refused), or one of ours:
    ``"state_mismatch"`` if the call does not belong to the request, ``"issuer_mismatch"`` if it
    names another provider, ``"missing_code"`` and ``"malformed_callback"``.
    """

    @property
    def denied(self) -> bool:
        """``True`` if the user refused, which is not a malfunction."""
        return self.error == "access_denied"


set_public_module(globals(), __all__)
