"""Results and summaries of bulk calls."""

import pytest

from arena_groups import BulkOutcome, BulkResult, BulkSummary, NotFoundError, ServerError
from arena_groups.bulk.results import Tally


@pytest.mark.parametrize("outcome", BulkOutcome)
def test_result_has_failed_only_with_outcome_failed(outcome: BulkOutcome) -> None:
    result = BulkResult(position=0, target=1, outcome=outcome)
    assert result.failed is (outcome is BulkOutcome.FAILED)


def test_results_are_equal_whatever_their_error() -> None:
    first, second = (
        BulkResult(position=0, target=1, outcome=BulkOutcome.FAILED, error=error)
        for error in (ValueError("a"), None)
    )
    assert first == second


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        ({}, "0 done"),
        ({BulkOutcome.INVITED: 2}, "2 done: 2 invited"),
        (
            {BulkOutcome.FAILED: 1, BulkOutcome.ALREADY_GONE: 2, BulkOutcome.REVOKED: 3},
            "6 done: 3 revoked, 2 already gone, 1 failed",
        ),
    ],
)
def test_summary_as_text_lists_outcomes_in_order(counts: dict[BulkOutcome, int], text: str) -> None:
    summary = BulkSummary[int](done=sum(counts.values()), counts=counts, from_journal=0, failed=())
    assert str(summary) == text


def test_summary_as_text_counts_other_runs_and_waits_apart() -> None:
    summary = BulkSummary[int](
        done=5, counts={BulkOutcome.INVITED: 5}, from_journal=3, failed=(), waiting_for_claim=2
    )
    assert str(summary) == (
        "5 done: 5 invited (3 by other runs); waiting for the outcome of 2 more"
    )


def test_tally_finds_an_outage_after_three_failures_of_the_server_in_a_row() -> None:
    def result(outcome: BulkOutcome, error: Exception | None = None) -> BulkResult[int]:
        return BulkResult(position=0, target=1, outcome=outcome, error=error)

    outage = result(BulkOutcome.FAILED, ServerError(500))
    refused = result(BulkOutcome.FAILED, NotFoundError(404))
    duplicate = result(BulkOutcome.DUPLICATE)
    tally = Tally[int]()
    for each in (outage, outage, refused, outage, duplicate, outage):
        tally.add(each)
        assert not tally.is_outage
    tally.add(outage)
    assert tally.is_outage
    summary = tally.summary(waiting_for_claim=0, stopped_by=None)
    assert (summary.done, len(summary.failed)) == (7, 6)
