"""What a client tells of its work: log records, and exchanges for metrics."""

import logging
from collections.abc import Callable

from attrs import frozen

from arena_groups._exports import set_public_module

__all__ = ["Exchange", "ExchangeHook", "report"]

logger = logging.getLogger("arena_groups")


@frozen(kw_only=True)
class Exchange:
    """One request and its answer, for metrics; no values, only what may be counted.

    ``operation`` is the call (``"groups.invite"``), ``route`` its template. ``status`` is
    ``None`` where no whole answer came, ``error`` then names the kind of error. ``duration``
    is in seconds, from sending to the last byte; ``attempt`` counts from 1. ``size`` are the
    bytes of the body after decompression; ``revalidated`` tells of a 304.
    """

    operation: str
    method: str
    route: str
    attempt: int
    duration: float
    status: int | None
    error: str | None = None
    size: int = 0

    @property
    def revalidated(self) -> bool:
        """Whether an answer that was kept is still good."""
        return self.status == 304


ExchangeHook = Callable[[Exchange], None]


def report(exchange: Exchange, hook: ExchangeHook | None) -> None:
    """Log an exchange and hand it to ``hook``, whose errors never reach the caller."""
    logger.debug(
        "%s %s -> %s in %.3f s (attempt %d)",
        exchange.method,
        exchange.route,
        exchange.status or exchange.error,
        exchange.duration,
        exchange.attempt,
    )
    if hook is None:
        return
    try:
        hook(exchange)
    except Exception as error:  # noqa: BLE001 - a broken metric must not lose an answer
        logger.error("the hook on_exchange failed: %s", type(error).__name__)


set_public_module(globals(), ["Exchange"])
