"""The sandbox against the document: every answer that it can be made to give."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

import aiohttp

from arena_groups.sandbox import Sandbox
from tests.contract.answers import Exchange, compare_answer, response_for
from tests.contract.coverage import ABSENT, VALUE, Outcome, Parts, compare_outcomes
from tests.contract.differences import Difference
from tests.contract.document import Document, DocumentedOperation
from tests.contract.visitor import Visitor
from tests.contract.visits import visit_everything

__all__ = ["compare_exchanges", "explore"]

TIMEOUT: Final = 408
# Outcomes that the sandbox never has, besides timeouts: it is never slow.
EXCUSED_OUTCOMES: Final[frozenset[Outcome]] = frozenset(
    {
        # A user's private groups are left out of the list, the list is refused to nobody.
        ("getUserGroups", 403),
    }
)
EXCUSED_PARTS: Final[Mapping[str, Collection[str]]] = {
    # Contents of a group are listed by themselves, not as parts of a channel.
    **{
        f"{kind}.connection": {VALUE}
        for kind in ("TextBlock", "ImageBlock", "LinkBlock", "AttachmentBlock", "EmbedBlock")
    },
    "Channel.connection": {VALUE},
    # What was deleted is in no list.
    "ChannelState": {"deleted"},
    # Only pending invitations are ever shown.
    "MembershipInvitation.accepted_at": {VALUE},
    "MembershipInvitation.state": {"accepted", "declined", "revoked"},
    # Nobody who has an account is a guest, and the staff keeps out of sandboxes.
    "UserTier": {"guest"},
    "UserBadge": {"staff"},
    # What a link or an embed is good for is where it came from, and how it is shown.
    "EmbedBlock.source": {ABSENT},
    "LinkBlock.source": {ABSENT},
    **{f"BlockEmbed.{part}": {ABSENT} for part in ("html", "source_url", "type", "url")},
    **{f"ImageVersion.{part}": {ABSENT} for part in ("width", "height")},
}


async def explore(
    document: Document, operations: Sequence[DocumentedOperation]
) -> tuple[list[Exchange], list[Difference]]:
    """All exchanges with a new sandbox, and where they went another way than they should."""
    async with Sandbox() as sandbox, aiohttp.ClientSession() as http:
        visitor = Visitor(http, sandbox)
        await visit_everything(visitor, document, operations)
    return visitor.exchanges, visitor.differences


def compare_exchanges(
    document: Document,
    operations: Sequence[DocumentedOperation],
    exchanges: Sequence[Exchange],
) -> Iterator[Difference]:
    """The differences between what a server answered and the document."""
    documented = {(each.method, each.path): each for each in operations}
    objects, errors = Parts(document), Parts(document)
    for exchange in exchanges:
        operation = documented.get((exchange.method, exchange.path))
        response = response_for(operation, exchange.status)
        faulty = list(compare_answer(document, response, exchange))
        yield from faulty
        if response is not None and response.schema is not None and not faulty:
            parts = objects if exchange.status < 400 else errors
            parts.note(response.schema, exchange)
    slow = {(each.id, TIMEOUT) for each in operations}
    yield from compare_outcomes(operations, exchanges, EXCUSED_OUTCOMES | slow)
    yield from objects.undocumented()
    yield from errors.undocumented()
    yield from objects.one_sided(EXCUSED_PARTS)
