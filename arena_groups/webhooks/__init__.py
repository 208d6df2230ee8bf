"""Webhooks: delivery of a watch's events to other programs, and verification by the receiver.

The webhooks follow the Standard Webhooks specification. Every event reaches every endpoint at least
once, over restarts too.
"""

from typing import TYPE_CHECKING

from arena_groups._exports import lazy_exports

if TYPE_CHECKING:
    from arena_groups.webhooks.payload import payload_schema
    from arena_groups.webhooks.signature import generate_secret, verify

_HOMES = {
    "generate_secret": "signature",
    "payload_schema": "payload",
    "verify": "signature",
}

__all__ = ["generate_secret", "payload_schema", "verify"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_exports(__name__, _HOMES)
