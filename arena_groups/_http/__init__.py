"""Session wrapper around aiohttp: the only folder with network I/O for the API."""

from typing import TYPE_CHECKING

from arena_groups._exports import lazy_exports

if TYPE_CHECKING:
    from arena_groups._http.attempts import RequestEvent, RequestHook, WaitHook
    from arena_groups._http.config import Timeout, TokenProvider
    from arena_groups._http.session import Session

__all__ = ["RequestEvent", "RequestHook", "Session", "Timeout", "TokenProvider", "WaitHook"]

_HOMES = {
    "RequestEvent": "attempts",
    "RequestHook": "attempts",
    "Session": "session",
    "Timeout": "config",
    "TokenProvider": "config",
    "WaitHook": "attempts",
}

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_exports(__name__, _HOMES)
