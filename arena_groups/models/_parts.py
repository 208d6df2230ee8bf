"""What only some responses have: links, texts, pages with gaps, the health of the API."""

from collections.abc import Mapping
from typing import ClassVar, NewType, TypeVar

from attrs import field, frozen

from arena_groups._exports import set_public_module
from arena_groups._types import OpenEnum, ReadOnlyMapping
from arena_groups.models.pages import Page

__all__ = ["Link", "Linked", "Links", "MarkdownContent", "PartialPage", "Ping", "PingStatus"]

T = TypeVar("T")


@frozen(kw_only=True)
class Link:
    """Address of a related resource."""

    href: str
    """Absolute URL of the resource."""


Links = NewType("Links", Mapping[str, Link])
"""Read-only mapping from relation to link. ``self`` is always present."""


class Linked:
    """Base of models with links to related resources."""

    __slots__ = ()  # slots can come from one base only, and Linked is often the second

    HAS_SELF_LINK: ClassVar = True

    _links: Links

    @property
    def links(self) -> Links:
        """Links by relation, read-only. ``self`` is always present."""
        return Links(ReadOnlyMapping(self._links))


@frozen(kw_only=True)
class MarkdownContent:
    """Text in Markdown, HTML and plain form."""

    markdown: str
    """The text as it was written."""
    html: str
    """The text as HTML."""
    plain: str
    """The text without markup."""


class PingStatus(OpenEnum):
    """Health of the API."""

    OK = "ok"


@frozen(kw_only=True)
class Ping:
    """Response of the health check (``GET /v3/ping``)."""

    status: PingStatus
    """``"ok"`` if the API is healthy."""


@frozen(kw_only=True)
class PartialPage(Page[T]):
    """Page without the items that could not be decoded.

    ``skipped`` maps the identity of each of these to what is wrong with it.
    """

    skipped: Mapping[str, str] = field(factory=dict[str, str], hash=False)


set_public_module(globals(), ["Link", "Links", "MarkdownContent"])
