"""Rows: results of the command line's own, and titles for a group's contents."""

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
    InviteOutcome,
    InviteResult,
    LinkBlock,
    PendingBlock,
    TextBlock,
    UnknownContent,
)


@frozen(kw_only=True)
class Row:
    """A result that is not a model of the API."""

    def as_dict(self) -> dict[str, object]:
        """Return the fields, ready for JSON."""
        return attrs.asdict(self)


@frozen(kw_only=True)
class ActionRow(Row):
    """Outcome of an action on ``target``, with the ``error`` if it failed."""

    outcome: str
    type: str
    id: int | None = None
    target: str | None = field(default=None, repr=False)
    error: str | None = None


@frozen(kw_only=True)
class InviteRow(Row):
    """Outcome of one invitation, by address or by user id."""

    email: str | None = field(default=None, repr=False)
    user_id: int | None = None
    outcome: str
    name: str | None = None
    slug: str | None = None
    invitation_id: int | None = None
    error: str | None = None

    @classmethod
    def from_result(cls, email: str | None, user_id: int | None, result: InviteResult) -> Self:
        """Return the row for a response of the API. Outcomes are named as in bulk runs."""
        user: EmbeddedUser | None = result.user
        pending = result.outcome is InviteOutcome.INVITATION_PENDING
        return cls(
            email=email,
            user_id=user_id if user is None else user.id,
            outcome="already_invited" if pending else result.outcome.value,
            name=None if user is None else user.name,
            slug=None if user is None else user.slug,
            invitation_id=None if result.invitation is None else result.invitation.id,
        )


@frozen(kw_only=True)
class LoginRow(Row):
    """Stored login of an API.

    Attributes:
        current: Whether commands use it, if they name no API.
        user: Slug of the user at the time of the login; empty if it was not known.
    """

    base_url: str
    current: bool
    user: str
    token_source: str


@frozen(kw_only=True)
class SettingRow(Row):
    """Setting with the value that commands use.

    Attributes:
        value: The value; ``None`` if there is none, or if it depends on the place.
        source: Source of the value, in words.
        file: Path of the configuration file.
    """

    key: str
    value: str | bool | None
    source: str
    file: str


@frozen(kw_only=True)
class AuthStatusRow(Row):
    """User, scopes and quota of a token.

    Attributes:
        scopes: Scopes that the token certainly has.
        write: ``"yes"``, ``"no"`` or ``"unknown"``.
        quota_limit: Requests allowed in a window; ``None`` if unknown.
        quota_window: Length of the window, in seconds.
        quota_left: Requests left at most. Other programs may use the same token.
        quota_resets_in: Seconds until the next window; ``None`` if unknown.
        logins: Stored logins of all APIs.
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
    logins: Sequence[LoginRow] = ()


KnownContent = (
    TextBlock | ImageBlock | LinkBlock | AttachmentBlock | EmbedBlock | PendingBlock | Channel
)
"""Types of content that this release knows."""


def title_of(content: Content) -> str:
    """Return the title of a content; without one, its text, file name or URL."""
    if isinstance(content, UnknownContent):
        title = content.data.get("title")
        return title if isinstance(title, str) else ""
    if content.title:
        return content.title
    if isinstance(content, TextBlock):
        return content.content.plain
    return _file_name(content) or url_of(content) or ""


def url_of(content: Content) -> str | None:
    """Return the URL of the page, image or file of a content, if any."""
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
