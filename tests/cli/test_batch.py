"""Batches: rate limits and failures."""

import json

import pytest

from arena_groups import (
    RateLimitError,
)
from arena_groups.cli import batch
from arena_groups.cli.errors import CliError
from arena_groups.cli.options import Format, Settings
from arena_groups.cli.output.rows import ActionRow
from arena_groups.cli.output.views import ACTIONS
from tests.support.command_line import (
    Captured,
)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(batch, "sleep", sleep)
    return waited


async def run_with_refusals(
    items: list[int], refusals: dict[int, int], *, retry_after: float = 40.0
) -> None:
    async def act(item: int) -> ActionRow:
        if refusals.get(item, 0) > 0:
            refusals[item] -= 1
            raise RateLimitError(429, retry_after=retry_after)
        return ActionRow(outcome="done", type="Item", id=item)

    def failed(item: int, failure: batch.BatchFailure) -> ActionRow:
        raise AssertionError(item, failure)

    settings = Settings(format=Format.NDJSON)
    noun = ("item", "items")
    assert not await batch.run_batch(settings, items, ACTIONS, noun, act=act, failed=failed)


async def test_run_batch_after_first_item_waits_for_rate_limit(
    waits: list[float], capsys: Captured
) -> None:
    await run_with_refusals([1, 2, 3], {2: 1, 3: batch.MAX_WAITS})
    assert waits == [40.0] * (1 + batch.MAX_WAITS)
    out, err = capsys.readouterr()
    assert [json.loads(line)["id"] for line in out.splitlines()] == [1, 2, 3]
    assert "rate limit reached, waiting 40 s" in err


@pytest.mark.parametrize("retry_after", [3601, 1e9])
async def test_run_batch_raises_a_rate_limit_that_is_too_long(
    waits: list[float], retry_after: float
) -> None:
    with pytest.raises(RateLimitError):
        await run_with_refusals([1, 2], {2: 1}, retry_after=retry_after)
    assert waits == []


@pytest.mark.parametrize("refusals", [{1: 1}, {2: batch.MAX_WAITS + 1}])
async def test_run_batch_raises_rate_limit_at_start_and_after_max_waits(
    waits: list[float], refusals: dict[int, int]
) -> None:
    with pytest.raises(RateLimitError):
        await run_with_refusals([1, 2], refusals)
    assert len(waits) < batch.MAX_WAITS + 1


def test_raise_first_failure_raises_only_if_there_is_one() -> None:
    batch.raise_first_failure([], 3, ("item", "items"), "done")
    with pytest.raises(CliError):
        batch.raise_first_failure(
            [batch.BatchFailure(RateLimitError(429))], 1, ("item", "items"), "done"
        )
