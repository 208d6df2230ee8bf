"""What every client of ours has in common: a session that it made, and closes."""

from arena_groups._http.session import Session
from arena_groups._types import AsyncCloseable

__all__ = ["SessionOwner"]


class SessionOwner(AsyncCloseable):
    """Holds a session, closes it with ``async with`` or :meth:`aclose`, and shows neither."""

    _session: Session

    @property
    def closed(self) -> bool:
        """Whether the client was closed."""
        return self._session.closed

    async def aclose(self) -> None:
        """Close the client, and its aiohttp session unless it was lent. Twice is no error."""
        await self._session.aclose()

    def __repr__(self) -> str:
        session = getattr(self, "_session", None)  # none yet in the traceback of a bad __init__
        state = "closed" if session is None or session.closed else "open"
        return f"<{type(self).__name__} {state}>"
