"""Comparison of a plan with the group as it is when the plan is applied."""

from collections.abc import Iterable
from typing import Final

from attrs import frozen

from arena_groups.reconcile.actions import (
    ActionKind,
    SyncAction,
    SyncOutcome,
    SyncReason,
    describe,
)
from arena_groups.reconcile.facts import SyncSnapshot

__all__ = ["ActionMatch", "match_actions"]

EFFECTS: Final = frozenset(
    {ActionKind.INVITE, ActionKind.REVOKE, ActionKind.REMOVE, ActionKind.HELD}
)
_REMOVALS: Final = frozenset({ActionKind.REMOVE, ActionKind.REVOKE, ActionKind.HELD})


@frozen(kw_only=True)
class ActionMatch:
    """One action of a plan, beside what is to be done now.

    Attributes:
        action: The action of the plan.
        current: The action to carry out, from a plan for the group as it is.
        outcome: The outcome, if there is nothing to carry out.
        change: What has changed, in words without addresses; empty if the action still fits.
    """

    action: SyncAction
    current: SyncAction | None = None
    outcome: SyncOutcome | None = None
    change: str = ""


def match_actions(
    planned: Iterable[SyncAction],
    current: Iterable[SyncAction],
    snapshot: SyncSnapshot,
    *,
    begun: bool,
) -> list[ActionMatch]:
    """Match the actions of a plan that change the group with those of a new plan.

    Actions that are new are left out: nobody has agreed to them.

    Args:
        planned: The actions of the plan.
        current: The actions of a plan for the group as it is, with the same people.
        snapshot: The group as it is.
        begun: Whether the plan was begun before. Its effects are then no changes.

    Returns:
        The actions, in the order of the plan.
    """
    matcher = _Matcher(current, snapshot, begun=begun)
    return [matcher.match(each) for each in planned if each.kind in EFFECTS]


class _Matcher:
    """One run of ``match_actions``."""

    def __init__(
        self, current: Iterable[SyncAction], snapshot: SyncSnapshot, *, begun: bool
    ) -> None:
        self._begun = begun
        self._member_ids = {each.id for each in snapshot.members}
        self._invitation_ids = {each.id for each in snapshot.invitations}
        self._by_position: dict[int, SyncAction] = {}
        self._removals: dict[int | None, SyncAction] = {}
        self._revocations: dict[int | None, SyncAction] = {}
        for each in current:
            self._by_position |= dict.fromkeys(each.positions, each)
            if each.kind in _REMOVALS:
                if _removes_member(each):
                    self._removals[each.user_id] = each
                else:
                    self._revocations[each.invitation_id] = each

    def match(self, action: SyncAction) -> ActionMatch:
        if action.kind is ActionKind.INVITE:
            return self._match_invitation(action)
        if _removes_member(action):
            current = self._removals.get(action.user_id)
            is_there = action.user_id in self._member_ids
        else:
            current = self._revocations.get(action.invitation_id)
            is_there = action.invitation_id in self._invitation_ids
        return self._match_removal(action, current, is_there=is_there)

    def _match_invitation(self, action: SyncAction) -> ActionMatch:
        found = (self._by_position.get(position) for position in action.positions)
        current = next((each for each in found if each is not None), None)
        if current is None:
            return self._changed(action, None, "the person is not in the list any more")
        if current.kind is ActionKind.INVITE and current.round == action.round:
            if action.user_id is not None and current.user_id not in {action.user_id, None}:
                return self._changed(action, None, "the address is now that of another user")
            return ActionMatch(action=action, current=current)
        if current.reason in {SyncReason.MEMBER, SyncReason.OWNER, SyncReason.OWN_USER}:
            return self._changed(action, SyncOutcome.ALREADY_MEMBER, "is a member")
        return self._changed(action, SyncOutcome.ALREADY_INVITED, "was invited meanwhile")

    def _match_removal(
        self, action: SyncAction, current: SyncAction | None, *, is_there: bool
    ) -> ActionMatch:
        was_held = action.kind is ActionKind.HELD
        if current is not None:
            if current.kind is ActionKind.HELD and not (was_held or self._begun):
                return self._changed(action, SyncOutcome.HELD, current.text)
            return ActionMatch(action=action, current=current)
        if not is_there:
            change = "left" if _removes_member(action) else "the invitation is no longer pending"
            return self._changed(action, SyncOutcome.ALREADY_GONE, change)
        return self._changed(action, SyncOutcome.KEPT, "is to be kept now")

    def _changed(self, action: SyncAction, outcome: SyncOutcome | None, change: str) -> ActionMatch:
        if outcome is not None and (self._begun or action.kind is ActionKind.HELD):
            return ActionMatch(action=action, outcome=outcome)
        text = f"{describe(action)}: {change}"
        return ActionMatch(action=action, outcome=SyncOutcome.DRIFTED, change=text)


def _removes_member(action: SyncAction) -> bool:
    return action.kind is ActionKind.REMOVE or action.held == "remove"
