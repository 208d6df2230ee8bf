"""The aiohttp session wrapper: the only room that does network I/O."""

from arena_groups.session.events import Exchange, ExchangeHook
from arena_groups.session.loop import Session
from arena_groups.session.settings import Timeout, TokenProvider

__all__ = ["Exchange", "ExchangeHook", "Session", "Timeout", "TokenProvider"]
