"""The inbox of the page: every email that the sandbox "sent", and the page of one email."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from xml.etree.ElementTree import Element

import attrs

from arena_groups.sandbox.backend import Backend, SandboxNotFoundError
from arena_groups.sandbox.entities import InvitationRecord, SentEmail
from arena_groups.sandbox.page.html import (
    PAGE_PATH,
    Content,
    button,
    document,
    form,
    hidden,
    live_part,
    moment,
    problem_note,
    table,
    tag,
    user_text,
)
from arena_groups.sandbox.page.lists import pager, take_part

EMAILS: Final = 10
"""The number of emails that the inbox shows at a time."""

EMAILS_PATH: Final = f"{PAGE_PATH}emails/"

_LONGEST_IN_EMAIL: Final = 2_000
_NOTE: Final = "The sandbox sends no emails to anybody. On this page you are the recipient."


@attrs.frozen
class InvitationView:
    """An invitation with the names that the page shows."""

    id: int
    address: str | None = attrs.field(repr=False)
    invitee: str
    inviter: str
    group: str
    group_id: int
    state: str
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, backend: Backend, invitation: InvitationRecord) -> "InvitationView":
        """Return the view of an invitation."""
        invitee = backend.users.get(invitation.invitee_id or 0)
        address = invitation.email or (invitee.email if invitee else None)
        return cls(
            invitation.id,
            address,
            invitee.name if invitee else address or "",
            backend.users[invitation.invited_by].name,
            backend.groups[invitation.group_id].name,
            invitation.group_id,
            invitation.state,
            invitation.created_at,
            invitation.updated_at,
        )


def email_path(invitation_id: int) -> str:
    """Return the path of the email with an invitation."""
    return f"{EMAILS_PATH}{invitation_id}"


def answer_form(invitation: InvitationView, *, section: str = "") -> Element:
    """Return the buttons that answer an invitation as its invitee."""
    whom = invitation.address or invitation.invitee
    accept, decline = (
        button(
            text,
            f"{text} the invitation of {whom}",
            name="action",
            value=text.lower(),
            id=f"{text.lower()}-{invitation.id}",
            class_="main" if text == "Accept" else None,
        )
        for text in ("Accept", "Decline")
    )
    fields = hidden("invitation", invitation.id)
    return form(fields, accept, decline, section=section, class_="answer")


def state_mark(state: str) -> Element:
    """Return the state of an invitation."""
    return tag("span", state, class_=f"state {state}")


def inbox(backend: Backend, query: Mapping[str, str]) -> tuple[Content, ...]:
    """Return the list of the emails, newest first."""
    emails = backend.emails
    part = take_part(reversed(emails), len(emails), query.get("emails", ""), rows=EMAILS)
    if not emails:
        return (tag("p", "No email was sent yet.", class_="empty"), _first_steps())
    rows = [_email_row(backend, email) for email in part.items]
    return (
        table("Emails, newest first", ("Email", "Sent (UTC)", "State"), rows),
        pager(part, query, "emails", "inbox"),
    )


def _first_steps() -> Element:
    return tag(
        "p",
        "Invite somebody, and the email is here: with the lines under ",
        tag("a", "Connect", href="#connect"),
        ", for example by ",
        tag("code", "arena-groups invitations send research-studio ada@example.org"),
        ".",
        class_="note",
    )


def _email_row(backend: Backend, email: SentEmail) -> tuple[Content, ...]:
    subject = _subject(email.inviter_name, email.group_name)
    recipient = tag("small", "To ", user_text(email.address))
    invitation = backend.invitations.get(email.invitation_id)
    if invitation is None:
        return tag("span", *subject, recipient), moment(email.sent_at), state_mark("deleted")
    path = email_path(invitation.id)
    link = tag("a", *subject, href=path, id=f"email-{invitation.id}")
    return tag("span", link, recipient), moment(email.sent_at), state_mark(invitation.state)


def _subject(inviter: str, group: str) -> tuple[Content, ...]:
    return user_text(inviter), " invites you to the group ", user_text(group)


def email_page(backend: Backend, invitation_id: int, problem: str | None = None) -> Element:
    """Return the page of one email, as its recipient would read it.

    Raises `SandboxNotFoundError` if there is no such invitation.
    """
    record = backend.invitations.get(invitation_id)
    if record is None:
        raise SandboxNotFoundError(f"there is no invitation {invitation_id} in the sandbox")
    invitation = InvitationView.of(backend, record)
    fields = {
        "From": tag("span", "Are.na sandbox"),
        "To": user_text(invitation.address or ""),
        "Sent": tag("span", moment(invitation.created_at), " UTC"),
    }
    email = tag(
        "article",
        tag("h1", *_subject(invitation.inviter, invitation.group)),
        tag("dl", *(tag("div", tag("dt", name), tag("dd", fields[name])) for name in fields)),
        tag(
            "p",
            user_text(invitation.inviter, limit=_LONGEST_IN_EMAIL),
            " invites you to join the group ",
            tag("strong", user_text(invitation.group, limit=_LONGEST_IN_EMAIL)),
            " on Are.na.",
        ),
        live_part("answer", *_answer(invitation)),
        class_="email",
    )
    return document(
        f"Email to {invitation.address}",
        tag("p", tag("a", "Back to the sandbox", href=f"{PAGE_PATH}#inbox")),
        live_part("problem", problem_note(problem)),
        email,
        tag("p", _NOTE, class_="note"),
        narrow=True,
    )


def _answer(invitation: InvitationView) -> tuple[Content, ...]:
    if invitation.state == "pending":
        return (answer_form(invitation),)
    state, when = state_mark(invitation.state), moment(invitation.updated_at)
    return (tag("p", "This invitation was ", state, " on ", when, " UTC.", role="status"),)
