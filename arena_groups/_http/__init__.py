"""The aiohttp session wrapper: the only room that does network I/O."""

from arena_groups._http.config import Timeout, TokenProvider
from arena_groups._http.events import RequestEvent, RequestHook
from arena_groups._http.session import Session

__all__ = ["RequestEvent", "RequestHook", "Session", "Timeout", "TokenProvider"]
