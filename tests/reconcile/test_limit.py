"""Limit of removals: what counts, and how much is allowed."""

from itertools import permutations

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from arena_groups.errors import RemovalLimitError
from arena_groups.reconcile import ActionKind, SyncAction, SyncReason
from arena_groups.reconcile.limit import check_limit, planned_removals, removal_limit, surplus

REMOVE = SyncAction(kind=ActionKind.REMOVE, reason=SyncReason.NOT_DESIRED, user_id=7)
REVOKE = evolve(REMOVE, kind=ActionKind.REVOKE, invitation_id=70)
ASKED = evolve(REMOVE, kind=ActionKind.HELD, held="remove", reason=SyncReason.WAITS_FOR_INVITATIONS)
OTHERS = [
    SyncAction(kind=ActionKind.INVITE, reason=SyncReason.NOT_IN_GROUP),
    SyncAction(kind=ActionKind.KEEP, reason=SyncReason.MEMBER),
    SyncAction(kind=ActionKind.SKIP, reason=SyncReason.LEFT),
    SyncAction(kind=ActionKind.UNRESOLVED, reason=SyncReason.POSSIBLY_ACCEPTED),
]


def waiting(people: int, listed: int | None = None) -> SyncAction:
    """Return a removal that waits for a link of one of some people."""
    positions = tuple(range(people if listed is None else listed))
    return evolve(
        ASKED, reason=SyncReason.WAITS_FOR_LINK, waits_for=positions, waits_for_count=people
    )


@pytest.mark.parametrize(
    ("max_removals", "people", "limit"),
    [
        (0.25, 12, 3),
        (0.25, 3, 1),
        (0.25, 0, 1),
        (1e-300, 100, 1),
        (0.0, 100, 0),
        (-0.0, 100, 0),
        (0, 100, 0),
        (1, 100, 1),
        (1.0, 100, 100),
        (0.29, 100, 29),  # the product of the floats is less
        (7, 3, 7),
    ],
)
def test_limit_is_a_number_or_an_exact_fraction(
    max_removals: float, people: int, limit: int
) -> None:
    assert removal_limit(max_removals, people) == limit
    check_limit([REMOVE] * limit, max_removals, people)
    with pytest.raises(RemovalLimitError) as caught:
        check_limit([REMOVE] * (limit + 1), max_removals, people)
    assert (caught.value.planned, caught.value.limit) == (limit + 1, limit)


@pytest.mark.parametrize(
    ("actions", "planned"),
    [
        (OTHERS, 0),
        ([REMOVE, REVOKE, ASKED], 3),
        ([evolve(ASKED, waits_for=(0, 1), waits_for_count=2)] * 2, 2),
        ([waiting(20)] * 20, 0),  # a class that has accepted
        ([waiting(1)] * 15, 14),
        ([waiting(1, listed=0)] * 15, 14),  # one whom keep names by address
        ([waiting(200, listed=100)] * 150, 0),
        ([waiting(20), *[waiting(1)] * 10], 9),  # most came before the other nineteen
        ([waiting(1), REMOVE, ASKED, REVOKE, waiting(1)], 4),
    ],
)
def test_planned_removals_count_what_may_or_should_be_done(
    actions: list[SyncAction], planned: int
) -> None:
    assert planned_removals(actions) == planned
    assert planned_removals(actions[::-1]) == planned


@given(st.lists(st.integers(1, 5), max_size=5))
def test_surplus_is_what_is_left_when_as_many_as_possible_are_different_people(
    counts: list[int],
) -> None:
    """Compare with all ways to give members, each of whom may be one of the first n, a person."""
    matched = max(
        sum(person < count for person, count in zip(order, counts, strict=False))
        for order in permutations(range(5))
    )
    assert surplus(map(waiting, counts)) == len(counts) - matched


@given(st.lists(st.integers(1, 9)), st.integers(1, 9))
def test_surplus_grows_with_each_action_by_one_at_most(counts: list[int], more: int) -> None:
    before, after = surplus(map(waiting, counts)), surplus(map(waiting, [*counts, more]))
    assert before <= after <= before + 1
    assert after <= len(counts)
    assert after >= len(counts) + 1 - max(counts, default=more) - more
