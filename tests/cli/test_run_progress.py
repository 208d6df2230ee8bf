"""Countdowns, counts by outcome, and the words of a run that was stopped."""

import inspect
import itertools
from asyncio import CancelledError
from errno import ENOSPC

import pytest
from attrs import evolve

from arena_groups import ForbiddenError, PacerSnapshot, QuotaPacer, RateLimitError
from arena_groups.cli.options import Format, Settings
from arena_groups.cli.run_progress import (
    WRITE_SPACING,
    Countdown,
    OutcomeCounts,
    claim_note,
    describe_duration,
    quota_wait,
    reported_stop,
    shown_quota_waits,
)
from tests.support.command_line import Captured
from tests.support.waiting import run_other_tasks

RECIPIENTS = ("recipient", "recipients")


def quota(limit: int | None, window: float = 60.0) -> PacerSnapshot:
    return PacerSnapshot(
        limit=limit, window=window, used=1, in_flight=0, waiting=0, resets_in=None, blocked_for=0
    )


@pytest.mark.parametrize(
    ("now", "shown"), [(0.0, "x, 97 s"), (0.5, "x, 97 s"), (96.1, "x, 1 s"), (200.0, "x, 0 s")]
)
def test_countdown_shows_the_seconds_that_are_left(now: float, shown: str) -> None:
    assert str(Countdown("x", 97.0, lambda: now)) == shown
    assert Countdown("x", 97.0, lambda: now).__rich__().plain == shown


def test_claim_note_rounds_up() -> None:
    assert "waiting up to 1 s for the outcome" in claim_note(0.2)
    assert claim_note(96.2, " (line 3)").endswith("began (line 3)")


@pytest.mark.parametrize(
    ("results", "text"),
    [
        ([], ""),
        ([("failed", False), ("already_invited", False), ("invited", False), ("invited", False)],
         "2 invited, 1 already invited, 1 failed"),
        ([("invited", True)] * 3, "3 already done in an earlier run"),
        ([("invited", True), ("added", True), ("held", False), ("added", False)],
         "1 added, 1 held, 2 already done in an earlier run"),
    ],
)  # fmt: skip
def test_outcome_counts_name_each_outcome_once(results: list[tuple[str, bool]], text: str) -> None:
    counts = OutcomeCounts(skipped=0)
    for outcome, from_journal in results:
        counts.add(outcome, from_journal=from_journal)
    assert str(counts) == text
    assert counts.done == len(results)
    assert str(evolve(counts, skipped=2)) == f"{text}{', ' if text else ''}2 skipped"


@pytest.mark.parametrize(
    ("writes", "limit", "text"),
    [
        (300, None, ""),
        (51, 120, "about 26 seconds at the quota of 120 requests in 60 s"),
        (300, 120, "about 3 minutes at the quota of 120 requests in 60 s"),
        (300, 1_000_000, "about 1 minute at the quota of 1000000 requests in 60 s"),
        (5, 1_000_000, "about 1 second at the quota of 1000000 requests in 60 s"),
    ],
)
def test_describe_duration_counts_the_quota_and_the_pause_between_writes(
    writes: int, limit: int | None, text: str
) -> None:
    assert describe_duration(writes, quota(limit)) == text


def test_pause_between_writes_is_that_of_the_client() -> None:
    assert inspect.signature(QuotaPacer).parameters["write_spacing"].default == WRITE_SPACING


@pytest.mark.parametrize(
    ("outcomes", "error", "text"),
    [
        (["invited", "added"], CancelledError(),
         "stopped: 3 recipients not processed (1 invited, 1 added)"),
        ([], CancelledError(), "stopped: 5 recipients not processed (nothing was done)"),
        (["invited"] * 4, RateLimitError(429), "stopped: 1 recipient not processed (4 invited)"),
        (["invited"], OSError(ENOSPC, "full"),
         "stopped: 4 recipients not processed (1 invited)"),
        (["invited"], BrokenPipeError(), "stopped: 4 recipients not processed (1 invited)"),
        ([], OSError(ENOSPC, "full"), ""),
        (["failed"], ForbiddenError(403), ""),
        ([], ForbiddenError(403), ""),
        (["invited"] * 5, CancelledError(), ""),
    ],
)  # fmt: skip
def test_reported_stop_says_what_was_done_and_how_to_go_on(
    outcomes: list[str], error: BaseException, text: str, capsys: Captured
) -> None:
    counts = OutcomeCounts()
    settings = Settings(format=Format.CSV, quiet=True)
    with (
        pytest.raises(type(error)),
        reported_stop(settings, counts, 5, RECIPIENTS, lambda: "the way on"),
    ):
        for each in outcomes:
            counts.add(each)
        raise error
    expected = [f"arena-groups: {text}", "arena-groups: the way on"] if text else []
    assert capsys.readouterr().err.splitlines() == expected


@pytest.mark.parametrize(
    ("facts", "seconds"),
    [
        ({"waiting": 1, "resets_in": 36.5}, 36.5),
        ({"waiting": 1, "resets_in": 3.0, "blocked_for": 40.0}, 40.0),
        ({"waiting": 1, "resets_in": None}, 0.0),
        ({"waiting": 1, "in_flight": 1, "resets_in": 36.5}, 0.0),
        ({"waiting": 0, "resets_in": 36.5}, 0.0),
    ],
)
def test_quota_wait_is_that_of_a_request_which_waits(
    facts: dict[str, float], seconds: float
) -> None:
    assert quota_wait(evolve(quota(120), **facts)) == seconds


async def test_quota_waits_are_shown_while_no_result_comes() -> None:
    waiting = evolve(quota(120), waiting=1, resets_in=36.0)
    done, shown = itertools.chain([1, 2, 3, 3, 3, 4], itertools.count(5)), list[Countdown]()
    async with shown_quota_waits(lambda: waiting, lambda: next(done), shown.append, interval=0):
        await run_other_tasks()
    assert [each.text for each in shown] == ["waiting for the quota"] * 2
    assert all("quota, 3" in str(each) for each in shown)
    await run_other_tasks()
    assert len(shown) == 2
