"""Random histories of a group that is kept in step with lists by runs that are killed.

People accept, decline, leave, come back, rename themselves and sign up; lists name them in any
way; runs are killed at any request and at any write of the store. What a run did is judged by who
the people are, and by what the client could know.
"""

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager, suppress
from math import floor
from typing import Any, Final

from attrs import define, field, frozen
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from arena_groups import (
    ArenaClient,
    ArenaError,
    DriftError,
    EmbeddedUser,
    MembershipInvitation,
    MemoryStore,
    NoPacer,
    RemovalLimitError,
    RetryPolicy,
    SyncError,
    SyncPlan,
    plan_sync,
)
from arena_groups.reconcile import ActionKind, DesiredPerson, link
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.fake_clock import AutoAdvanceClock
from tests.support.sync_group import (
    BY_ADDRESS,
    BY_BOTH,
    BY_USER,
    REMOVE,
    REVOKE,
    WRITES,
    HiddenAddresses,
    KillClient,
    Knowledge,
    MortalStore,
    Person,
)
from tests.support.thorough import repetitions

EXAMPLES: Final = repetitions(35, thorough=500)
STEPS: Final = repetitions(15, thorough=30)
KEY: Final = b"a key of the tests that is long enough"
PEOPLE: Final = 8
LATECOMERS: Final = (4, 5)
"""People without an account at first."""
OTHERWISE: Final = 6
"""Somebody whose account has another address than the one on the lists."""

ACTS: Final = (
    "join",
    "stranger_joins",
    "sign_up",
    "accept",
    "accept",
    "accept",
    "decline_or_lapse",
    "decline_or_lapse",
    "leave",
    "rename",
    "invite_by_hand",
    "stranger_is_invited",
)
FORMS: Final = (*BY_ADDRESS, *BY_USER, *BY_BOTH, "model")

picks = st.integers(0, PEOPLE - 1)
entries = st.tuples(picks, st.sampled_from(FORMS))


@frozen
class Settings:
    """Options of a plan, with people by index."""

    mode: str = ""
    max_removals: float = 0.5
    keep: tuple[tuple[int, str], ...] = ()
    reinvite: tuple[int, ...] | str = ()


@frozen
class Kill:
    """Moment at which a run is killed: at a request that changes the group, or at a write."""

    at: str
    number: int
    done: bool


choices = st.builds(
    Settings,
    mode=st.sampled_from([""] * 8 + ["add_only", "remove_only"]),
    max_removals=st.sampled_from([0.25, 0.5, 1.0, 1.0, 1.0, 50, 50, 0, 2]),
    keep=st.lists(st.tuples(picks, st.sampled_from(["address", "id"])), max_size=2).map(tuple),
    reinvite=st.one_of(
        st.just(()), st.just(()), st.just("all"), st.lists(picks, max_size=2).map(tuple)
    ),
)
kills = st.one_of(
    st.none(),
    st.builds(
        Kill,
        at=st.sampled_from(["request", "write"]),
        number=st.integers(0, 3),
        done=st.booleans(),
    ),
)


@define
class MadePlan:
    """A plan, and what it was made from."""

    plan: SyncPlan
    listed: dict[int, set[str]]
    settings: Settings
    text: str = field(init=False, default="")

    def names(self, index: int) -> tuple[bool, bool]:
        """Return whether the list has a person by address, and by account."""
        forms = self.listed.get(index, set())
        both = bool(forms & set(BY_BOTH))
        return both or bool(forms & set(BY_ADDRESS)), both or bool(forms - set(BY_ADDRESS))


class SyncedGroup(RuleBasedStateMachine):
    """A group, people who come and go, and plans that are made and applied."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.sandbox = Sandbox()
        self.records = MemoryStore()
        self.known = Knowledge()
        self.hidden: set[int] = set()
        self.observing = False
        self.uncertain: set[int] = set()
        self.promised: set[int] = set()
        self.saved: MadePlan | None = None
        self.applied: set[str] = set()
        self.runner.run(self._open())

    async def _open(self) -> None:
        await self.sandbox.start()
        self.group = self.sandbox.add_group("Reading Room", slug="reading-room")
        self.owner = self.sandbox.users.owner.id
        self.arena = ArenaClient(
            self.sandbox.tokens.owner,
            base_url=self.sandbox.url,
            clock=AutoAdvanceClock(),
            pacer=NoPacer(),
            retry=RetryPolicy(attempts=2, backoff=0),
        )
        self.sandbox.faults.add(
            HiddenAddresses(self.hidden),
            operation="getGroupInvitations",
            where=lambda _: not self.observing,
        )

    @initialize(
        members=st.sets(picks, max_size=4),
        strangers=st.integers(0, 3),
        usual=st.lists(entries, min_size=2, max_size=6),
    )
    def begin(self, members: set[int], strangers: int, usual: list[tuple[int, str]]) -> None:
        self.usual = usual
        self.people = [Person(f"person-{number}@example.org") for number in range(PEOPLE)]
        for index, person in enumerate(self.people):
            if index not in LATECOMERS:
                other = index == OTHERWISE
                self._sign_up(index, "elsewhere@example.net" if other else person.address)
        self.sandbox.add_members(self.group, strangers)
        for index in members:
            self.join(index)

    def _sign_up(self, index: int, address: str) -> None:
        person = self.people[index]
        person.account = self.sandbox.add_user(f"Person {index}", email=address)
        person.account_address = address
        person.slug = self.runner.run(self._model(person)).slug

    # What people do

    @rule(acts=st.lists(st.tuples(st.sampled_from(ACTS), picks, st.booleans()), max_size=4))
    def people_act(self, acts: list[tuple[str, int, bool]]) -> None:
        for act, index, flag in acts:
            self._act(act, index, flag)

    def _act(self, act: str, index: int, flag: bool) -> None:
        acts: dict[str, Callable[[], None]] = {
            "join": lambda: self.join(index),
            "stranger_joins": self.stranger_joins,
            "sign_up": lambda: self.sign_up(index),
            "accept": lambda: self.accept(index),
            "decline_or_lapse": lambda: self.decline_or_lapse(index, by_hand=flag),
            "leave": lambda: self.leave(index),
            "rename": lambda: self.rename(index, int(flag)),
            "invite_by_hand": lambda: self.invite_by_hand(index, by_id=flag, hidden=index % 2 == 0),
            "stranger_is_invited": self.stranger_is_invited,
        }
        acts[act]()

    def _is_member(self, index: int) -> bool:
        return self.people[index].account in self.sandbox.members(self.group)

    async def _pending(self) -> dict[int, MembershipInvitation]:
        self.observing = True
        try:
            found = [each async for each in self.arena.groups.invitations(self.group)]
        finally:
            self.observing = False
        return {each.id: each for each in found}

    def _invitee(self, invitation: MembershipInvitation) -> int | None:
        account = None if invitation.invitee is None else invitation.invitee.id
        address = (invitation.invitee_email or "").lower()
        for index, person in enumerate(self.people):
            names = {person.account, person.address, person.account_address} - {None}
            if account in names or address in names:
                return index
        return None

    def _index_of(self, account: int) -> int | None:
        return next((i for i, each in enumerate(self.people) if each.account == account), None)

    def _joined(self, account: int) -> None:
        self.known.joined_at[account] = self.known.tick

    def join(self, index: int) -> None:
        """Join with the invite code; whoever has no account signs up."""
        person = self.people[index]
        if person.account is None:
            self._sign_up(index, person.address)
        if not self._is_member(index):
            assert person.account is not None
            self.sandbox.add_member(self.group, person.account)
            self._joined(person.account)

    def stranger_joins(self) -> None:
        for account in self.sandbox.add_members(self.group, 1):
            self._joined(account)

    def sign_up(self, index: int) -> None:
        if self.people[index].account is None:
            self._sign_up(index, self.people[index].address)

    def accept(self, pick: int) -> None:
        pending = self.runner.run(self._pending())
        if pending:
            self._accept(pending[sorted(pending)[pick % len(pending)]])

    def _accept(self, invitation: MembershipInvitation) -> None:
        index = self._invitee(invitation)
        person = None if index is None else self.people[index]
        if person is not None and person.account is not None and not person.is_same:
            self.sandbox.decline_invitation(invitation.id)  # it ends, and the other account joins
            if not self._is_member(self.people.index(person)):
                self.sandbox.add_member(self.group, person.account)
                self._joined(person.account)
            return
        before = self.sandbox.members(self.group)
        account = self.sandbox.accept_invitation(invitation.id)
        if person is not None and person.account is None:
            person.account, person.account_address = account, person.address
            person.slug = self.runner.run(self._model(person)).slug
        if account not in before:
            self._joined(account)

    def decline_or_lapse(self, pick: int, by_hand: bool) -> None:
        async def revoke(invitation: int) -> None:
            await self.arena.groups.revoke_invitation(self.group, invitation)

        pending = sorted(self.runner.run(self._pending()))
        if pending and by_hand:
            self.runner.run(revoke(pending[pick % len(pending)]))
        elif pending:
            self.sandbox.decline_invitation(pending[pick % len(pending)])

    def leave(self, index: int) -> None:
        account = self.people[index].account
        if account is not None and account in self.sandbox.members(self.group)[1:]:
            self.sandbox.leave_group(self.group, account)

    def rename(self, index: int, number: int) -> None:
        person = self.people[index]
        slug = f"person-{index}-{number}"
        if person.account is None or person.slug == slug:
            return
        person.old_slug = person.seen_slug if person.seen_slug != slug else None
        person.slug = slug
        self.sandbox.rename_user(person.account, "Another Name", slug=slug)

    def invite_by_hand(self, index: int, by_id: bool, hidden: bool) -> None:
        person = self.people[index]

        async def invite() -> None:
            if by_id and person.account is not None:
                result = await self.arena.groups.invite(self.group, user_id=person.account)
            else:
                result = await self.arena.groups.invite(self.group, email=person.address)
            if hidden and result.invitation is not None:
                self.hidden.add(result.invitation.id)

        self.runner.run(invite())

    def stranger_is_invited(self) -> None:
        self.sandbox.add_invitations(self.group, 1)

    @rule(index=picks)
    def another_owner(self, index: int) -> None:
        """Give the group away: others may not manage it, and nothing is done."""
        if not self._is_member(index):
            return
        account = self.people[index].account
        assert account is not None
        self.sandbox.transfer_ownership(self.group, account)
        before = self._state()
        self._refused(lambda: self._plan({}, [self.people[0].address], Settings()), SyncError)
        if (made := self.saved) is not None:
            self._refused(lambda: self._applied(made, "skip"), ArenaError)
        assert self._state() == before
        self.sandbox.transfer_ownership(self.group, self.owner)
        self.known.joined_at[account] = self.known.tick

    # Plans

    def _named(self, index: int, form: str) -> tuple[Any, str]:
        """Return how the list names a person, and the form that it has."""
        person = self.people[index]
        if person.account is None and form not in BY_ADDRESS:
            form = "address"
        if form == "old_slug" and person.old_slug is None:
            form = "slug"
        slug = person.slug
        names: dict[str, Any] = {
            "address": person.address,
            "spelled": f" {person.address.title()} ",
            "row_address": DesiredPerson(email=person.address, note="a note"),
            "row": DesiredPerson(email=person.address, user=person.account or "x"),
            "id": person.account,
            "slug": DesiredPerson(user=slug or "x"),
            "row_user": DesiredPerson(user=slug or "x", note="a note"),
            "old_slug": DesiredPerson(user=person.old_slug or "x"),
            "url": f"https://www.are.na/{slug}",
        }
        return names[form] if form in names else self.runner.run(self._model(person)), form

    async def _model(self, person: Person) -> EmbeddedUser:
        assert person.account is not None
        return await self.arena.users.get(person.account)

    async def _plan(
        self, listed: dict[int, set[str]], names: list[Any], choice: Settings
    ) -> MadePlan:
        reinvite: Any = "all"
        if not isinstance(choice.reinvite, str):
            reinvite = [self.people[index].address for index in choice.reinvite]
        kept: list[Any] = [
            self.people[index].account
            if form == "id" and self.people[index].account is not None
            else self.people[index].address
            for index, form in choice.keep
        ]
        plan = await plan_sync(
            self.arena,
            self.group,
            names,
            store=self.records,
            key=KEY,
            add_only=choice.mode == "add_only",
            remove_only=choice.mode == "remove_only",
            max_removals=choice.max_removals,
            keep=kept,
            reinvite=reinvite,
        )
        return MadePlan(plan, listed, choice)

    def _made(self, people: list[tuple[int, str]], choice: Settings) -> MadePlan:
        listed: dict[int, set[str]] = {}
        names: list[Any] = []
        for index, wanted in people:
            name, form = self._named(index, wanted)
            listed.setdefault(index, set()).add(form)
            names.append(name)
        before = self._state()
        made = self.runner.run(self._plan(listed, names, choice))
        assert self._state() == before, "planning changed the group"
        self._learn(self.runner.run(self._pending()))
        return made

    def _state(self) -> tuple[list[int], list[int], int]:
        sandbox = self.sandbox
        return (
            sorted(sandbox.members(self.group)),
            sandbox.pending_invitations(self.group),
            len(sandbox.emails),
        )

    def _learn(self, pending: dict[int, MembershipInvitation]) -> None:
        """Note what the lists have shown to the client."""
        known = self.known
        for invitation in pending.values():
            index = self._invitee(invitation)
            email = None if invitation.id in self.hidden else invitation.invitee_email
            if index is None:
                continue
            person = self.people[index]
            by_address = email is not None and email.lower() == person.address
            if by_address:
                known.invited_at[index] = known.tick
            if invitation.invitee is not None:
                known.accounts.add(index)
                person.seen_slug = person.slug
                if by_address:
                    known.links.add(index)
        for account in self.sandbox.members(self.group):
            if (index := self._index_of(account)) is not None:
                known.accounts.add(index)
                self.people[index].seen_slug = self.people[index].slug
        known.tick += 1

    @rule(people=st.lists(entries, min_size=1, max_size=8), choice=choices)
    def dry_run(self, people: list[tuple[int, str]], choice: Settings) -> None:
        self._made(people, choice)

    @rule(people=st.lists(entries, min_size=1, max_size=8), choice=choices)
    def save_a_plan(self, people: list[tuple[int, str]], choice: Settings) -> None:
        self.saved = self._made(people, choice)
        text = json.dumps(self.saved.plan.to_dict())
        self.saved.plan = SyncPlan.from_dict(json.loads(text))

    @rule(
        people=st.lists(entries, min_size=1, max_size=8),
        choice=choices,
        kill=kills,
        again=st.booleans(),
    )
    def sync(
        self, people: list[tuple[int, str]], choice: Settings, kill: Kill | None, again: bool
    ) -> None:
        made = self._made(people, choice)
        self._apply(made, "refuse", kill)
        if kill and again:
            self._apply(made, "refuse", None)

    @rule(people=st.lists(entries, min_size=3, max_size=10), choice=choices)
    def sync_to_the_end(self, people: list[tuple[int, str]], choice: Settings) -> None:
        self._apply(self._made(people, choice), "refuse", None)

    @rule(extra=entries, choice=choices, kill=kills)
    def sync_a_list_that_changes_little(
        self, extra: tuple[int, str], choice: Settings, kill: Kill | None
    ) -> None:
        self._apply(self._made([*self.usual, extra], choice), "refuse", kill)

    @rule(
        people=st.lists(entries, min_size=1, max_size=8),
        choice=choices,
        index=picks,
        number=st.integers(0, 3),
        act=st.sampled_from(["accept", "join", "leave", "decline_or_lapse"]),
    )
    def sync_while_people_act(
        self, people: list[tuple[int, str]], choice: Settings, index: int, number: int, act: str
    ) -> None:
        """The group changes between the plan and its run."""
        made = self._made(people, choice)
        self._act(act, index, number % 2 == 0)
        self._apply(made, "skip" if number % 2 else "refuse", None)

    @rule(on_drift=st.sampled_from(["refuse", "skip"]), kill=kills)
    def apply_the_saved_plan(self, on_drift: str, kill: Kill | None) -> None:
        if self.saved is not None:
            self._apply(self.saved, on_drift, kill)

    @rule(index=picks)
    def link_by_hand(self, index: int) -> None:
        person = self.people[index]
        if person.account is not None:
            self.runner.run(link(person.address, person.account, store=self.records, key=KEY))
            self.known.links.add(index)

    # Runs

    async def _applied(self, made: MadePlan, on_drift: Any, kill: Kill | None = None) -> list[Any]:
        """Apply a plan in a process that may be killed, and return the results until then."""
        store = MortalStore(self.records)
        at_once = 1 + self.known.tick % 3
        run = made.plan.apply(
            self.arena, store=store, key=KEY, on_drift=on_drift, concurrency=at_once
        )
        results: list[Any] = []

        async def collect() -> None:
            async for result in run:
                results.append(result)  # noqa: PERF401 - a killed run has some results too

        task = asyncio.ensure_future(collect())
        store.kill = task.cancel
        try:
            with self._killing(kill, store):
                await asyncio.wait([task])
        finally:
            self.died = store.dead
            with suppress(ArenaError):
                await run.aclose()
        if not store.dead:
            task.result()
        return results

    @contextmanager
    def _killing(self, kill: Kill | None, store: MortalStore) -> Generator[None]:
        if kill is None:
            yield
        elif kill.at == "write":
            store.dies_at, store.done = kill.number, kill.done
            yield
        else:
            with self.sandbox.faults.add(
                KillClient(kill.done, store.die),
                where=lambda request: request.operation in WRITES,
                skip=kill.number,
                times=1,
            ):
                yield

    def _apply(self, made: MadePlan, on_drift: str, kill: Kill | None) -> None:
        pending = self.runner.run(self._pending())
        before, requests = self._state(), len(self.sandbox.requests)
        members = set(self.sandbox.members(self.group))
        try:
            results = self.runner.run(self._applied(made, on_drift, kill))
        except (RemovalLimitError, DriftError):
            results = None
        if results is None:
            assert self._state() == before, "something was done before the refusal"
            return
        sent = self.sandbox.requests[requests:]
        done = [each for each in sent if each.executed and each.status in {200, 201, 204, None}]
        removed = {_id_of(each.path) for each in done if each.operation == REMOVE} & members
        revoked = {
            _id_of(each.path)
            for each in done
            if each.operation == REVOKE and _id_of(each.path) in pending
        }
        resolved = {
            index
            for result in results
            if result.user is not None
            and result.action.email is not None
            and (index := self._index_of(result.user.id)) is not None
        }
        self._check_settings(made, removed, revoked, before)
        for account in removed:
            self._check_removal(made, account, results)
        for invitation in revoked:
            self._check_revocation(made, pending[invitation])
        self._check_emails(made, before[2])
        self.known.links |= resolved & {i for i, each in enumerate(self.people) if each.is_same}
        rows = {index for index, forms in made.listed.items() if forms & set(BY_BOTH)}
        self.known.perhaps_links |= rows
        if not self.died:
            self.known.links |= rows
        self.known.tick += 1

    def _check_settings(
        self,
        made: MadePlan,
        removed: set[int],
        revoked: set[int],
        before: tuple[list[int], list[int], int],
    ) -> None:
        choice = made.settings
        if choice.mode == "add_only":
            assert not removed, "add_only removed"
            assert not revoked, "add_only revoked"
        if choice.mode == "remove_only":
            assert len(self.sandbox.emails) == before[2], "remove_only invited"
        limit = choice.max_removals
        if isinstance(limit, float):
            limit = max(1, floor(limit * (len(before[0]) + len(before[1]))))
        assert len(removed) + len(revoked) <= limit, "over the limit"
        assert self.owner not in removed, "the owner"

    def _kept(self, made: MadePlan, index: int) -> set[str]:
        return {
            "address" if self.people[index].account is None else form
            for each, form in made.settings.keep
            if each == index
        }

    def _check_removal(self, made: MadePlan, account: int, results: list[Any]) -> None:
        index = self._index_of(account)
        if index is not None:
            person, known = self.people[index], self.known
            by_address, by_account = made.names(index)
            kept = self._kept(made, index)
            assert not by_account, f"{index} is listed by account"
            assert "id" not in kept, f"{index} is kept by account"
            if by_address or kept:
                came_since = (
                    index in known.invited_at
                    and known.joined_at.get(account, -1) > known.invited_at[index]
                )
                assert not person.is_same, f"{index} is listed or kept by address"
                assert index not in known.links, f"{index} is linked"
                asked = self._was_sent(index, results)
                assert not came_since or kept or asked, f"{index} may have accepted"
        for other in made.listed:
            self._check_open(made, other, account, results)

    def _check_open(self, made: MadePlan, other: int, account: int, results: list[Any]) -> None:
        """Nobody who came since an invitation that nobody knows the end of was removed."""
        known, index = self.known, self._index_of(account)
        _, by_account = made.names(other)
        is_open = (
            not by_account
            and other in known.invited_at
            and other not in known.links | known.perhaps_links
            and not self._was_sent(other, results)
            and index not in known.links | known.perhaps_links
            and not self._is_pending_now(other)
        )
        came_since = known.joined_at.get(account, -1) > known.invited_at.get(other, 0)
        assert not (is_open and came_since), f"{account} may be {other}"

    def _was_sent(self, index: int, results: list[Any]) -> bool:
        """Return whether this run has shown that nobody in the group has an address."""
        return any(
            (result.action.email or "").strip().lower() == self.people[index].address
            and result.outcome in {"invited", "added", "already_invited", "already_member"}
            for result in results
        )

    def _is_pending_now(self, index: int) -> bool:
        pending = self.runner.run(self._pending())
        return any(self._invitee(each) == index for each in pending.values())

    def _check_revocation(self, made: MadePlan, invitation: MembershipInvitation) -> None:
        index = self._invitee(invitation)
        if index is None:
            return
        by_address, by_account = made.names(index)
        kept = self._kept(made, index)
        shown = invitation.id not in self.hidden and invitation.invitee_email is not None
        known_account = invitation.invitee is not None or (shown and index in self.known.links)
        if (shown and self._is_listed_address(index, invitation)) or index in self.known.links:
            assert not by_address, f"the invitation of {index} is listed by address"
            assert "address" not in kept, f"the invitation of {index} is kept by address"
        if known_account:
            assert not by_account, f"the invitation of {index} is listed by account"
            assert "id" not in kept, f"the invitation of {index} is kept by account"

    def _is_listed_address(self, index: int, invitation: MembershipInvitation) -> bool:
        return (invitation.invitee_email or "").lower() == self.people[index].address

    def _check_emails(self, made: MadePlan, before: int) -> None:
        sent = self.sandbox.emails[before:]
        assert len({each.address.lower() for each in sent}) == len(sent), "two emails in one run"
        emailed: dict[int, int] = {}
        for email in sent:
            address = email.address.lower()
            index = next(
                number
                for number, each in enumerate(self.people)
                if address in {each.address, each.account_address}
            )
            emailed[email.invitation_id] = index
            self._check_email(made, index, address)
        people = set(emailed.values())
        self.uncertain -= people
        self.promised -= people
        if self.died and made.settings.reinvite:
            # A later run sends what this one was asked for, whether or not it names them again.
            self.promised |= set(made.listed) - people
        if self.died:
            self.uncertain |= {*[*emailed.values()][-1:]}
        self._learn_from_emails(made, emailed)

    def _check_email(self, made: MadePlan, index: int, address: str) -> None:
        known, reinvite = self.known, made.settings.reinvite
        by_address, by_account = made.names(index)
        assert by_address or by_account, f"{index} is not listed"
        named_again = isinstance(reinvite, str) or index in reinvite
        once_more = named_again and (made.plan.id, address) not in known.emailed_again
        if once_more:
            known.emailed_again.add((made.plan.id, address))
        linked = bool(made.listed[index] & set(BY_BOTH))
        if not self.people[index].is_same and not linked:
            by_address = address == self.people[index].address
            by_account = not by_address
        knew = known.knew(index, address=by_address, account=by_account, linked=linked)
        is_due = index in self.uncertain | self.promised
        assert not knew or once_more or is_due, f"{index} got another email"

    def _learn_from_emails(self, made: MadePlan, emailed: dict[int, int]) -> None:
        pending = self.runner.run(self._pending())
        for number, index in emailed.items():
            invitation = pending.get(number)
            by_address, by_account = made.names(index)
            if by_account and (invitation is None or invitation.invitee_email is None):
                self.known.accounts.add(index)
            if by_address and (invitation is None or invitation.invitee_email is not None):
                self.known.invited_at[index] = self.known.tick

    @invariant()
    def owner_is_there(self) -> None:
        assert self.sandbox.members(self.group)[0] == self.owner

    # The end

    def teardown(self) -> None:
        try:
            if hasattr(self, "people") and sys.exception() is None:
                self._check_the_end()
        finally:
            self.runner.run(self._close())
            self.runner.close()

    def _check_the_end(self) -> None:
        """With every account on the list, the group is the list after one run and all answers."""
        self._accept_all()
        wanted = [index for index in range(PEOPLE) if (index * 7 + self.known.tick) % 3]
        people = [
            (index, "address" if self.people[index].account is None else "row") for index in wanted
        ]
        choice = Settings(max_removals=1000, reinvite="all")
        made = self._made(people, choice)
        assert not made.plan.summary.unresolved, str(made.plan)
        self._apply(made, "refuse", None)
        self._accept_all()
        accounts = {self.people[index].account for index in wanted}
        assert set(self.sandbox.members(self.group)) == accounts | {self.owner}
        last = self._made(people, Settings(max_removals=1000))
        assert not last.plan.has_drift, str(last.plan)
        kinds = {action.kind for action in last.plan.actions}
        still = {ActionKind.KEEP, ActionKind.UNRESOLVED, ActionKind.HELD}
        assert kinds <= still, str(last.plan)

    def _accept_all(self) -> None:
        for invitation in self.runner.run(self._pending()).values():
            self._accept(invitation)

    def _refused(
        self, work: Callable[[], Coroutine[Any, Any, object]], error: type[Exception]
    ) -> None:
        try:
            self.runner.run(work())
        except error:
            return
        raise AssertionError("it was not refused")

    async def _close(self) -> None:
        await self.arena.aclose()
        await self.sandbox.aclose()


def _id_of(path: str) -> int:
    return int(path.rpartition("/")[2])


def test_sync_through_random_histories_emails_once_and_removes_nobody_who_may_be_desired() -> None:
    run_state_machine_as_test(
        SyncedGroup,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            phases=[Phase.generate],
            deadline=None,
        ),
    )
