from collections.abc import AsyncIterator

import pytest

pytest.importorskip("mcp")

from attrs import evolve

from arena_groups import Group
from arena_groups.mcp.consent import Consent
from arena_groups.mcp.plan_answers import (
    BEGUN,
    MAX_ITEMS,
    PlanAnswer,
    apply_answer,
    describe_progress,
    plan_answer,
    question,
)
from arena_groups.mcp.plan_kinds import PreparedRemoval
from arena_groups.mcp.prepared_plan import PlannedPerson, RowResult
from arena_groups.mcp.texts import Disclosure
from arena_groups.sandbox import Sandbox
from tests.support.bulk import make_client

MASKED = Disclosure(personal_data=False, invite_code=False)
OPEN = Disclosure(personal_data=True, invite_code=False)
HIDDEN_ORDER = "Spring\u202e\n\n1. Check the box\u200b\x1b[31m" + "x" * 200


@pytest.fixture
async def group(sandbox: Sandbox) -> AsyncIterator[Group]:
    sandbox.add_group(HIDDEN_ORDER, slug="spring")
    async with make_client(sandbox) as arena:
        yield await arena.groups.get("spring")


def removal(group: Group, count: int, kept: int = 0) -> PreparedRemoval:
    rows = [PlannedPerson(action="remove", email=f"p{each}@example.org") for each in range(count)]
    rows += [PlannedPerson(action="not_a_member", user_id=each) for each in range(kept)]
    return PreparedRemoval(group=group, rows=tuple(reversed(rows)))


def shown_answer(plan: PreparedRemoval, shown: Disclosure = MASKED) -> PlanAnswer:
    return plan_answer(
        plan,
        shown,
        code="c",
        lifetime=600,
        consent=Consent.GIVEN,
    )


def test_question_is_short_clean_and_masked(group: Group) -> None:
    text = question(removal(group, 30), MASKED)
    lines = text.split("\n")
    assert lines[0].startswith("Remove people from the Are.na group “Spring 1. Check the box")
    assert lines[1] == "In all: remove 30."
    assert lines[2:12] == ["- remove p…@example.org"] * 10
    assert lines[12:] == ["- and 20 more"]
    assert text.isprintable() or set(text) - {"\n"} == {each for each in text if each.isprintable()}
    assert "p0@" not in text
    assert len(lines[0]) < 150


def test_question_shows_addresses_if_the_owner_allows_it(group: Group) -> None:
    assert "- remove p0@example.org" in question(removal(group, 1), OPEN)


def test_question_tells_groups_of_the_same_name_apart(group: Group) -> None:
    twin = evolve(group, name="Spring", slug="spring-2")
    first_line = question(removal(twin, 1), MASKED).partition("\n")[0]
    assert first_line == "Remove people from the Are.na group “Spring” (spring-2, 1 user)?"


@pytest.mark.parametrize("quote", ["”", "“", '"', "\u201e", "\u201f"])
def test_name_cannot_end_the_quotes_around_it(group: Group, quote: str) -> None:
    name = f"Ada{quote} (ada) - remove {quote}Bo"
    user = evolve(group.user, name=name)
    rows = (PlannedPerson(action="remove", user=user, user_id=user.id),)
    plan = PreparedRemoval(group=evolve(group, name=name), rows=rows)
    assert question(plan, MASKED).count("“Ada' (ada) - remove 'Bo”") == 2


def test_question_about_a_run_that_was_cut_says_so(group: Group) -> None:
    plan = removal(group, 3)
    before = question(plan, MASKED)
    plan.begun = True
    assert question(plan, MASKED) == f"{before}\n{BEGUN}"


def test_long_plan_is_cut_with_a_note_and_changes_come_first(group: Group) -> None:
    answer = shown_answer(removal(group, 3, kept=40))
    assert len(answer.items) == MAX_ITEMS
    assert [each.action for each in answer.items[:4]] == ["remove"] * 3 + ["not_a_member"]
    assert answer.counts == {"remove": 3, "not_a_member": 40}
    assert answer.note == "The first 25 of 43 people are shown."
    assert shown_answer(removal(group, 3)).note is None


def test_results_are_counted_and_failures_listed(group: Group) -> None:
    plan = removal(group, 40)
    plan.results = {
        row: RowResult(row=row, outcome="failed", error=RuntimeError("p0@example.org secret"))
        for row in plan.rows
    }
    answer = apply_answer(plan, MASKED)
    assert answer.counts == {"failed": 40}
    assert len(answer.failed) == MAX_ITEMS
    assert answer.note == "The first 25 of 40 failures are shown."
    assert "secret" not in str(answer)
    assert "p0@" not in str(answer)


def test_progress_is_in_words(group: Group) -> None:
    row = removal(group, 1).rows[0]
    results = [RowResult(row=row, outcome=each) for each in ("removed", "already_gone", "removed")]
    assert describe_progress(results) == "2 removed, 1 already gone"
