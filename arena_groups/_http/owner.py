"""Base of the clients, which own a session."""

from __future__ import annotations

from arena_groups._http.session import Session
from arena_groups._types import AsyncCloseable

__all__ = ["SessionOwner"]


class SessionOwner(AsyncCloseable):
    """A client: it owns a session, and closes it."""

    _session: Session

    @property
    def closed(self) -> bool:
        """Whether the client was closed."""
        return self._session.closed

    async def aclose(self) -> None:
        """Close the client, and its aiohttp session unless that is an external one.

        Requests in flight end with :class:`ClientStateError`. Closing twice is a no-op, as is
        closing a view of a client.
        """
        await self._session.aclose()

    def __repr__(self) -> str:
        session = getattr(self, "_session", None)  # missing if __init__ failed
        state = "closed" if session is None or session.closed else "open"
        return f"<{type(self).__name__} {state}{_shown_options(session)}>"


def _shown_options(session: Session | None) -> str:
    """Return the options of a view that concern the whole call, for its ``repr``."""
    if session is None:
        return ""
    deadline, priority = session.options.deadline, session.options.priority
    given = [f"deadline={deadline:g}"] if deadline is not None else []
    given += [f'priority="{priority}"'] if priority is not None else []
    return "".join(f", {each}" for each in given)
