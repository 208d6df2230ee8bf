"""Which facts of a result a table and a CSV file show."""

from collections.abc import Callable
from datetime import datetime
from typing import Generic, TypeVar

from attrs import frozen

from arena_groups.models import EmbeddedUser, GroupInvite, MembershipInvitation

T = TypeVar("T")

Cell = str | int | None


@frozen
class Column(Generic[T]):
    """A fact: its title, how to get it, and how much of a table's width it takes.

    ``width`` is in terminal columns; a column with a ``share`` grows by that part of what
    is left over.
    """

    title: str
    cell: Callable[[T], Cell]
    width: int = 0
    share: int = 0


@frozen
class View(Generic[T]):
    """The columns of one kind of result, for people (``table``) and programs (``csv``)."""

    table: tuple[Column[T], ...]
    csv: tuple[Column[T], ...]


def invitee(invitation: MembershipInvitation) -> str:
    """Return who was invited: a person, else an address."""
    if invitation.invitee is None:
        return invitation.invitee_email or "(not told)"
    return f"{invitation.invitee.name} ({invitation.invitee.slug})"


def _day(moment: datetime) -> str:
    return moment.date().isoformat()


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


def _of(person: EmbeddedUser | None, fact: Callable[[EmbeddedUser], Cell]) -> Cell:
    return None if person is None else fact(person)


INVITATIONS: View[MembershipInvitation] = View(
    table=(
        Column("ID", lambda i: i.id, width=9),
        Column("INVITEE", invitee, width=14, share=2),
        Column("INVITED BY", lambda i: i.invited_by.name, width=10, share=1),
        Column("SENT", lambda i: _day(i.created_at), width=10),
    ),
    csv=(
        Column("id", lambda i: i.id),
        Column("state", lambda i: i.state.value),
        Column("invitee_id", lambda i: _of(i.invitee, lambda person: person.id)),
        Column("invitee_slug", lambda i: _of(i.invitee, lambda person: person.slug)),
        Column("invitee_name", lambda i: _of(i.invitee, lambda person: person.name)),
        Column("invitee_email", lambda i: i.invitee_email),
        Column("invited_by_id", lambda i: i.invited_by.id),
        Column("invited_by_slug", lambda i: i.invited_by.slug),
        Column("invited_by_name", lambda i: i.invited_by.name),
        Column("created_at", lambda i: _iso(i.created_at)),
        Column("updated_at", lambda i: _iso(i.updated_at)),
        Column("accepted_at", lambda i: _iso(i.accepted_at)),
    ),
)

INVITE_CODE: View[GroupInvite] = View(
    table=(
        Column("URL", lambda i: i.url),
        Column("Code", lambda i: i.code),
        Column("Created", lambda i: _day(i.created_at)),
    ),
    csv=(
        Column("id", lambda i: i.id),
        Column("code", lambda i: i.code),
        Column("url", lambda i: i.url),
        Column("created_at", lambda i: _iso(i.created_at)),
        Column("updated_at", lambda i: _iso(i.updated_at)),
    ),
)
