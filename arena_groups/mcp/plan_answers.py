"""Plans and their results as assistants and the users of hosts see them. Pure."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Final

from pydantic import Field

from arena_groups.mcp.answers import (
    NOTICE,
    Address,
    AnswerModel,
    Note,
    PeopleAnswer,
    PeopleText,
    PersonItem,
    person_item,
)
from arena_groups.mcp.consent import NO_REMOVALS, Consent, PlanKind
from arena_groups.mcp.failures import describe_failure
from arena_groups.mcp.prepared_plan import EFFECTS, PlannedPerson, PreparedPlan, RowResult
from arena_groups.mcp.texts import Disclosure

__all__ = [
    "ApplyAnswer",
    "PlanAnswer",
    "apply_answer",
    "describe_progress",
    "plan_answer",
    "question",
]

MAX_ITEMS: Final = 25
MAX_ASKED: Final = 10
LONGEST_ERROR: Final = 300  # characters
LONGEST_NAME: Final = 60  # characters, in a question
RETRY: Final = (
    "To retry the failed ones, call apply_plan again with the same code. Nobody is invited twice."
)
HELD: Final = (
    "Held people are removed or revoked only if the invitations show that they are not on the list."
)
BEGUN: Final = "A part of this was done before. This goes on with the rest."
EMAILS: Final = (
    "Each person who is invited gets an email; users who follow you become members at once."
)
_QUOTES: Final = re.compile('["\u201c-\u201f]')
_ORDER: Final = ("remove", "revoke", "held", "invite")
_VERBS: Final = {
    PlanKind.INVITE: "Invite people to",
    PlanKind.REVOKE: "Revoke invitations to",
    PlanKind.REMOVE: "Remove people from",
    PlanKind.SYNC: "Update the members and invitations of",
}
_NEXT: Final = {
    Consent.ASK: "Show the plan to the user, then call apply_plan with its code. The host asks the"
    " user to confirm.",
    Consent.GIVEN: "Show the plan to the user, and call apply_plan with its code if they agree.",
    Consent.REFUSED: f"apply_plan would refuse this plan: {NO_REMOVALS}",
}

Count = Annotated[dict[str, int], Field(description="Number of people by action or outcome.")]


class PlanItem(AnswerModel):
    """One person of a plan."""

    action: str = Field(
        description="invite, revoke, remove, held (may follow later in the plan), or why nothing is"
        " done."
    )
    reason: str
    email: Address
    user: PersonItem | None
    user_id: int | None
    invitation_id: int | None
    position: int | None = Field(description="Index of the input, from 0.")


class FailedItem(AnswerModel):
    """One person for whom a plan failed."""

    person: PlanItem
    error: PeopleText


class PlanGroupItem(AnswerModel):
    """The group of a plan."""

    id: int
    slug: PeopleText
    name: PeopleText
    users: int = Field(description="Number of users when the plan was made.")


class PlanAnswer(PeopleAnswer):
    """A plan. Nothing was changed."""

    code: str | None = Field(
        description="For apply_plan. It is not consent. Null if the plan cannot be applied."
    )
    expires_in_seconds: int | None
    group: PlanGroupItem
    counts: Count
    items: list[PlanItem] = Field(description="Those who would be changed come first.")
    note: Note
    next_step: str


class ApplyAnswer(PeopleAnswer):
    """Result of a plan that was carried out."""

    group: PlanGroupItem
    counts: Count
    failed: list[FailedItem]
    note: Note
    next_step: str | None


def plan_answer(
    plan: PreparedPlan,
    shown: Disclosure,
    *,
    code: str | None,
    lifetime: float,
    consent: Consent,
) -> PlanAnswer:
    """Return a plan as an answer shows it.

    Args:
        plan: The plan.
        shown: What may be seen.
        code: The code of the plan; ``None`` if it cannot be applied.
        lifetime: Seconds until the plan expires.
        consent: The consent that the plan needs.

    Returns:
        The answer.
    """
    rows = [row for row in plan.rows if row.action != "keep"]
    rows.sort(key=lambda row: row.action not in EFFECTS)
    return PlanAnswer(
        notice=NOTICE,
        code=code,
        expires_in_seconds=None if code is None else int(lifetime),
        group=_group_item(plan, shown),
        counts=plan.counts,
        items=[_item(row, shown) for row in rows[:MAX_ITEMS]],
        note=_cut(len(rows), "people"),
        next_step=plan.problem or _NEXT[consent],
    )


def apply_answer(plan: PreparedPlan, shown: Disclosure) -> ApplyAnswer:
    """Return the results of a plan as an answer shows them."""
    results = plan.results.values()
    failed = [each for each in results if each.error is not None]
    return ApplyAnswer(
        notice=NOTICE,
        group=_group_item(plan, shown),
        counts=dict(Counter(each.outcome for each in results)),
        failed=[
            FailedItem(
                person=_item(each.row, shown),
                error=shown.text(describe_failure(each.error), LONGEST_ERROR),
            )
            for each in failed[:MAX_ITEMS]
        ],
        note=_cut(len(failed), "failures"),
        next_step=RETRY if failed else None,
    )


def describe_progress(results: Iterable[RowResult]) -> str:
    """Return how far a plan has been carried out, without saying for whom."""
    counts = Counter(each.outcome for each in results)
    return ", ".join(f"{count} {_words(outcome)}" for outcome, count in counts.items())


def question(plan: PreparedPlan, shown: Disclosure) -> str:
    """Return the question to the user of a host: what would be done, to whom.

    It is made from the plan alone, not from anything that an assistant wrote.
    """
    counts = plan.counts
    what = ", ".join(f"{action} {counts[action]}" for action in _ORDER if counts.get(action))
    name, slug = _unquoted(plan.group.name, shown), shown.text(plan.group.slug, LONGEST_NAME)
    lines = [
        f"{_VERBS[plan.kind]} the Are.na group “{name}” ({slug}, {_users(plan)})?",
        f"In all: {what}.",
    ]
    rows = sorted(plan.effects, key=lambda row: _ORDER.index(row.action))
    lines += [f"- {row.action} {_name(row, shown)}" for row in rows[:MAX_ASKED]]
    if len(rows) > MAX_ASKED:
        lines.append(f"- and {len(rows) - MAX_ASKED} more")
    if plan.begun:
        lines.append(BEGUN)
    if counts.get("held"):
        lines.append(HELD)
    if counts.get("invite"):
        lines.append(EMAILS)
    return "\n".join(lines)


def _unquoted(name: str, shown: Disclosure) -> str:
    """Return a name that cannot end the quotes around it, and go on as if it were the question."""
    return shown.text(_QUOTES.sub("'", name), LONGEST_NAME)


def _users(plan: PreparedPlan) -> str:
    count = plan.group.counts.users
    return f"{count} {'user' if count == 1 else 'users'}"


def _name(row: PlannedPerson, shown: Disclosure) -> str:
    if row.user is not None:
        name = _unquoted(row.user.name, shown)
        return f"“{name}” ({shown.text(row.user.slug, LONGEST_NAME)})"
    if row.email is not None:
        return shown.address(row.email) or ""
    return f"user {row.user_id}" if row.user_id is not None else f"invitation {row.invitation_id}"


def _group_item(plan: PreparedPlan, shown: Disclosure) -> PlanGroupItem:
    group = plan.group
    return PlanGroupItem(
        id=group.id,
        slug=shown.text(group.slug),
        name=shown.text(group.name),
        users=group.counts.users,
    )


def _item(row: PlannedPerson, shown: Disclosure) -> PlanItem:
    return PlanItem(
        action=row.action,
        reason=row.reason,
        email=shown.address(row.email),
        user=None if row.user is None else person_item(row.user, shown),
        user_id=row.user_id if row.user is None else row.user.id,
        invitation_id=row.invitation_id,
        position=row.position,
    )


def _cut(count: int, what: str) -> str | None:
    return None if count <= MAX_ITEMS else f"The first {MAX_ITEMS} of {count} {what} are shown."


def _words(value: str) -> str:
    return value.replace("_", " ")
