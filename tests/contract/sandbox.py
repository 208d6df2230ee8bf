"""Sandbox, compared with the document in all responses that it can send."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

import aiohttp

from arena_groups.sandbox import Sandbox
from tests.contract.coverage import ABSENT, NULL, VALUE, Outcome, Parts, compare_outcomes
from tests.contract.differences import Difference
from tests.contract.document import Document, DocumentedOperation
from tests.contract.responses import Exchange, compare_response, response_for
from tests.contract.sandbox_client import SandboxClient
from tests.contract.scenarios import run_scenarios

__all__ = ["compare_exchanges", "explore"]

TIMEOUT: Final = 408
# Outcomes that the sandbox never produces, besides timeouts.
EXCUSED_OUTCOMES: Final[frozenset[Outcome]] = frozenset(
    {
        # Users are public, and lists omit what is private; they are never forbidden.
        ("getUser", 403),
        ("getUserFollowers", 403),
        ("getUserFollowing", 403),
        ("getUserGroups", 403),
    }
)
EXCUSED_PARTS: Final[Mapping[str, Collection[str]]] = {
    # In a sandbox, notifications are about users and groups.
    "ActivityActor": {"EmbeddedGroup"},
    "ActivityKind": {
        *("added_block_to_channel", "added_channel_to_channel", "commented_on_block"),
        *("collaborating_with_group_on_channel", "collaborating_with_user_on_channel"),
        *("created_channel", "followed_channel", "mentioned_you"),
    },
    "ActivitySubject": {
        *("TextBlock", "ImageBlock", "LinkBlock", "AttachmentBlock", "EmbedBlock"),
        *("Channel", "Comment"),
    },
    "Notification.item": {NULL},
    "Notification.parent": {VALUE},
    # Deleted objects are in no list.
    "ChannelState": {"deleted"},
    # Only pending invitations are listed.
    "MembershipInvitation.accepted_at": {VALUE},
    "MembershipInvitation.state": {"accepted", "declined", "revoked"},
    # A user with an account is not a guest, and a sandbox has no staff.
    "UserTier": {"guest"},
    "UserBadge": {"staff"},
    # In a sandbox, links and embeds always have these parts.
    "EmbedBlock.source": {ABSENT},
    "LinkBlock.source": {ABSENT},
    **{f"BlockEmbed.{part}": {ABSENT} for part in ("html", "source_url", "type", "url")},
    **{f"ImageVersion.{part}": {ABSENT} for part in ("width", "height")},
}


async def explore(
    document: Document, operations: Sequence[DocumentedOperation]
) -> tuple[list[Exchange], list[Difference]]:
    """Return all exchanges with a new sandbox, and the unexpected ones as differences."""
    async with Sandbox() as sandbox, aiohttp.ClientSession() as http:
        client = SandboxClient(http, sandbox)
        await run_scenarios(client, document, operations)
    return client.exchanges, client.differences


def compare_exchanges(
    document: Document,
    operations: Sequence[DocumentedOperation],
    exchanges: Sequence[Exchange],
) -> Iterator[Difference]:
    """Yield the differences between a server's responses and the document."""
    documented = {(each.method, each.path): each for each in operations}
    objects, errors = Parts(document), Parts(document)
    for exchange in exchanges:
        operation = documented.get((exchange.method, exchange.path))
        response = response_for(operation, exchange.status)
        faulty = list(compare_response(document, response, exchange))
        yield from faulty
        if response is not None and response.schema is not None and not faulty:
            parts = objects if exchange.status < 400 else errors
            parts.note(response.schema, exchange)
    slow = {(each.id, TIMEOUT) for each in operations}
    yield from compare_outcomes(operations, exchanges, EXCUSED_OUTCOMES | slow)
    yield from objects.undocumented()
    yield from errors.undocumented()
    yield from objects.one_sided(EXCUSED_PARTS)
