"""Options of calls: the limits of attempts, retries, the deadline and the priority."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from arena_groups._arguments import check_seconds
from arena_groups._http.config import Timeout, checked_timeout
from arena_groups._retry import RetryPolicy, checked_retry
from arena_groups._types import UNSET, Priority, Unset

__all__ = ["CallOptions", "OptionArguments", "checked_options", "same_options"]

OptionArguments = tuple[
    Timeout | float | Unset,
    RetryPolicy | Literal[False] | Unset | None,
    float | Unset | None,
    Priority | Unset,
]
PRIORITIES: tuple[Priority, ...] = ("foreground", "background")


class CallOptions(Struct, frozen=True, kw_only=True):
    """Options of the calls of one client, or of a view of it.

    ``deadline`` is in seconds; ``None`` sets none. ``priority`` is ``None`` if nobody has chosen
    one: a bulk call or a watch is then in the background, everything else in the foreground.
    """

    timeout: Timeout
    retry: RetryPolicy
    deadline: float | None = None
    priority: Priority | None = None


def same_options(given: OptionArguments, known: OptionArguments) -> bool:
    """Return whether the arguments are the same objects, as ``True`` also equals 1."""
    return (
        given[0] is known[0]
        and given[1] is known[1]
        and given[2] is known[2]
        and given[3] is known[3]
    )


def checked_options(
    options: CallOptions,
    timeout: Timeout | float | Unset,
    retry: RetryPolicy | Literal[False] | Unset | None,
    deadline: float | Unset | None,
    priority: Priority | Unset,
) -> CallOptions:
    """Return ``options`` with those that are given in place of their own.

    Raises ``ValueError`` or ``TypeError``, which names the argument, for what is not valid.
    """
    return CallOptions(
        timeout=options.timeout if timeout is UNSET else checked_timeout(timeout),
        retry=options.retry if retry is UNSET else checked_retry(retry),
        deadline=options.deadline if deadline is UNSET else _checked_deadline(deadline),
        priority=options.priority if priority is UNSET else _checked_priority(priority),
    )


def _checked_deadline(deadline: object) -> float | None:
    return None if deadline is None else check_seconds(deadline, "deadline")


def _checked_priority(priority: object) -> Priority:
    if not isinstance(priority, str):
        name = type(priority).__name__
        raise TypeError(f'priority must be "foreground" or "background", not {name}')
    for known in PRIORITIES:
        if priority == known:
            return known
    raise ValueError(f'priority must be "foreground" or "background", not {priority!r}')
