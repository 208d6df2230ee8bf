"""Registry of prepared plans: each has a code, expires, and is applied once.

A code ties a write to the one plan that it was made for. It does not permit anything: the
assistant has it too.
"""

import secrets
from collections.abc import Callable
from enum import StrEnum
from typing import Final, Generic, TypeVar

from attrs import define, field

__all__ = ["PlanCodeError", "PlanRegistry", "PlanState"]

PlanT = TypeVar("PlanT")

MAX_PLANS: Final = 32
CODE_BYTES: Final = 18


class PlanState(StrEnum):
    """State of a plan in a registry."""

    PREPARED = "prepared"
    """It may be applied, or continued after a run that was cut."""
    RUNNING = "running"
    USED = "used"
    EXPIRED = "expired"


class PlanCodeError(Exception):
    """A code that applies no plan now. The message says what to do, and not the code."""


@define
class _Entry(Generic[PlanT]):
    tool: str
    owner: str | None
    expires_at: float
    state: PlanState = PlanState.PREPARED
    plan: PlanT | None = field(default=None, repr=False)


class PlanRegistry(Generic[PlanT]):
    """Prepared plans by code. A plan that was applied or has expired is dropped at once.

    Args:
        now: Returns the time in seconds.
        lifetime: Seconds after which a plan that is not being applied has expired.
        limit: Largest number of codes to remember; then the oldest are forgotten.
    """

    def __init__(
        self, now: Callable[[], float], *, lifetime: float, limit: int = MAX_PLANS
    ) -> None:
        self._now = now
        self._lifetime = lifetime
        self._limit = limit
        self._entries: dict[str, _Entry[PlanT]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"<PlanRegistry of {len(self)} plans>"

    def add(self, plan: PlanT, *, tool: str, owner: str | None = None) -> str:
        """Keep a plan, and return its new code.

        Args:
            plan: The plan.
            tool: The tool that made it: messages name it.
            owner: The session that may apply it; ``None`` if there are no sessions.

        Returns:
            The code.

        Raises:
            PlanCodeError: So many plans are being applied that none can be forgotten.
        """
        self._expire()
        if len(self) >= self._limit:
            self._forget_oldest()
        code = secrets.token_urlsafe(CODE_BYTES)
        expires_at = self._now() + self._lifetime
        self._entries[code] = _Entry(tool=tool, owner=owner, expires_at=expires_at, plan=plan)
        return code

    def find(self, code: str, *, owner: str | None = None) -> PlanT:
        """Return the plan of a code that may be applied now.

        Args:
            code: The code.
            owner: The session that passes it.

        Returns:
            The plan.

        Raises:
            PlanCodeError: The code is unknown, of another session, used or expired, or its plan
                is being applied.
        """
        return self._usable(code, owner)[1]

    def start(self, code: str, *, owner: str | None = None) -> PlanT:
        """Return the plan of a code, as ``find`` does, and let nobody else apply it meanwhile."""
        entry, plan = self._usable(code, owner)
        entry.state = PlanState.RUNNING
        return plan

    def finish(self, code: str) -> None:
        """Record that a plan was carried out to its end: its code is used."""
        entry = self._entries[code]
        entry.state, entry.plan = PlanState.USED, None

    def stop(self, code: str) -> None:
        """Record that applying a plan has ended early: it may be continued until it expires."""
        self._entries[code].state = PlanState.PREPARED

    def state(self, code: str) -> PlanState | None:
        """Return the state of a plan; ``None`` if the code is unknown."""
        self._expire()
        entry = self._entries.get(code)
        return None if entry is None else entry.state

    def _usable(self, code: str, owner: str | None) -> tuple[_Entry[PlanT], PlanT]:
        self._expire()
        entry = self._entries.get(code)
        if entry is None or entry.owner != owner:
            raise PlanCodeError(
                "No plan has this code. Pass the code exactly as the plan tool returned it, or"
                " make a new plan."
            )
        if entry.state is PlanState.RUNNING:
            raise PlanCodeError("This plan is being applied now. Wait until that call has ended.")
        if entry.plan is None:
            reason = "has expired" if entry.state is PlanState.EXPIRED else "was applied already"
            raise PlanCodeError(f"The plan {reason}. Call {entry.tool} again for a new plan.")
        return entry, entry.plan

    def _expire(self) -> None:
        now = self._now()
        for entry in self._entries.values():
            if entry.state is PlanState.PREPARED and now >= entry.expires_at:
                entry.state, entry.plan = PlanState.EXPIRED, None

    def _forget_oldest(self) -> None:
        """Forget a code: one that is used or expired if there is one, but none in use."""
        entries = self._entries
        ended = (code for code, each in entries.items() if each.plan is None)
        idle = (code for code, each in entries.items() if each.state is not PlanState.RUNNING)
        oldest = next(ended, None) or next(idle, None)
        if oldest is None:
            raise PlanCodeError("Too many plans are being applied. Wait until one has ended.")
        del entries[oldest]
