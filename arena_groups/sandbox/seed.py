"""Seeded state of a new sandbox: the same for the same seed, down to ids and tokens."""

import random
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice

import attrs

from arena_groups.sandbox.backend import Backend
from arena_groups.sandbox.draws import below, pick
from arena_groups.sandbox.entities import (
    Badge,
    BlockRecord,
    ChannelRecord,
    CredentialRecord,
    GroupRecord,
    InvitationRecord,
    Tier,
    UserRecord,
)
from arena_groups.sandbox.fake_clock import SandboxClock
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
"""End of the seeded history: no seeded timestamp is later, whatever the clock says."""

PENDING_INVITATIONS = 480
CLOSED_INVITATIONS = 6
PEOPLE = 34
MAX_PEOPLE = 1_000_000
UNCONFIRMED_MEMBERS = 2
FOLLOWERS = 64
CONTENTS = 72
LARGEST_KEPT = 5_000
"""The number of people and invitations up to which seeded records are kept, to be copied."""

_ENOUGH_NAMES = len(FIRST_NAMES) * len(LAST_NAMES) // 2

_BADGE_OF_TIER: dict[Tier, Badge | None] = {
    "free": None,
    "premium": "premium",
    "supporter": "supporter",
}


@attrs.frozen
class KnownUsers:
    """The users that tests and documentation refer to."""

    owner: UserRecord
    member: UserRecord
    follower: UserRecord
    stranger: UserRecord


@attrs.define(eq=False)
class UserFactory:
    """Source of generated users."""

    _backend: Backend = attrs.field(repr=False)
    _tier: Tier | None
    _used_names: set[tuple[str, str]] = attrs.field(factory=set[tuple[str, str]], repr=False)

    def copy(self, backend: Backend) -> "UserFactory":
        """Return a factory that goes on in the same way with another backend."""
        return UserFactory(backend, self._tier, set(self._used_names))

    def user(self, *, at: datetime | None = None) -> UserRecord:
        """Return a new user."""
        rng = self._backend.rng
        first, last = self._name()
        drawn: Tier = pick(rng, ("free", "free", "premium", "supporter"))
        email = self._backend.free_address(first, last)
        tier = self._tier or drawn
        user = self._backend.add_user(f"{first} {last}", email=email, tier=tier, at=at)
        _fill_profile(user, rng)
        return user

    def address(self) -> str:
        """Return an address without an account."""
        return self._backend.free_address(*self._name())

    def _name(self) -> tuple[str, str]:
        """Return a first and a last name, without repetition until half of all are used."""
        rng, used = self._backend.rng, self._used_names
        while True:
            name = (pick(rng, FIRST_NAMES), pick(rng, LAST_NAMES))
            if len(used) > _ENOUGH_NAMES:
                used.clear()
            if name not in used:
                used.add(name)
                return name


def _fill_profile(user: UserRecord, rng: random.Random) -> None:
    """Set or leave out the avatar, bio and channels of a user at random."""
    later = user.created_at + timedelta(minutes=below(rng, 20_000))
    user.updated_at = max(user.created_at, min(later, SEEDED_AT))
    portrait = f"https://images.example.net/people/{user.slug}.jpg"
    user.avatar = portrait if rng.random() < 0.7 else None
    user.bio = pick(rng, BIOS) if rng.random() < 0.5 else None
    user.badge = _BADGE_OF_TIER[user.tier]
    user.channels = below(rng, 90)
    user.sparse = rng.random() < 0.4


@attrs.frozen
class SeedPlan:
    """What a backend is filled with.

    Attributes:
        seed: The seed of all generated data.
        tier: Puts every account on one tier; by default tiers are mixed.
        people: The number of people in `research-studio`, the owner included, at least 2.
        invitations: The number of pending invitations to `research-studio`.
    """

    seed: int
    tier: Tier | None = None
    people: int = PEOPLE
    invitations: int = PENDING_INVITATIONS


@attrs.frozen
class SeededRecords:
    """A filled backend, its known users, and the factory of more users."""

    backend: Backend = attrs.field(repr=False)
    known_users: KnownUsers = attrs.field(repr=False)
    user_factory: UserFactory

    def copy(self, backend: Backend) -> "SeededRecords":
        """Return copies of the records, in an empty backend."""
        backend.copy_seed(self.backend)
        known_users = self.known_users
        return SeededRecords(
            backend,
            KnownUsers(
                owner=backend.users[known_users.owner.id],
                member=backend.users[known_users.member.id],
                follower=backend.users[known_users.follower.id],
                stranger=backend.users[known_users.stranger.id],
            ),
            self.user_factory.copy(backend),
        )


@attrs.define(eq=False)
class PlannedRecords:
    """Source of the records of one plan. From the second time on, they are copied."""

    _plan: SeedPlan
    _used: bool = False
    _records: SeededRecords | None = None

    def fill(self, backend: Backend) -> SeededRecords:
        """Fill an empty backend."""
        plan = self._plan
        if not self._used or plan.people + plan.invitations > LARGEST_KEPT:
            self._used = True
            return _generate(backend, plan)
        if self._records is None:
            clock = SandboxClock(SEEDED_AT.timestamp)
            self._records = _generate(Backend(clock, random.Random(plan.seed)), plan)
        return self._records.copy(backend)


_planned_records = lru_cache(maxsize=16)(PlannedRecords)


def new_backend(
    seed: int, clock: SandboxClock, tier: Tier | None
) -> tuple[Backend, KnownUsers, UserFactory]:
    """Return a seeded backend, its known users, and the factory of more users."""
    records = fill_backend(Backend(clock, random.Random(seed)), SeedPlan(seed, tier))
    return records.backend, records.known_users, records.user_factory


def fill_backend(backend: Backend, plan: SeedPlan) -> SeededRecords:
    """Fill an empty backend."""
    return _planned_records(plan).fill(backend)


def _generate(backend: Backend, plan: SeedPlan) -> SeededRecords:
    known_users = _add_known_users(backend, plan.tier)
    user_factory = UserFactory(backend, plan.tier)
    studio = _group(
        backend, known_users.owner, "Research Studio", slug="research-studio", age_in_days=430
    )
    studio.description = GROUP_DESCRIPTION
    studio.avatar = "https://images.example.net/groups/research-studio.jpg"
    _add_members(backend, known_users, user_factory, studio, plan.people - 2)
    _populate(backend, known_users, user_factory, studio, plan.invitations)
    _private_group(backend, known_users, user_factory)
    _group(backend, known_users.owner, "Blank Page", slug="blank-page", age_in_days=3).sparse = True
    _other_groups(backend, known_users, user_factory)
    _follow(backend, known_users.follower, studio)
    return SeededRecords(backend, known_users, user_factory)


def new_token(backend: Backend, label: str, credential: CredentialRecord) -> str:
    """Add a token for the credential and return it."""
    token = f"sandbox_{label}_{backend.rng.randbytes(12).hex()}"
    backend.credentials[token] = credential
    return token


def _add_known_users(backend: Backend, tier: Tier | None) -> KnownUsers:
    def _add_known_user(
        name: str, bio: str | None, badge: Badge | None, notifications: int
    ) -> UserRecord:
        local_part = name.lower().replace(" ", ".")
        user = backend.add_user(
            name,
            email=f"{local_part}@example.org",
            tier=tier or "supporter",
            at=SEEDED_AT - timedelta(days=900 - 40 * len(backend.users)),
        )
        user.bio, user.badge, user.notifications = bio, badge, notifications
        user.avatar = f"https://images.example.net/people/{user.slug}.jpg"
        user.channels = 12
        return user

    badge = _BADGE_OF_TIER[tier or "supporter"]
    known_users = KnownUsers(
        owner=_add_known_user("Ada Osei", BIOS[0], badge, 3),
        member=_add_known_user("Minh Castellanos", BIOS[2], badge, 0),
        follower=_add_known_user("Noor Halvorsen", None, "investor", 1),
        stranger=_add_known_user("Tomasz Whetu", BIOS[4], badge, 0),
    )
    known_users.stranger.avatar = None
    known_users.stranger.sparse = True
    backend.follow(known_users.follower, known_users.owner)
    backend.follow(known_users.owner, known_users.member)
    return known_users


def _follow(backend: Backend, user: UserRecord, group: GroupRecord) -> None:
    """Let a user follow the channels of a group, and the group that was added last."""
    for content in group.contents:
        if isinstance(content, ChannelRecord):
            backend.follow(user, content)
    backend.follow(user, list(backend.groups.values())[-1])


def _group(
    backend: Backend, owner: UserRecord, name: str, *, slug: str | None, age_in_days: int
) -> GroupRecord:
    group = backend.add_group(name, owner, slug=slug, at=SEEDED_AT - timedelta(days=age_in_days))
    group.updated_at += timedelta(hours=5 * age_in_days)
    return group


def _populate(
    backend: Backend,
    known_users: KnownUsers,
    user_factory: UserFactory,
    group: GroupRecord,
    invitations: int,
) -> None:
    for user in new_users(user_factory, FOLLOWERS):
        backend.follow(user, group)
    backend.ensure_invite_code(group, SEEDED_AT - timedelta(days=200))
    _add_closed_invitations(backend, known_users, group)
    times = _times_until_seeding(backend.rng, invitations)
    add_invitations(backend, user_factory, group, times)
    add_contents(backend, group, CONTENTS, until=SEEDED_AT - timedelta(hours=2))
    _share_private_blocks(known_users, group)


def _add_members(
    backend: Backend,
    known_users: KnownUsers,
    user_factory: UserFactory,
    group: GroupRecord,
    count: int,
) -> None:
    """Add new members, and the known one in their middle."""
    newcomers = new_users(user_factory, count)
    newcomers.insert(count // 2, known_users.member)
    group.members.update(dict.fromkeys(user.id for user in newcomers))
    for user in newcomers[3 : 3 + UNCONFIRMED_MEMBERS]:
        user.confirmed = user.may_invite_new_addresses = False
    for user in newcomers[::4]:
        backend.follow(user, known_users.owner)
        backend.follow(known_users.member, user)


def _share_private_blocks(known_users: KnownUsers, group: GroupRecord) -> None:
    """Make the owner and the member the authors of a private block each."""
    blocks = [each for each in group.contents if isinstance(each, BlockRecord)]
    private = [each for each in blocks if each.visibility == "private"]
    for block, user in zip(private, (known_users.owner, known_users.member), strict=False):
        block.user_id = user.id


def new_users(user_factory: UserFactory, count: int) -> list[UserRecord]:
    """Return new users who signed up before the end of the seeded history."""
    return [
        user_factory.user(at=SEEDED_AT - timedelta(days=600 - each % 600)) for each in range(count)
    ]


def add_invitations(
    backend: Backend, user_factory: UserFactory, group: GroupRecord, times: list[datetime]
) -> list[InvitationRecord]:
    """Add a pending invitation for each time: of users, of addresses, and of both."""
    inviters = [backend.users[each] for each in (group.owner_id, *islice(group.members, 3))]
    added: list[InvitationRecord] = []
    for number, at in enumerate(times):
        inviter = pick(backend.rng, inviters)
        invitee, email = _invitee(user_factory, number, at)
        added.append(backend.add_invitation(group, inviter, invitee=invitee, email=email, at=at))
    return added


def _invitee(
    user_factory: UserFactory, number: int, at: datetime
) -> tuple[UserRecord | None, str | None]:
    """Return a new user, an address, or a new user and the address of that user."""
    if number % 5 in {0, 2}:
        return None, user_factory.address()
    invitee = user_factory.user(at=min(at, SEEDED_AT) - timedelta(days=30))
    return invitee, invitee.email if number % 5 == 1 else None


def _add_closed_invitations(backend: Backend, known_users: KnownUsers, group: GroupRecord) -> None:
    for number, member_id in enumerate(list(group.members)[:CLOSED_INVITATIONS]):
        at = SEEDED_AT - timedelta(days=300 - number)
        invitee = backend.users[member_id]
        invitation = backend.add_invitation(group, known_users.owner, invitee=invitee, at=at)
        backend.accept(invitation, at=at + timedelta(hours=9))


def _times_until_seeding(rng: random.Random, count: int) -> list[datetime]:
    seconds = sorted(rng.sample(range(60, 120 * 86_400), count), reverse=True)
    return [SEEDED_AT - timedelta(seconds=each) for each in seconds]


def _private_group(backend: Backend, known_users: KnownUsers, user_factory: UserFactory) -> None:
    group = _group(backend, known_users.owner, "Night Shift", slug="night-shift", age_in_days=90)
    group.private = True
    group.description = "Where the *unfinished* things are kept."
    for _ in range(3):
        group.members[user_factory.user(at=group.created_at - timedelta(days=30)).id] = None
    backend.ensure_invite_code(group, group.created_at)
    add_invitations(
        backend, user_factory, group, [group.created_at + timedelta(days=each) for each in (1, 2)]
    )
    add_channels(backend, group, 2, until=SEEDED_AT - timedelta(days=5))


def _other_groups(backend: Backend, known_users: KnownUsers, user_factory: UserFactory) -> None:
    for number, (name, description, channels, members, followers) in enumerate(OTHER_GROUPS):
        group = _group(backend, known_users.owner, name, slug=None, age_in_days=700 - 131 * number)
        group.description = description
        for _ in range(members):
            group.members[user_factory.user(at=group.created_at - timedelta(days=9)).id] = None
        if number % 2 == 0:
            group.members[known_users.member.id] = None
        for user in new_users(user_factory, followers):
            backend.follow(user, group)
        add_channels(backend, group, channels, until=SEEDED_AT - timedelta(days=number + 1))
