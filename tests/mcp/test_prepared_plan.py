import asyncio

import pytest

pytest.importorskip("mcp")

import anyio

from arena_groups.errors import DriftError, RemovalLimitError
from arena_groups.mcp.prepared_plan import PlanChangedError, PlannedPerson, PlanRun, RowResult

ROW = PlannedPerson(action="remove", email="anna@example.org", user_id=1)


class SlowRun:
    """Run whose end takes a few iterations of the loop."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.is_closed = False

    async def __anext__(self) -> str:
        if self.error is not None:
            raise self.error
        return "removed"

    async def aclose(self) -> None:
        for _ in range(3):
            await asyncio.sleep(0)
        self.is_closed = True


def make(run: SlowRun) -> PlanRun:
    return PlanRun(run, lambda outcome: RowResult(row=ROW, outcome=outcome))


async def test_run_ends_before_a_cancelled_call_does() -> None:
    run = SlowRun()
    with anyio.CancelScope() as scope:
        scope.cancel()
        await make(run).aclose()
    assert run.is_closed


async def test_results_are_those_of_rows() -> None:
    assert await anext(make(SlowRun())) == RowResult(row=ROW, outcome="removed")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (DriftError(["remove ada: left", "revoke invitation 1: gone"]), "2 of its actions"),
        (RemovalLimitError(5, 2), "max_removals now allows fewer removals"),
    ],
)
async def test_changes_of_the_group_are_counted_and_name_nobody(
    error: Exception, text: str
) -> None:
    with pytest.raises(PlanChangedError, match=text) as caught:
        await anext(make(SlowRun(error)))
    assert "ada" not in str(caught.value)


def test_repr_hides_the_address() -> None:
    assert "anna" not in repr(ROW)
