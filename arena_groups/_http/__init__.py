"""The aiohttp session wrapper: the only room that does network I/O."""

from arena_groups._http.config import Timeout, TokenProvider
from arena_groups._http.events import Exchange, ExchangeHook
from arena_groups._http.session import Session

__all__ = ["Exchange", "ExchangeHook", "Session", "Timeout", "TokenProvider"]
