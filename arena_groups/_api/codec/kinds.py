"""Which class a ``type`` stands for, where a field may hold several."""

from collections.abc import Mapping

from arena_groups.models import (
    AttachmentBlock,
    Channel,
    EmbedBlock,
    EmbeddedGroup,
    EmbeddedUser,
    ImageBlock,
    LinkBlock,
    PendingBlock,
    TextBlock,
)

__all__ = ["CONTENT_KINDS", "Owner", "owner_kind"]

Owner = EmbeddedUser | EmbeddedGroup

CONTENT_KINDS: Mapping[str, type] = {
    kind.KIND: kind
    for kind in (
        TextBlock,
        ImageBlock,
        LinkBlock,
        AttachmentBlock,
        EmbedBlock,
        PendingBlock,
        Channel,
    )
}


def owner_kind(kind: str) -> type[Owner]:
    """The class of an owner; one of a kind that nobody knows is read as a person."""
    return EmbeddedGroup if kind == EmbeddedGroup.KIND else EmbeddedUser
