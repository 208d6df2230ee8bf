"""Plans as values: summary, drift, limit, texts, and plain data."""

import json
import math
import pickle
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from arena_groups import EmbeddedGroup, EmbeddedUser, SyncPlan, from_dict
from arena_groups.reconcile import (
    ActionKind,
    Person,
    PlanSettings,
    PlanSummary,
    SyncAction,
    SyncReason,
)
from tests.support import documents

EMAIL = "secret.person@example.org"
GROUP = from_dict(EmbeddedGroup, documents.embedded_group())
USER = from_dict(EmbeddedUser, documents.embedded_user(id=7))


def make_plan(*actions: SyncAction, **fields: Any) -> SyncPlan:
    values: dict[str, Any] = {
        "id": "plan-1",
        "server": "https://api.example.org",
        "group": GROUP,
        "created_at": datetime(2026, 3, 1, tzinfo=UTC),
        "actions": actions,
        "settings": PlanSettings(),
        "people": (Person(emails=(EMAIL,), positions=(0,)),),
        "member_count": 10,
        "pending_count": 2,
    }
    return SyncPlan(**{**values, **fields})


def invite(**fields: Any) -> SyncAction:
    values: dict[str, Any] = {
        "kind": ActionKind.INVITE,
        "reason": SyncReason.NOT_IN_GROUP,
        "email": EMAIL,
        "positions": (0,),
        "note": EMAIL,
    }
    return SyncAction(**{**values, **fields})


def remove(user_id: int = 7, **fields: Any) -> SyncAction:
    values: dict[str, Any] = {"kind": ActionKind.REMOVE, "reason": SyncReason.NOT_DESIRED}
    return SyncAction(user_id=user_id, user=evolve(USER, id=user_id), **{**values, **fields})


def held(user_id: int = 7, *, waits_for: tuple[int, ...] = (0,), asked: bool = False) -> SyncAction:
    reason = SyncReason.WAITS_FOR_INVITATIONS if asked else SyncReason.WAITS_FOR_LINK
    return remove(
        user_id,
        kind=ActionKind.HELD,
        reason=reason,
        held="remove",
        waits_for=waits_for,
        waits_for_count=len(waits_for),
    )


def other(kind: ActionKind, reason: SyncReason) -> SyncAction:
    return SyncAction(kind=kind, reason=reason, email=EMAIL, positions=(1,))


# Summary, drift and limit


def test_summary_names_the_kinds_in_a_fixed_order_without_zeros() -> None:
    actions = [other(ActionKind.KEEP, SyncReason.MEMBER), remove(), invite(), invite()]
    summary = make_plan(*actions).summary
    assert str(summary) == "invite 2, remove 1, keep 1"
    assert (summary.invite, summary.revoke, summary.remove, summary.keep) == (2, 0, 1, 1)
    assert str(PlanSummary()) == "nothing to do"


@pytest.mark.parametrize(
    ("actions", "has_drift"),
    [
        ([], False),
        ([other(ActionKind.KEEP, SyncReason.MEMBER)], False),
        ([other(ActionKind.SKIP, SyncReason.NOT_ACCEPTED)], False),
        ([other(ActionKind.UNRESOLVED, SyncReason.POSSIBLY_ACCEPTED), held()], False),
        ([held(7, waits_for=(0, 1)), held(8, waits_for=(0, 1))], False),
        ([held(7), held(8)], True),  # one of both is not the person
        ([held(7, waits_for=())], True),
        ([invite()], True),
        ([remove()], True),
        ([evolve(held(), held="revoke")], True),
    ],
)
def test_drift_is_what_certainly_differs(actions: list[SyncAction], has_drift: bool) -> None:
    assert make_plan(*actions).has_drift is has_drift


def test_plan_over_its_limit_says_so() -> None:
    plan = make_plan(*map(remove, range(4)))
    assert (plan.planned_removals, plan.removal_limit, plan.over_limit) == (4, 3, True)
    assert "4 removals and revocations are over the limit of 3" in str(plan)
    assert not make_plan(*map(remove, range(3))).over_limit


def test_requests_grow_with_actions_and_pages() -> None:
    small, large = make_plan(invite()), make_plan(invite(), member_count=1000)
    assert make_plan().requests < small.requests < large.requests


# Texts


def test_texts_show_no_address() -> None:
    plan = make_plan(
        invite(),
        remove(),
        held(),
        held(8, waits_for=(), asked=False),
        held(9, waits_for=tuple(range(9)), asked=True),
        other(ActionKind.SKIP, SyncReason.LEFT),
        other(ActionKind.UNRESOLVED, SyncReason.POSSIBLY_ACCEPTED),
        settings=PlanSettings(keep=(Person(emails=(EMAIL,)),), reinvite=(Person(emails=(EMAIL,)),)),
    )
    shown = f"{plan} {plan!r} {plan.actions!r} {plan.people!r} {plan.settings!r} {plan.summary!r}"
    assert EMAIL not in shown
    assert "remove" in str(plan)
    assert "the person of input 0" in str(plan)
    assert "inputs 0, 1, 2 and 6 more" in str(plan)


@pytest.mark.parametrize("reason", SyncReason)
@pytest.mark.parametrize("kind", ActionKind)
def test_each_reason_has_a_text(kind: ActionKind, reason: SyncReason) -> None:
    text = SyncAction(kind=kind, reason=reason).text
    assert text
    assert "{" not in text


@pytest.mark.parametrize(
    ("count", "text"), [(1, "may be the member who"), (2, "may be one of 2 members who")]
)
def test_unresolved_action_says_how_many_members_it_may_be(count: int, text: str) -> None:
    action = SyncAction(
        kind=ActionKind.UNRESOLVED,
        reason=SyncReason.POSSIBLY_ACCEPTED,
        candidates=tuple(range(1, count + 1)),
        candidate_count=count,
    )
    assert text in action.text


@pytest.mark.parametrize("waits_for", [(), (3,), (3, 4)])
def test_held_action_says_what_would_resolve_it(waits_for: tuple[int, ...]) -> None:
    assert "link()" in held(waits_for=waits_for).text
    assert "invitations in this plan" in held(waits_for=waits_for, asked=True).text


# Plain data

ids = st.integers(1, 2**53)
positions = st.sets(st.integers(0, 99), min_size=1, max_size=3).map(
    lambda each: tuple(sorted(each))
)
emails = st.sampled_from([EMAIL, "ünï@exämple.org", "A.B@EXAMPLE.com"])
users = st.builds(evolve, st.just(USER), id=ids, name=st.text(), slug=st.sampled_from("abc"))
people = st.builds(
    Person,
    emails=st.lists(emails, min_size=1, max_size=2, unique=True).map(tuple),
    user_ids=st.lists(ids, max_size=2).map(tuple),
    positions=positions,
    note=st.none() | st.text(),
    user=st.none() | users,
)
actions = st.builds(
    SyncAction,
    kind=st.sampled_from(ActionKind),
    reason=st.sampled_from(SyncReason),
    email=emails,
    user=st.none() | users,
    user_id=ids,
    invitation_id=ids,
    positions=positions,
    note=st.none() | st.text(),
    candidates=st.lists(ids, max_size=3).map(tuple),
    candidate_count=st.integers(0, 500),
    held=st.sampled_from(["revoke", "remove"]),
    waits_for=positions,
    waits_for_count=st.integers(0, 500),
    round=st.integers(0, 5),
)
plan_settings = st.builds(
    PlanSettings,
    add_only=st.booleans(),
    max_removals=st.integers(0, 9) | st.floats(0, 1),
    keep=st.lists(people, max_size=2).map(tuple),
    reinvite=st.just("all") | st.lists(people, max_size=2).map(tuple),
)
plans = st.builds(
    make_plan,
    st.just(invite()),
    created_at=st.datetimes(timezones=st.just(UTC)),
    actions=st.lists(actions, max_size=4).map(tuple),
    settings=plan_settings,
    people=st.lists(people, min_size=1, max_size=3).map(
        lambda found: tuple(evolve(each, positions=(n,)) for n, each in enumerate(found))
    ),
)


@given(plans)
def test_plan_is_equal_after_a_file(plan: SyncPlan) -> None:
    data = json.loads(json.dumps(plan.to_dict()))
    assert data == plan.to_dict()
    again = SyncPlan.from_dict(data)
    assert again == plan
    assert type(again.settings.max_removals) is type(plan.settings.max_removals)
    assert again.to_dict() == data


def test_plan_with_other_time_zone_means_the_same_moment() -> None:
    data = make_plan().to_dict()
    data["created_at"] = (
        datetime(2026, 3, 1, 2, tzinfo=UTC).isoformat().replace("02:00:00+00:00", "04:00:00+02:00")
    )
    assert SyncPlan.from_dict(data).created_at - timedelta(hours=2) == make_plan().created_at


@pytest.mark.parametrize("data", [None, [], "plan", 5])
def test_what_is_no_dict_is_refused(data: Any) -> None:
    with pytest.raises(TypeError, match="a plan must be a dict"):
        SyncPlan.from_dict(data)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"version": 2}, "version 2.*reads version 1"),
        ({"version": True}, "not a plan"),
        ({"version": None}, "not a plan"),
        ({"version": EMAIL}, "not a plan"),
        ({"id": ""}, "id: is empty"),
        ({"id": 5}, "id: Expected `str`"),
        ({"group": None}, "group: Expected `object`"),
        ({"created_at": EMAIL}, "created_at: "),
        ({"created_at": "2026-03-01T00:00:00"}, "created_at: "),
        ({"actions": EMAIL}, "actions: Expected `array`"),
        ({"member_count": -1}, "member_count"),
        ({"people": [dict[str, int]()]}, r"people\[0\]: has no address and no user"),
        ({"people": [{"user_ids": [5]}]}, r"people\[0\].positions: is empty"),
        ({"people": [{"emails": ["ada"]}]}, r"people\[0\].emails: has a text"),
        ({"people": []}, "people: is empty"),
        (
            {"people": [{"user_ids": [number], "positions": [3, number]} for number in (1, 2)]},
            r"people\[1\].positions: has one of another person",
        ),
        ({"settings": {"keep": [{"emails": [EMAIL]}]}}, r"settings.keep\[0\].positions: is empty"),
        ({"settings": {"keep": [{"positions": [0]}]}}, r"settings.keep\[0\]: has no address"),
        ({"settings": {"reinvite": [{"emails": ["ada"]}]}}, r"settings.reinvite\[0\].emails: "),
        ({"settings": {"max_removals": -1}}, "settings.max_removals: must be"),
        ({"settings": {"max_removals": 1.5}}, "settings.max_removals: must be"),
        ({"settings": {"max_removals": math.inf}}, "settings.max_removals: must be"),
        ({"settings": {"max_removals": math.nan}}, "settings.max_removals: must be"),
        ({"settings": {"add_only": True, "remove_only": True}}, "exclude each other"),
        ({"settings": {"reinvite": EMAIL}}, "settings.reinvite: "),
        ({"settings": {"max_removals": EMAIL}}, "settings.max_removals: "),
    ],
)
def test_damaged_plan_is_refused_with_the_place_and_without_its_values(
    changes: dict[str, Any], text: str
) -> None:
    with pytest.raises(ValueError, match=text) as caught:
        SyncPlan.from_dict({**make_plan(invite()).to_dict(), **changes})
    assert EMAIL not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"kind": EMAIL}, r"actions\[0\].kind: unknown enum value"),
        ({"reason": "because"}, r"actions\[0\].reason: unknown enum value"),
        ({"user_id": EMAIL}, r"actions\[0\].user_id: Expected `int \| null`"),
        ({"email": None}, r"actions\[0\]: an invitation needs an email address or a user id"),
        ({"email": "other@example.org"}, r"actions\[0\]: the email address is not that of the"),
        ({"positions": [1]}, r"actions\[0\]: the email address is not that of the person"),
        ({"kind": "revoke"}, r"actions\[0\]: a revocation needs an invitation id"),
        ({"kind": "remove"}, r"actions\[0\]: a removal needs a user id"),
        ({"kind": "held"}, r"actions\[0\]: a held action needs held"),
        ({"kind": "held", "held": "remove"}, r"actions\[0\]: a removal needs a user id"),
        ({"kind": "held", "held": EMAIL}, r"actions\[0\].held: unknown enum value"),
    ],
)
def test_damaged_action_is_refused(changes: dict[str, Any], text: str) -> None:
    data: Any = make_plan(invite()).to_dict()
    data["actions"][0] |= changes
    with pytest.raises(ValueError, match=text) as caught:
        SyncPlan.from_dict(data)
    assert EMAIL not in str(caught.value)


def test_missing_field_is_named() -> None:
    data = make_plan().to_dict()
    del data["people"]
    with pytest.raises(ValueError, match="missing required field `people`"):
        SyncPlan.from_dict(data)


def test_field_of_a_later_version_is_ignored() -> None:
    plan = make_plan(invite())
    assert SyncPlan.from_dict({**plan.to_dict(), "more": EMAIL}) == plan


def test_plan_can_be_pickled_without_its_client() -> None:
    plan = SyncPlan.from_dict(make_plan(invite(), held()).to_dict())
    assert pickle.loads(pickle.dumps(plan)) == plan
