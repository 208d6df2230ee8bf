"""Events as readable lines, for chat services with a markup of their own. Pure."""

import unicodedata
from collections.abc import Callable, Sequence
from typing import Final

from attrs import frozen

from arena_groups.models import EmbeddedUser, MembershipInvitation
from arena_groups.watching.events import (
    InvitationAccepted,
    InvitationClosed,
    InvitationSent,
    InviteCodeChanged,
    MemberJoined,
    MemberLeft,
    RoleChanged,
    WatchEvent,
)

__all__ = ["NO_NAME", "Markup", "Summary", "describe", "fill", "more", "size", "summarize"]

NO_NAME: Final = "(no name)"
MAX_NAME: Final = 80
MAX_URL: Final = 200
# Categories of characters that control a text or break a line, and what is not a character.
_CONTROL: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS: Final = frozenset("\u200c\u200d")  # of emoji and of some scripts


@frozen
class Markup:
    """Markup of a chat service.

    Attributes:
        bold: Sign before and after a text in bold type.
        escape: Function that returns a text in which nothing is markup.
        link: Function that returns a link, from an escaped label and a URL.
    """

    bold: str
    escape: Callable[[str], str]
    link: Callable[[str, str], str]

    def text(self, text: str) -> str:
        """Return a text of somebody else: one line, shortened if needed, and escaped."""
        line = " ".join("".join(map(_visible, text)).split())
        if len(line) > MAX_NAME:
            line = line[: MAX_NAME - 1].rstrip() + "…"
        return self.escape(line)

    def linked(self, text: str, url: str) -> str:
        """Return such a text as a link, without the URL if that is too long."""
        label = self.text(text) or NO_NAME
        return self.link(label, url) if len(url) <= MAX_URL else label


def _visible(character: str) -> str:
    if character in _JOINERS:
        return character
    category = unicodedata.category(character)
    return character if category not in _CONTROL else " " if category != "Cf" else ""


@frozen
class Summary:
    """Text about events of one group.

    Attributes:
        title: The group, in bold type.
        lines: A line for each event.
        shown: The lines that fit, and one that says how many do not.
    """

    title: str
    lines: Sequence[str]
    shown: Sequence[str]


def summarize(
    events: Sequence[WatchEvent], markup: Markup, *, most: int, limit: int, include_emails: bool
) -> Summary:
    """Return the text about 1 to ``most`` events; what is shown has ``limit`` characters at most.

    Raises ``ValueError`` for another number of events.
    """
    if not 1 <= len(events) <= most:
        raise ValueError(f"events must be 1 to {most}")
    group = events[-1].group
    title = f"{markup.bold}{markup.linked(group.name, group.url)}{markup.bold}"
    lines = [describe(event, markup, include_emails=include_emails) for event in events]
    shown, left = fill(lines, limit - size(title) - 1)
    if left:
        shown.append(more(left))
    return Summary(title, lines, shown)


def describe(event: WatchEvent, markup: Markup, *, include_emails: bool) -> str:
    """Return an event as one line, without the group."""
    match event:
        case InviteCodeChanged():
            return f"The invite code was {'changed' if event.exists else 'deleted'}"
        case InvitationSent() | InvitationClosed():
            invitee = _invitee(event.invitation, markup, include_emails=include_emails)
            return _describe_invitation(event, invitee, markup)
        case InvitationAccepted() | MemberJoined() | MemberLeft() | RoleChanged():
            return f"{_user(event.member, markup)} {_predicate(event, markup)}"


def _describe_invitation(
    event: InvitationSent | InvitationClosed, invitee: str, markup: Markup
) -> str:
    if isinstance(event, InvitationSent):
        return f"{invitee} was invited by {_user(event.invitation.invited_by, markup)}"
    ways = "declined, revoked or expired"
    if event.possibly_accepted:
        ways = "declined, revoked, expired or accepted"
    return f"The invitation of {invitee} is no longer pending: {ways}"


def _predicate(
    event: InvitationAccepted | MemberJoined | MemberLeft | RoleChanged, markup: Markup
) -> str:
    match event:
        case InvitationAccepted(invitation=invitation):
            return f"accepted the invitation by {_user(invitation.invited_by, markup)}"
        case MemberJoined(added_by=adder):
            return "joined" if adder is None else f"was added by {_user(adder, markup)}"
        case MemberLeft():
            return "is no longer a member"
        case RoleChanged(member=member, previous_role=previous):
            return f"has the role {markup.text(member.role)} (was {markup.text(previous)})"


def _user(user: EmbeddedUser, markup: Markup) -> str:
    return markup.linked(user.name, user.url)


def _invitee(invitation: MembershipInvitation, markup: Markup, *, include_emails: bool) -> str:
    if invitation.invitee is not None:
        return _user(invitation.invitee, markup)
    if include_emails and invitation.invitee_email is not None:
        return markup.text(invitation.invitee_email)
    return "a person without a known account"


def size(text: str) -> int:
    """Return the length of a text in UTF-16 code units: no service counts a text longer."""
    return len(text) + sum(character > "\uffff" for character in text)


def fill(lines: Sequence[str], limit: int) -> tuple[list[str], int]:
    """Return the first lines that fit, joined by line breaks, and how many are left over.

    If some are left over, there is room for a line that says so.
    """
    reserve = 0 if size("\n".join(lines)) <= limit else size(f"\n{more(len(lines))}")
    used, fitting = -1, 0
    for line in lines:
        used += 1 + size(line)
        if used > limit - reserve:
            break
        fitting += 1
    return list(lines[:fitting]), len(lines) - fitting


def more(count: int) -> str:
    """Return the line that stands for lines that did not fit."""
    return f"and {count} more"
