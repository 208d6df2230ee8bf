"""Webhooks: delivery of a watch's events to other programs, and verification by the receiver.

The webhooks follow the Standard Webhooks specification. Every event reaches every endpoint at least
once, over restarts too.
"""

from typing import TYPE_CHECKING

from arena_groups._exports import lazy_exports

if TYPE_CHECKING:
    from arena_groups.webhooks.dead_letters import (
        DeadLetter,
        RetrySummary,
        list_backlog,
        list_dead_letters,
        purge_dead_letters,
        retry_dead_letters,
    )
    from arena_groups.webhooks.delivery import Backlog, Delivery
    from arena_groups.webhooks.payload import payload_schema
    from arena_groups.webhooks.receiver import ReceivedWebhook, WebhookReceiver
    from arena_groups.webhooks.sender import WebhookFormat, WebhookSender
    from arena_groups.webhooks.signature import generate_secret, verify

_HOMES = {
    "Backlog": "delivery",
    "DeadLetter": "dead_letters",
    "Delivery": "delivery",
    "RetrySummary": "dead_letters",
    "ReceivedWebhook": "receiver",
    "WebhookFormat": "sender",
    "WebhookReceiver": "receiver",
    "WebhookSender": "sender",
    "generate_secret": "signature",
    "list_backlog": "dead_letters",
    "list_dead_letters": "dead_letters",
    "payload_schema": "payload",
    "purge_dead_letters": "dead_letters",
    "retry_dead_letters": "dead_letters",
    "verify": "signature",
}

__all__ = [
    "Backlog",
    "DeadLetter",
    "Delivery",
    "ReceivedWebhook",
    "RetrySummary",
    "WebhookFormat",
    "WebhookReceiver",
    "WebhookSender",
    "generate_secret",
    "list_backlog",
    "list_dead_letters",
    "payload_schema",
    "purge_dead_letters",
    "retry_dead_letters",
    "verify",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_exports(__name__, _HOMES)
