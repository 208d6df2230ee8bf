"""Desired people: the rows of a list, and the people that they name.

The functions here return errors instead of raising them where their frames have addresses.
"""

from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from typing import Final, cast

from attrs import evolve, field, fields, frozen

from arena_groups._api import UserReference, address_problem, check_id, mailbox, trimmed
from arena_groups._arguments import iterable_problem
from arena_groups._exports import set_public_module
from arena_groups._types import hidden
from arena_groups.bulk import InviteTargetLike, normalize_invite_target
from arena_groups.models import EmbeddedUser, MembershipInvitation
from arena_groups.reconcile.roster import RosterPerson

__all__ = [
    "DesiredLike",
    "DesiredPerson",
    "DesiredRow",
    "Person",
    "embedded_user",
    "join_people",
    "listed_positions",
    "merge_rows",
    "read_rows",
]

MAX_LISTED_POSITIONS: Final = 5


def _shown_user(user: object) -> str:
    try:
        return "None" if user is None else repr(UserReference(user).name)
    except (ValueError, TypeError):
        return hidden(user)  # it may be an address in the wrong place


@frozen(kw_only=True)
class DesiredPerson:
    """One row of a list: a person who should be in the group.

    With both an address and a user, the row links them: the member is known by the address.

    Args:
        email: The email address. ``repr()`` hides it.
        user: The Are.na user, by slug, id or URL of the profile, or a model of it.
        note: Anything that the plan should show beside the person. ``repr()`` hides it.
    """

    email: str | None = field(default=None, repr=hidden)
    user: str | int | EmbeddedUser | None = field(default=None, repr=_shown_user)
    note: str | None = field(default=None, repr=hidden)


DesiredLike = InviteTargetLike | DesiredPerson | RosterPerson | Mapping[str, object]
"""Inputs of ``plan_sync``: what ``invite_many`` takes, people of a roster, and rows.

A row is a :class:`DesiredPerson` or a dict with ``email``, ``user_id`` or ``user``, and ``note``.
"""


@frozen(kw_only=True)
class DesiredRow:
    """A valid row: an address, a user by id or slug, or both.

    Args:
        position: Index of the input, from 0.
        email: The address.
        user_id: The id of the user.
        slug: The slug of the user, whose id has to be looked up.
        user: The user, if the input had a model of it.
        note: The note.
        pending_visible: ``False`` for a row of a roster without the pending invitations.
    """

    position: int
    email: str | None = field(default=None, repr=hidden)
    user_id: int | None = None
    slug: str | None = None
    user: EmbeddedUser | None = None
    note: str | None = field(default=None, repr=hidden)
    pending_visible: bool = True


@frozen(kw_only=True)
class Person:
    """A person of a list, under all the names that the list has for them.

    Args:
        emails: The addresses, one for each mailbox.
        user_ids: The ids of the user.
        positions: The indexes of the inputs, ascending.
        note: The first note.
        user: The user, if the input or a look-up has shown it.
    """

    emails: tuple[str, ...] = field(default=(), repr=lambda emails: f"<{len(emails)} hidden>")
    user_ids: tuple[int, ...] = ()
    positions: tuple[int, ...] = ()
    note: str | None = field(default=None, repr=hidden)
    user: EmbeddedUser | None = None


async def read_rows(items: object, what: str) -> list[DesiredRow] | ValueError | TypeError:
    """Read an iterable to its end, and return its rows, or an error with all invalid positions.

    An error of the iterable itself is raised.
    """
    problem = iterable_problem(items, what, "people")
    if isinstance(items, str | bytes):
        all_or = '"all" or ' if what == "reinvite" else ""
        problem = (
            f"{what} must be {all_or}an iterable of people, not a single string:"
            ' for one person, pass a list such as ["ada"]'
        )
    if isinstance(items, Mapping):
        problem = f"{what} must be an iterable of people, not a single row"
    if problem or not isinstance(items, Iterable | AsyncIterable):
        return TypeError(problem)
    rows: list[DesiredRow] = []
    invalid: list[int] = []
    position = 0
    if isinstance(items, AsyncIterable):
        async for item in cast("AsyncIterable[object]", items):
            _add(item, position, rows, invalid)
            position += 1
            del item  # an error of the iterable shows this frame
    else:
        for item in cast("Iterable[object]", items):
            _add(item, position, rows, invalid)
            position += 1
            del item  # an error of the iterable shows this frame
    if invalid:
        return ValueError(f"{what} has no email address and no user at {listed_positions(invalid)}")
    return rows


def merge_rows(
    rows: Sequence[DesiredRow], ids: Mapping[str, int], what: str
) -> list[Person] | ValueError:
    """Return one person for all rows with the same address or user, in the order of the rows.

    Args:
        rows: The rows.
        ids: The ids of the users whom rows name by slug.
        what: The name of the list, for the error.

    Returns:
        The people, or an error with the positions of rows that contradict each other: they give
        one address to different users.
    """
    numbers = [row.user_id if row.slug is None else ids[row.slug] for row in rows]
    mailboxes = [None if row.email is None else mailbox(row.email) for row in rows]
    users: dict[str, int] = {}
    contradicted: set[str] = set()
    for box, number in zip(mailboxes, numbers, strict=True):
        if box is not None and number is not None and users.setdefault(box, number) != number:
            contradicted.add(box)
    if contradicted:
        found = [
            row.position
            for row, box, number in zip(rows, mailboxes, numbers, strict=True)
            if box in contradicted and number is not None
        ]
        return ValueError(
            f"{what} gives one address to different users at {listed_positions(found)}"
        )
    people: dict[str | int, list[Person]] = {}
    for row, box, number in zip(rows, mailboxes, numbers, strict=True):
        known = number if number is not None else users.get(box or "")
        person = Person(
            emails=() if row.email is None else (row.email,),
            user_ids=() if known is None else (known,),
            positions=(row.position,),
            note=row.note,
            user=row.user,
        )
        people.setdefault(box or "" if known is None else known, []).append(person)
    return [join_people(same) for same in people.values()]


def join_people(people: Iterable[Person]) -> Person:
    """Return one person with all names of several, who are the same."""
    same = sorted(people, key=lambda person: person.positions)
    emails = {
        mailbox(email): email for person in reversed(same) for email in reversed(person.emails)
    }
    return Person(
        emails=tuple(reversed(emails.values())),
        user_ids=tuple(dict.fromkeys(number for person in same for number in person.user_ids)),
        positions=tuple(sorted({each for person in same for each in person.positions})),
        note=next((person.note for person in same if person.note), None),
        user=next((person.user for person in same if person.user), None),
    )


def embedded_user(user: EmbeddedUser) -> EmbeddedUser:
    """Return a member or a user in full as a plain embedded user."""
    return EmbeddedUser(**{each.name: getattr(user, each.name) for each in fields(EmbeddedUser)})


def listed_positions(positions: Sequence[int]) -> str:
    """Return positions as words: the first few, and how many more there are."""
    shown = ", ".join(map(str, positions[:MAX_LISTED_POSITIONS]))
    rest = len(positions) - MAX_LISTED_POSITIONS
    noun = "position" if len(positions) == 1 else "positions"
    return f"{noun} {shown}" + (f" and {rest} more" if rest > 0 else "")


def _add(item: object, position: int, rows: list[DesiredRow], invalid: list[int]) -> None:
    try:
        rows.append(evolve(_row(item), position=position))
    except (ValueError, TypeError):
        invalid.append(position)


def _row(item: object) -> DesiredRow:
    match item:
        case DesiredPerson():
            return _row_of(item.email, item.user, item.note)
        case Mapping():
            row = cast("Mapping[str, object]", item)
            email, number, user, note = (
                _blank_as_none(row.get(name)) for name in ("email", "user_id", "user", "note")
            )
            found = _row_of(email, user if number is None else number, note)
            # A bool, or in CSV a text.
            visible = str(row.get("pending_visible")).strip().casefold() != "false"
            return evolve(found, pending_visible=visible)
        case RosterPerson():
            return _row_of(item.email, item.user_id, None)
        case MembershipInvitation():
            return _row_of(item.invitee_email, item.invitee, None)
        case EmbeddedUser():
            return _row_of(None, item, None)
        case _:
            target = normalize_invite_target(item)
            return _row_of(target.email, target.user_id or target.user, None)


def _row_of(email: object, user: object, note: object) -> DesiredRow:
    if email is None and user is None:
        raise ValueError("neither an address nor a user")
    if email is not None and address_problem(email):
        raise ValueError("not an address")
    if note is not None and not isinstance(note, str):
        raise TypeError("a note must be a str")
    if isinstance(user, str):  # as in a CSV file
        user = trimmed(user)
        user = int(user) if user.isdecimal() and user.isascii() else user
    name = None if user is None else UserReference(user).name
    return DesiredRow(
        position=0,
        email=trimmed(email) if isinstance(email, str) else None,
        user_id=check_id(name, "user id") if isinstance(name, int) else None,
        slug=name if isinstance(name, str) else None,
        user=embedded_user(user) if isinstance(user, EmbeddedUser) else None,
        note=note,
    )


def _blank_as_none(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


set_public_module(globals(), ["DesiredPerson"], "arena_groups.reconcile")
