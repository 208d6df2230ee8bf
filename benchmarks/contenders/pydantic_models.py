"""Page of invitations as pydantic models."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

__all__ = ["InvitationPage"]


class EmbeddedUser(BaseModel):
    """User in another object."""

    id: int
    type: Literal["User"]
    name: str
    slug: str
    avatar: str | None
    initials: str


class EmbeddedGroup(BaseModel):
    """Group in another object."""

    id: int
    type: Literal["Group"]
    name: str
    slug: str
    avatar: str | None
    initials: str


class Invitation(BaseModel):
    """Invitation."""

    id: int
    type: Literal["MembershipInvitation"]
    target: EmbeddedGroup
    invitee: EmbeddedUser | None
    invitee_email: str | None
    invited_by: EmbeddedUser
    state: Literal["pending", "accepted", "declined", "revoked"]
    accepted_at: datetime | None
    created_at: datetime
    updated_at: datetime
    links: dict[str, object] = Field(alias="_links")


class Meta(BaseModel):
    """Position of a page in its list."""

    current_page: int
    next_page: int | None = None
    prev_page: int | None = None
    per_page: int
    total_pages: int
    total_count: int
    has_more_pages: bool


class InvitationPage(BaseModel):
    """Page."""

    data: list[Invitation]
    meta: Meta
