"""Parts that several models share: kinds, links, texts, timestamps; the health check."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, NewType

from attrs import frozen
from msgspec import Meta

from arena_groups._exports import set_public_module
from arena_groups._types import OpenEnum

__all__ = [
    "Link",
    "Linked",
    "Links",
    "MarkdownContent",
    "Ping",
    "PingStatus",
    "ResourceType",
    "Timestamp",
]


class ResourceType(OpenEnum):
    """What an object is, as told by its ``type``."""

    USER = "User"
    GROUP = "Group"
    MEMBERSHIP_INVITATION = "MembershipInvitation"
    GROUP_INVITE = "GroupInvite"
    CHANNEL = "Channel"
    BLOCK = "Block"
    TEXT = "Text"
    IMAGE = "Image"
    LINK = "Link"
    ATTACHMENT = "Attachment"
    EMBED = "Embed"
    PENDING_BLOCK = "PendingBlock"


Timestamp = Annotated[datetime, Meta(tz=True)]  # without it a naive datetime would do


@frozen(kw_only=True)
class Link:
    """The address of a related resource."""

    href: str


Links = NewType("Links", Mapping[str, Link])
"""Links by relation; ``self`` is always there. Read-only."""


class Linked:
    """What has links to related resources."""

    __slots__ = ()  # slots can come from one base only, and Linked is often the second

    _links: Links

    @property
    def links(self) -> Links:
        """Links by relation, read-only."""
        return Links(MappingProxyType(self._links))


@frozen(kw_only=True)
class MarkdownContent:
    """A text in three renderings."""

    markdown: str
    html: str
    plain: str


class PingStatus(OpenEnum):
    """The health of the API."""

    OK = "ok"


@frozen(kw_only=True)
class Ping:
    """The answer of the health check."""

    status: PingStatus


set_public_module(globals(), ["Link", "Links", "MarkdownContent", "ResourceType"])
