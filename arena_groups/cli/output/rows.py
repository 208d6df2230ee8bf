"""Results that are the command line's own, and what to call a group's contents."""

from collections.abc import Sequence
from typing import Self

import attrs
from attrs import field, frozen

from arena_groups.models import (
    AttachmentBlock,
    Channel,
    Content,
    EmbedBlock,
    EmbeddedUser,
    ImageBlock,
    InviteResult,
    LinkBlock,
    PendingBlock,
    TextBlock,
    UnknownContent,
)


@frozen(kw_only=True)
class Record:
    """A result that is no model."""

    def as_dict(self) -> dict[str, object]:
        """Return the facts, ready for JSON."""
        return attrs.asdict(self)


@frozen(kw_only=True)
class Change(Record):
    """What became of something: ``outcome`` of ``what``; ``problem`` tells why not."""

    outcome: str
    type: str
    id: int | None = None
    what: str | None = field(default=None, repr=False)
    problem: str | None = None


@frozen(kw_only=True)
class Sent(Record):
    """What became of an invitation to one person, given by address or by id."""

    email: str | None = field(default=None, repr=False)
    user_id: int | None = None
    outcome: str
    name: str | None = None
    slug: str | None = None
    invitation_id: int | None = None
    problem: str | None = None

    @classmethod
    def of(cls, email: str | None, user_id: int | None, result: InviteResult) -> Self:
        """Return what the API told."""
        person: EmbeddedUser | None = result.user
        return cls(
            email=email,
            user_id=user_id if person is None else person.id,
            outcome=result.outcome.value,
            name=None if person is None else person.name,
            slug=None if person is None else person.slug,
            invitation_id=None if result.invitation is None else result.invitation.id,
        )


@frozen(kw_only=True)
class InviteSummary(Record):
    """How many of the people in a file had which outcome."""

    total: int
    invited: int = 0
    added: int = 0
    already_invited: int = 0
    already_member: int = 0
    duplicate: int = 0
    failed: int = 0
    would_invite: int = 0


@frozen(kw_only=True)
class AuthStatus(Record):
    """Who a token stands for, and what is known of its quota and scopes.

    ``scopes`` are the certain ones; ``write`` is ``"yes"``, ``"no"`` or ``"unknown"``.
    ``quota_left`` is the most that can be left, as other programs may use the token too.
    """

    base_url: str
    token_source: str
    user_id: int
    slug: str
    name: str
    tier: str
    scopes: Sequence[str]
    write: str
    quota_limit: int | None
    quota_window: float
    quota_left: int | None
    quota_resets_in: float | None


Known = TextBlock | ImageBlock | LinkBlock | AttachmentBlock | EmbedBlock | PendingBlock | Channel
"""The kinds that this release knows."""


def title_of(content: Content) -> str:
    """Return the title, or else what comes nearest to one."""
    if isinstance(content, UnknownContent):
        title = content.data.get("title")
        return title if isinstance(title, str) else ""
    if content.title:
        return content.title
    if isinstance(content, TextBlock):
        return content.content.plain
    return _file_name(content) or url_of(content) or ""


def url_of(content: Content) -> str | None:
    """Return the address of the page, image or file that a content stands for, if any."""
    match content:
        case ImageBlock():
            return content.image.src or content.image.large.src
        case AttachmentBlock():
            return content.attachment.url
        case EmbedBlock():
            return content.embed.url or content.embed.source_url
        case LinkBlock():
            return None if content.source is None else content.source.url
        case _:
            return None


def _file_name(content: Content) -> str | None:
    match content:
        case ImageBlock():
            return content.image.filename
        case AttachmentBlock():
            return content.attachment.filename
        case EmbedBlock():
            return content.embed.title
        case Channel():
            return content.slug
        case _:
            return None
