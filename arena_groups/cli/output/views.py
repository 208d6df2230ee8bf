"""Views: the columns of each kind of result, in tables and in CSV."""

from collections.abc import Callable, Sequence
from datetime import datetime

from arena_groups.cli.durations import format_age
from arena_groups.cli.output.columns import Cell, Column, Overflow, View, moment_column
from arena_groups.cli.output.rows import (
    ActionRow,
    InviteRow,
    KnownContent,
    title_of,
    url_of,
)
from arena_groups.cli.output.times import moment_text
from arena_groups.models import (
    Channel,
    Content,
    EmbeddedUser,
    Group,
    GroupInvite,
    GroupMember,
    MembershipInvitation,
    UnknownContent,
    User,
)
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


def invitee(invitation: MembershipInvitation) -> str:
    """Return the name of an invited user, else the invited address."""
    if invitation.invitee is None:
        return invitation.invitee_email or "(unknown)"
    return user_label(invitation.invitee)


def user_label(user: EmbeddedUser) -> str:
    """Return a user's name and slug."""
    return f"{user.name} ({user.slug})"


def invitations(now: datetime, *, with_group: bool = False) -> View[MembershipInvitation]:
    """Return the view of pending invitations. ``WAITING`` is the age of each at ``now``."""
    group = Column[MembershipInvitation](
        "GROUP", lambda i: i.target.slug, width=12, share=1, overflow=Overflow.KEEP
    )
    return View(
        table=(
            Column("ID", lambda i: i.id, width=7),
            *([group] if with_group else []),
            Column("INVITEE", invitee, width=14, share=2, overflow=Overflow.WRAP),
            Column(
                "INVITED BY",
                lambda i: i.invited_by.name,
                width=10,
                share=0 if with_group else 1,
                overflow=Overflow.WRAP,
            ),
            Column("SENT", lambda i: i.created_at, width=10, is_time=True),
            Column("WAITING", lambda i: format_age(now - i.created_at), width=7),
        ),
        csv=(
            Column("id", lambda i: i.id),
            Column("state", lambda i: i.state.value),
            Column("group_id", lambda i: i.target.id),
            Column("group_slug", lambda i: i.target.slug),
            Column("invitee_id", lambda i: _user_cell(i.invitee, lambda user: user.id)),
            Column("invitee_slug", lambda i: _user_cell(i.invitee, lambda user: user.slug)),
            Column("invitee_name", lambda i: _user_cell(i.invitee, lambda user: user.name)),
            Column("invitee_email", lambda i: i.invitee_email),
            Column("invited_by_id", lambda i: i.invited_by.id),
            Column("invited_by_slug", lambda i: i.invited_by.slug),
            Column("invited_by_name", lambda i: i.invited_by.name),
            moment_column("created_at", lambda i: i.created_at),
            moment_column("updated_at", lambda i: i.updated_at),
            moment_column("accepted_at", lambda i: i.accepted_at),
            Column("waiting_days", lambda i: max(0, (now - i.created_at).days)),
        ),
        hidden=(group,),
    )


def _user_cell(user: EmbeddedUser | None, cell: Callable[[EmbeddedUser], Cell]) -> Cell:
    return None if user is None else cell(user)


def _permissions(group: Group) -> str:
    rights = {
        "change it": group.can.update,
        "delete it": group.can.destroy,
        "manage members": group.can.manage_members,
        "manage invitations": group.can.manage_invitations,
    }
    return ", ".join(name for name, has in rights.items() if has) or "view it"


def _description(group: Group) -> str | None:
    return None if group.description is None else group.description.plain


def _content_cell(content: Content, cell: Callable[[KnownContent], Cell]) -> Cell:
    return None if isinstance(content, UnknownContent) else cell(content)


def _created_at(content: Content) -> datetime | None:
    return None if isinstance(content, UnknownContent) else content.created_at


def _updated_at(content: Content) -> datetime | None:
    return None if isinstance(content, UnknownContent) else content.updated_at


def _author(content: Content) -> EmbeddedUser | None:
    if isinstance(content, UnknownContent):
        return None
    if isinstance(content, Channel):
        return content.owner if isinstance(content.owner, EmbeddedUser) else None
    return content.user


GROUPS: View[Group] = View(
    table=(
        Column("ID", lambda g: g.id, width=7),
        Column("NAME", lambda g: g.name, width=12, share=1),
        Column("SLUG", lambda g: g.slug, width=16, share=3, overflow=Overflow.KEEP),
        Column("PEOPLE", lambda g: g.counts.users, width=6),
        Column("CHANNELS", lambda g: g.counts.channels, width=8),
    ),
    csv=(
        Column("id", lambda g: g.id),
        Column("slug", lambda g: g.slug),
        Column("name", lambda g: g.name),
        Column("owner_id", lambda g: g.user.id),
        Column("owner_slug", lambda g: g.user.slug),
        Column("people", lambda g: g.counts.users),
        Column("channels", lambda g: g.counts.channels),
        Column("can_update", lambda g: g.can.update),
        Column("can_destroy", lambda g: g.can.destroy),
        Column("can_manage_members", lambda g: g.can.manage_members),
        Column("can_manage_invitations", lambda g: g.can.manage_invitations),
        moment_column("created_at", lambda g: g.created_at),
        moment_column("updated_at", lambda g: g.updated_at),
        Column("description", _description),
    ),
    detail=(
        Column("Name", lambda g: g.name),
        Column("Slug", lambda g: g.slug),
        Column("ID", lambda g: g.id),
        Column("Owner", lambda g: user_label(g.user)),
        Column("People", lambda g: g.counts.users),
        Column("Channels", lambda g: g.counts.channels),
        Column("Created", lambda g: g.created_at),
        Column("Updated", lambda g: g.updated_at),
        Column("You may", _permissions),
        Column("Description", _description),
    ),
)

CONTENTS: View[Content] = View(
    table=(
        Column("ID", lambda c: c.id, width=9),
        Column("TYPE", lambda c: c.type.value, width=12),
        Column("TITLE", title_of, width=20, share=2),
        Column("BY", lambda c: _user_cell(_author(c), lambda user: user.name), width=10, share=1),
        Column("CREATED", _created_at, width=10, is_time=True),
    ),
    csv=(
        Column("id", lambda c: c.id),
        Column("type", lambda c: c.type.value),
        Column("title", title_of),
        Column("url", url_of),
        Column("user_id", lambda c: _user_cell(_author(c), lambda user: user.id)),
        Column("user_slug", lambda c: _user_cell(_author(c), lambda user: user.slug)),
        Column("visibility", lambda c: _content_cell(c, lambda known: known.visibility.value)),
        moment_column("created_at", _created_at),
        moment_column("updated_at", _updated_at),
    ),
)

FOLLOWERS: View[User] = View(
    table=(
        Column("ID", lambda u: u.id, width=7),
        Column("NAME", lambda u: u.name, width=16, share=1),
        Column("SLUG", lambda u: u.slug, width=16, share=1, overflow=Overflow.KEEP),
        Column("TIER", lambda u: u.tier.value, width=9),
        Column("SINCE", lambda u: u.created_at, width=10, is_time=True),
    ),
    csv=(
        Column("id", lambda u: u.id),
        Column("slug", lambda u: u.slug),
        Column("name", lambda u: u.name),
        Column("tier", lambda u: u.tier.value),
        Column("badge", lambda u: None if u.badge is None else u.badge.value),
        Column("channels", lambda u: u.counts.channels),
        Column("followers", lambda u: u.counts.followers),
        Column("following", lambda u: u.counts.following),
        moment_column("created_at", lambda u: u.created_at),
    ),
)

MEMBERS: View[GroupMember] = View(
    table=(
        Column("ID", lambda m: m.id, width=7),
        Column("NAME", lambda m: m.name, width=16, share=1),
        Column("SLUG", lambda m: m.slug, width=16, share=1, overflow=Overflow.KEEP),
        Column("ROLE", lambda m: m.role.value, width=8),
    ),
    csv=(
        Column("id", lambda m: m.id),
        Column("name", lambda m: m.name),
        Column("slug", lambda m: m.slug),
        Column("role", lambda m: m.role.value),
    ),
    detail=(
        Column("ID", lambda m: m.id),
        Column("Name", lambda m: m.name),
        Column("Slug", lambda m: m.slug),
        Column("Role", lambda m: m.role.value),
    ),
)

INVITE_CODE: View[GroupInvite] = View(
    table=(
        Column("URL", lambda i: i.url),
        Column("Code", lambda i: i.code),
        Column("Created", lambda i: i.created_at),
    ),
    csv=(
        Column("id", lambda i: i.id),
        Column("code", lambda i: i.code),
        Column("url", lambda i: i.url),
        moment_column("created_at", lambda i: i.created_at),
        moment_column("updated_at", lambda i: i.updated_at),
    ),
)

ACTIONS: View[ActionRow] = View(
    table=(
        Column("OUTCOME", lambda c: c.outcome, width=12),
        Column("ID", lambda c: c.id, width=9),
        Column("TARGET", lambda c: c.target, width=16, share=1, overflow=Overflow.WRAP),
        Column("ERROR", lambda c: c.error, width=16, share=1, overflow=Overflow.WRAP),
    ),
    csv=(
        Column("outcome", lambda c: c.outcome),
        Column("type", lambda c: c.type),
        Column("id", lambda c: c.id),
        Column("target", lambda c: c.target),
        Column("error", lambda c: c.error),
    ),
    detail=(
        Column("Outcome", lambda c: c.outcome),
        Column("Target", lambda c: c.target),
        Column("ID", lambda c: c.id),
    ),
)

INVITE_RESULTS: View[InviteRow] = View(
    table=(
        Column("OUTCOME", lambda s: s.outcome, width=18),
        Column(
            "INVITEE",
            lambda s: s.name or s.email or s.slug or s.user_id,
            width=20,
            share=2,
            overflow=Overflow.WRAP,
        ),
        Column("INVITATION", lambda s: s.invitation_id, width=10),
        Column("ERROR", lambda s: s.error, width=10, share=1, overflow=Overflow.WRAP),
    ),
    csv=(
        Column("outcome", lambda s: s.outcome),
        Column("email", lambda s: s.email),
        Column("user_id", lambda s: s.user_id),
        Column("slug", lambda s: s.slug),
        Column("name", lambda s: s.name),
        Column("invitation_id", lambda s: s.invitation_id),
        Column("error", lambda s: s.error),
    ),
)


def loss_lines(revoked: Sequence[MembershipInvitation], *, utc: bool = False) -> list[str]:
    """Return a line for each invitation that is about to be revoked."""
    return [
        f"{each.id}  {invitee(each)}, sent {moment_text(each.created_at, utc=utc)}"
        for each in revoked
    ]


def describe_event(event: WatchEvent) -> str:
    """Return an event in words."""
    if isinstance(event, InviteCodeChanged):
        return "invite code changed" if event.exists else "invite code deleted"
    if isinstance(event, RoleChanged):
        return f"now {event.member.role}, was {event.previous_role}"
    return event.kind.replace("-", " ")


def event_subject(event: WatchEvent) -> str:
    """Return the person that an event is about; empty if there is none."""
    match event:
        case InvitationSent() | InvitationAccepted() | InvitationClosed():
            return invitee(event.invitation)
        case MemberJoined() | MemberLeft() | RoleChanged():
            return user_label(event.member)
        case InviteCodeChanged():
            return ""


def _subject_and_adder(event: WatchEvent) -> str:
    """Return the person that an event is about, and who added them, if that is known."""
    if isinstance(event, MemberJoined) and event.added_by is not None:
        return f"{event_subject(event)}, added by {event.added_by.name}"
    return event_subject(event)


EVENTS: View[WatchEvent] = View(
    table=(
        Column("TIME", lambda e: e.observed_at, width=16, is_time=True, minutes=True),
        Column("GROUP", lambda e: e.group.slug, width=16, share=1, overflow=Overflow.KEEP),
        Column("EVENT", describe_event, width=21),
        Column("WHO", _subject_and_adder, width=20, share=2, overflow=Overflow.WRAP),
    ),
    csv=(
        Column("key", lambda e: e.key),
        Column("group", lambda e: e.group.slug),
        Column("kind", lambda e: e.kind),
        Column("who", event_subject),
        moment_column("observed_at", lambda e: e.observed_at),
    ),
)
