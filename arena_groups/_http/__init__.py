"""Session wrapper around aiohttp: the only folder with network I/O for the API."""

from arena_groups._http.config import Timeout, TokenProvider
from arena_groups._http.events import RequestEvent, RequestHook
from arena_groups._http.session import Session

__all__ = ["RequestEvent", "RequestHook", "Session", "Timeout", "TokenProvider"]
