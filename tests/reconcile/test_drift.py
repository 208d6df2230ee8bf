"""Actions of a plan beside those of a plan for the group as it is."""

from typing import Final

import pytest

from arena_groups import EmbeddedUser, Group, GroupMember, MembershipInvitation, from_dict
from arena_groups.reconcile import ActionKind, SyncAction, SyncReason
from arena_groups.reconcile.actions import describe
from arena_groups.reconcile.drift import match_actions
from arena_groups.reconcile.facts import SyncSnapshot
from tests.support import documents

MEMBER, GONE = 5, 6
PENDING, CLOSED = 50, 60
ADDRESS: Final = "ada@example.org"
SNAPSHOT: Final = SyncSnapshot(
    own_id=1,
    group=from_dict(Group, documents.group()),
    invitations=(from_dict(MembershipInvitation, documents.invitation(id=PENDING)),),
    members=(from_dict(GroupMember, documents.member(id=MEMBER)),),
)


def invite(
    number: int = 0, kind: ActionKind = ActionKind.INVITE, user_id: int | None = None
) -> SyncAction:
    return SyncAction(
        kind=kind,
        reason=SyncReason.PENDING,
        email=ADDRESS,
        user_id=user_id,
        positions=(0, 3),
        round=number,
    )


def keep(reason: SyncReason) -> SyncAction:
    return SyncAction(kind=ActionKind.KEEP, reason=reason, user_id=MEMBER, positions=(3,))


def remove(user_id: int = MEMBER, *, held: bool = False) -> SyncAction:
    return SyncAction(
        kind=ActionKind.HELD if held else ActionKind.REMOVE,
        reason=SyncReason.WAITS_FOR_LINK if held else SyncReason.NOT_DESIRED,
        user_id=user_id,
        held="remove" if held else None,
        waits_for=(3,) if held else (),
    )


def revoke(invitation_id: int = PENDING, *, held: bool = False) -> SyncAction:
    return SyncAction(
        kind=ActionKind.HELD if held else ActionKind.REVOKE,
        reason=SyncReason.WAITS_FOR_LINK if held else SyncReason.NOT_DESIRED,
        user_id=MEMBER,
        invitation_id=invitation_id,
        held="revoke" if held else None,
    )


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize(
    ("planned", "current"),
    [
        (invite(), invite()),
        (invite(2), invite(2)),
        (invite(), invite(user_id=MEMBER)),  # the address was linked meanwhile
        (invite(user_id=MEMBER), invite()),  # continues what an interrupted run has begun
        (remove(), remove()),
        (revoke(), revoke()),
        (remove(held=True), remove(held=True)),
        (revoke(held=True), revoke(held=True)),
        (remove(held=True), remove()),  # what held it back was resolved
        (revoke(held=True), revoke()),
    ],
)
def test_action_that_still_fits_is_carried_out(
    planned: SyncAction, current: SyncAction, begun: bool
) -> None:
    others = [keep(SyncReason.OWNER)] if planned.kind is not ActionKind.INVITE else []
    (match,) = match_actions([planned], [*others, current], SNAPSHOT, begun=begun)
    assert (match.action, match.current, match.outcome) == (planned, current, None)
    assert not match.change


@pytest.mark.parametrize(
    ("planned", "current", "change", "outcome"),
    [
        (invite(), [keep(SyncReason.MEMBER)], "is a member", "already_member"),
        (invite(), [keep(SyncReason.PENDING)], "was invited meanwhile", "already_invited"),
        (invite(), [invite(1)], "was invited meanwhile", "already_invited"),
        (invite(), [invite(0, ActionKind.SKIP)], "was invited meanwhile", "already_invited"),
        (remove(GONE), [], "left", "already_gone"),
        (remove(), [keep(SyncReason.MEMBER)], "is to be kept now", "kept"),
        (revoke(CLOSED), [], "the invitation is no longer pending", "already_gone"),
        (revoke(), [], "is to be kept now", "kept"),
    ],
)
def test_action_that_does_not_fit_is_drift_unless_the_plan_was_begun(
    planned: SyncAction, current: list[SyncAction], change: str, outcome: str
) -> None:
    (match,) = match_actions([planned], current, SNAPSHOT, begun=False)
    assert match.outcome == "drifted"
    assert match.change == f"{describe(planned)}: {change}"
    (match,) = match_actions([planned], current, SNAPSHOT, begun=True)
    assert (match.current, match.outcome, match.change) == (None, outcome, "")


@pytest.mark.parametrize(
    ("planned", "current"), [(invite(), []), (invite(user_id=MEMBER), [invite(user_id=GONE)])]
)
def test_another_person_in_the_list_is_drift_even_if_the_plan_was_begun(
    planned: SyncAction, current: list[SyncAction]
) -> None:
    (match,) = match_actions([planned], current, SNAPSHOT, begun=True)
    assert match.outcome == "drifted"


def test_removal_that_is_held_now_waits_for_the_invitations_only_if_the_plan_was_begun() -> None:
    held = remove(held=True)
    (match,) = match_actions([remove()], [held], SNAPSHOT, begun=False)
    assert match.outcome == "drifted"
    assert match.change.startswith("remove user 5: may be the person of input 3")
    (match,) = match_actions([remove()], [held], SNAPSHOT, begun=True)
    assert match.current == held


@pytest.mark.parametrize(
    ("planned", "outcome"),
    [(remove(GONE, held=True), "already_gone"), (remove(held=True), "kept")],
)
def test_held_action_that_has_no_object_is_no_drift(planned: SyncAction, outcome: str) -> None:
    (match,) = match_actions([planned], [], SNAPSHOT, begun=False)
    assert (match.outcome, match.change) == (outcome, "")


def test_new_actions_are_left_out_and_actions_without_effect_too() -> None:
    planned = [keep(SyncReason.MEMBER), invite(0, ActionKind.SKIP)]
    assert match_actions(planned, [remove(), revoke(), invite()], SNAPSHOT, begun=False) == []


def test_descriptions_have_no_address() -> None:
    user = from_dict(EmbeddedUser, documents.embedded_user(slug="ada-osei"))
    named = SyncAction(kind=ActionKind.INVITE, reason=SyncReason.NOT_IN_GROUP, user=user)
    found = [describe(each) for each in (invite(), named, remove(held=True), revoke(held=True))]
    assert found == [
        "invite input 0, 3", "invite ada-osei", "remove (held) user 5", "revoke (held) user 5",
    ]  # fmt: skip
    hidden = SyncAction(kind=ActionKind.REVOKE, reason=SyncReason.NOT_DESIRED, invitation_id=9)
    assert describe(hidden) == "revoke invitation 9"
