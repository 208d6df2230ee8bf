"""The world as a new sandbox finds it: the same for the same seed, down to ids and tokens."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import attrs

from arena_groups.sandbox.backend import World
from arena_groups.sandbox.entities import Badge, Block, Credential, Group, Invitation, Person, Tier
from arena_groups.sandbox.fake_clock import Clock
from arena_groups.sandbox.seed_data import (
    BIOS,
    FIRST_NAMES,
    GROUP_DESCRIPTION,
    LAST_NAMES,
    OTHER_GROUPS,
    add_channels,
    add_contents,
)

SEEDED_AT = datetime(2026, 5, 1, 9, 30, tzinfo=UTC)
"""When the seeded history ends. Everything in it is dated before, whatever the clock says."""

PENDING_INVITATIONS = 480
CLOSED_INVITATIONS = 6
MEMBERS = 32
UNCONFIRMED_MEMBERS = 2
FOLLOWERS = 64
CONTENTS = 72

_BADGES: dict[Tier, Badge | None] = {
    "free": None,
    "premium": "premium",
    "supporter": "supporter",
}


@attrs.frozen
class Cast:
    """The people whom tests and documentation speak of."""

    owner: Person
    member: Person
    follower: Person
    stranger: Person


class Crowd:
    """An endless supply of people that nobody has met yet."""

    def __init__(self, world: World, tier: Tier | None) -> None:
        self._world = world
        self._tier: Tier | None = tier
        self._names = _names(world.rng)

    def person(self, *, at: datetime | None = None) -> Person:
        """Somebody new."""
        rng = self._world.rng
        first, last = next(self._names)
        drawn: Tier = rng.choice(("free", "free", "premium", "supporter"))
        email = self._world.free_address(first, last)
        tier = self._tier or drawn
        person = self._world.add_person(f"{first} {last}", email=email, tier=tier, at=at)
        dress(person, rng)
        return person

    def address(self) -> str:
        """The address of somebody who has no account."""
        return self._world.free_address(*next(self._names))


def dress(person: Person, rng: random.Random) -> None:
    """Give a person a portrait, a few words and some channels, or leave them out."""
    later = person.created_at + timedelta(minutes=rng.randrange(20_000))
    person.updated_at = max(person.created_at, min(later, SEEDED_AT))
    portrait = f"https://images.example.net/people/{person.slug}.jpg"
    person.avatar = portrait if rng.random() < 0.7 else None
    person.bio = rng.choice(BIOS) if rng.random() < 0.5 else None
    person.badge = _BADGES[person.tier]
    person.channels = rng.randrange(90)
    person.sparse = rng.random() < 0.4


def new_world(seed: int, clock: Clock, tier: Tier | None) -> tuple[World, Cast, Crowd]:
    """A seeded world, the people to know in it, and a crowd to draw more from.

    `tier` puts every account on one tier; otherwise tiers are mixed.
    """
    world = World(clock, random.Random(seed))
    cast = _cast(world, tier)
    crowd = Crowd(world, tier)
    studio = _group(world, cast.owner, "Research Studio", slug="research-studio", age_in_days=430)
    studio.description = GROUP_DESCRIPTION
    studio.avatar = "https://images.example.net/groups/research-studio.jpg"
    _populate(world, cast, crowd, studio)
    _private_group(world, cast, crowd)
    _group(world, cast.owner, "Blank Page", slug="blank-page", age_in_days=3).sparse = True
    _other_groups(world, cast, crowd)
    return world, cast, crowd


def new_token(world: World, label: str, credential: Credential) -> str:
    """A token that stands for the credential from now on."""
    token = f"sandbox_{label}_{world.rng.randbytes(12).hex()}"
    world.credentials[token] = credential
    return token


def _names(rng: random.Random) -> Iterator[tuple[str, str]]:
    """First and last names, none twice until half of all are used up."""
    used: set[tuple[str, str]] = set()
    enough = len(FIRST_NAMES) * len(LAST_NAMES) // 2
    while True:
        name = (rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES))
        if len(used) > enough:
            used.clear()
        if name not in used:
            used.add(name)
            yield name


def _cast(world: World, tier: Tier | None) -> Cast:
    def introduce(name: str, bio: str | None, badge: Badge | None, notifications: int) -> Person:
        local_part = name.lower().replace(" ", ".")
        person = world.add_person(
            name,
            email=f"{local_part}@example.org",
            tier=tier or "supporter",
            at=SEEDED_AT - timedelta(days=900 - 40 * len(world.people)),
        )
        person.bio, person.badge, person.notifications = bio, badge, notifications
        person.avatar = f"https://images.example.net/people/{person.slug}.jpg"
        person.channels = 12
        return person

    badge = _BADGES[tier or "supporter"]
    cast = Cast(
        owner=introduce("Ada Osei", BIOS[0], badge, 3),
        member=introduce("Minh Castellanos", BIOS[2], badge, 0),
        follower=introduce("Noor Halvorsen", None, "investor", 1),
        stranger=introduce("Tomasz Whetu", BIOS[4], badge, 0),
    )
    cast.stranger.avatar = None
    cast.stranger.sparse = True
    world.follow(cast.follower, cast.owner)
    world.follow(cast.owner, cast.member)
    return cast


def _group(world: World, owner: Person, name: str, *, slug: str | None, age_in_days: int) -> Group:
    group = world.add_group(name, owner, slug=slug, at=SEEDED_AT - timedelta(days=age_in_days))
    group.updated_at += timedelta(hours=5 * age_in_days)
    return group


def _populate(world: World, cast: Cast, crowd: Crowd, group: Group) -> None:
    _add_members(world, cast, crowd, group)
    group.followers.update(dict.fromkeys(each.id for each in new_people(crowd, FOLLOWERS)))
    world.ensure_invite_code(group, SEEDED_AT - timedelta(days=200))
    _add_closed_invitations(world, cast, group)
    times = _times_until_seeding(world.rng, PENDING_INVITATIONS)
    add_invitations(world, crowd, group, times)
    add_contents(world, group, CONTENTS, until=SEEDED_AT - timedelta(hours=2))
    _share_private_blocks(cast, group)


def _add_members(world: World, cast: Cast, crowd: Crowd, group: Group) -> None:
    newcomers = new_people(crowd, MEMBERS)
    newcomers.insert(MEMBERS // 2, cast.member)
    group.members.update(dict.fromkeys(person.id for person in newcomers))
    for person in newcomers[3 : 3 + UNCONFIRMED_MEMBERS]:
        person.confirmed = person.may_invite_new_addresses = False
    for person in newcomers[::4]:
        world.follow(person, cast.owner)
        world.follow(cast.member, person)


def _share_private_blocks(cast: Cast, group: Group) -> None:
    """One for the owner and one for the member; the others stay with whoever made them."""
    blocks = [each for each in group.contents if isinstance(each, Block)]
    private = [each for each in blocks if each.visibility == "private"]
    for block, person in zip(private, (cast.owner, cast.member), strict=False):
        block.user_id = person.id


def new_people(crowd: Crowd, count: int) -> list[Person]:
    """People who signed up some day before the seeded history ends."""
    return [crowd.person(at=SEEDED_AT - timedelta(days=600 - each % 600)) for each in range(count)]


def add_invitations(
    world: World, crowd: Crowd, group: Group, times: list[datetime]
) -> list[Invitation]:
    """A pending invitation for each time: some to people, some to addresses, some to both."""
    return [_add_invitation(world, crowd, group, number, at) for number, at in enumerate(times)]


def _add_invitation(
    world: World, crowd: Crowd, group: Group, number: int, at: datetime
) -> Invitation:
    inviter = world.people[world.rng.choice((group.owner_id, *list(group.members)[:3]))]
    if number % 5 in {0, 2}:
        return world.add_invitation(group, inviter, email=crowd.address(), at=at)
    invitee = crowd.person(at=min(at, SEEDED_AT) - timedelta(days=30))
    email = invitee.email if number % 5 == 1 else None
    return world.add_invitation(group, inviter, invitee=invitee, email=email, at=at)


def _add_closed_invitations(world: World, cast: Cast, group: Group) -> None:
    for number, member_id in enumerate(list(group.members)[:CLOSED_INVITATIONS]):
        at = SEEDED_AT - timedelta(days=300 - number)
        invitee = world.people[member_id]
        invitation = world.add_invitation(group, cast.owner, invitee=invitee, at=at)
        world.accept(invitation, at=at + timedelta(hours=9))


def _times_until_seeding(rng: random.Random, count: int) -> list[datetime]:
    seconds = sorted(rng.sample(range(60, 120 * 86_400), count), reverse=True)
    return [SEEDED_AT - timedelta(seconds=each) for each in seconds]


def _private_group(world: World, cast: Cast, crowd: Crowd) -> None:
    group = _group(world, cast.owner, "Night Shift", slug="night-shift", age_in_days=90)
    group.private = True
    group.description = "Where the *unfinished* things are kept."
    for _ in range(3):
        group.members[crowd.person(at=group.created_at - timedelta(days=30)).id] = None
    world.ensure_invite_code(group, group.created_at)
    add_invitations(
        world, crowd, group, [group.created_at + timedelta(days=each) for each in (1, 2)]
    )
    add_channels(world, group, 2, until=SEEDED_AT - timedelta(days=5))


def _other_groups(world: World, cast: Cast, crowd: Crowd) -> None:
    for number, (name, description, channels, members, followers) in enumerate(OTHER_GROUPS):
        group = _group(world, cast.owner, name, slug=None, age_in_days=700 - 131 * number)
        group.description = description
        for _ in range(members):
            group.members[crowd.person(at=group.created_at - timedelta(days=9)).id] = None
        if number % 2 == 0:
            group.members[cast.member.id] = None
        group.followers.update(dict.fromkeys(each.id for each in new_people(crowd, followers)))
        add_channels(world, group, channels, until=SEEDED_AT - timedelta(days=number + 1))
