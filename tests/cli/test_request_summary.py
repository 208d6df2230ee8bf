"""Summary of requests and quota at the end of ``--verbose``."""

import json
import sys

import pytest
from attrs import evolve

from arena_groups import PacerSnapshot, RequestEvent, RetryPolicy
from arena_groups.cli import connect
from arena_groups.cli.main import run
from arena_groups.cli.options import Settings
from arena_groups.cli.request_summary import RequestSummary, noted_quota_waits
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.faults import ServerFailure
from tests.support.command_line import AsPerson, At, Captured, InterruptingStream, Served, Typing
from tests.support.waiting import run_other_tasks

GROUP = "research-studio"
FULL = (
    "4 requests (1 from the cache, 2 retried) in 2.0 s; quota: 9 of 120 left, window ends in 42 s"
)


def event(attempt: int = 1, *, from_cache: bool = False) -> RequestEvent:
    return RequestEvent(
        operation="groups.get",
        method="GET",
        route="/v3/groups/{id}",
        attempt=attempt,
        duration=0.1,
        status=304 if from_cache else 200,
        from_cache=from_cache,
    )


def snapshot(limit: int | None, used: int, resets_in: float | None) -> PacerSnapshot:
    return PacerSnapshot(
        limit=limit,
        window=60,
        used=used,
        in_flight=0,
        waiting=0,
        resets_in=resets_in,
        blocked_for=0,
    )


@pytest.mark.parametrize(
    ("events", "quota", "text"),
    [
        ([event()], snapshot(None, 1, None), "1 request in 2.0 s"),
        (
            [event(), event(2), event(3), event(from_cache=True)],
            snapshot(120, 111, 41.6),
            FULL,
        ),
        ([event(), event()], snapshot(30, 40, None), "2 requests in 2.0 s; quota: 0 of 30 left"),
    ],
)
def test_text_names_counts_that_are_not_zero_and_the_quota(
    events: list[RequestEvent], quota: PacerSnapshot, text: str
) -> None:
    summary = RequestSummary()
    for each in events:
        summary.record(each)
    assert summary.text(quota, 2.04) == text


def last_line(capsys: Captured) -> str:
    return capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    "line", ["groups list", f"members list {GROUP}", f"roster {GROUP}", "auth status"]
)
def test_verbose_ends_with_the_summary(line: str, as_person: AsPerson, capsys: Captured) -> None:
    where = as_person("owner")
    assert run([*line.split(), *where, "--verbose", "--format", "csv"]) == 0
    assert last_line(capsys).startswith("arena-groups: ")
    assert run([*line.split(), *where, "--verbose", "--format", "json"]) == 0
    summary = json.loads(last_line(capsys))["summary"]
    assert summary["requests"] >= 1
    assert 0 < summary["quota_left"] < summary["quota_limit"]
    assert run([*line.split(), *where]) == 0
    assert "request" not in capsys.readouterr().err


def test_verbose_in_the_sandbox_ends_with_the_summary(capsys: Captured) -> None:
    assert run(["groups", "show", GROUP, "--sandbox", "-v"]) == 0
    assert last_line(capsys).startswith("arena-groups: 1 request in ")


def test_summary_counts_retries(
    at: At, sandbox: Sandbox, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "retry_policy", lambda: RetryPolicy(attempts=2, backoff=0))
    with sandbox.faults.add(ServerFailure(503), times=1):
        assert at("groups", "show", GROUP, "-v") == 0
    summary = json.loads(last_line(capsys))["summary"]
    assert (summary["requests"], summary["retried"]) == (2, 1)


def test_summary_is_written_before_the_error_of_a_command(
    as_person: AsPerson, capsys: Captured
) -> None:
    assert run(["groups", "show", "no-such-group", "-v", *as_person("owner")]) == 3
    *_, summary, error = capsys.readouterr().err.splitlines()
    assert summary.startswith("arena-groups: 1 request in ")
    assert "404" in error


def test_summary_is_written_after_an_interrupt(
    as_person: AsPerson, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = as_person("owner")
    monkeypatch.setattr(sys, "stdout", InterruptingStream())
    assert run(["members", "list", GROUP, "-v", "--format", "ndjson", *where]) == 130
    assert json.loads(last_line(capsys))["summary"]["requests"] >= 1


def test_login_ends_with_the_summary(
    as_person: AsPerson, typed: Typing, served: Served, capsys: Captured
) -> None:
    where = as_person("owner")
    typed(served.tokens["owner"])
    assert run(["auth", "login", "-v", "--format", "csv", *where]) == 0
    assert "arena-groups: 1 request in " in capsys.readouterr().err


def test_command_that_sends_nothing_has_no_summary(capsys: Captured) -> None:
    assert run(["groups", "show", "a/b", "--sandbox", "-v"]) == 1
    assert "request" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("facts", "notes"),
    [
        ({"waiting": 1, "resets_in": 36.5}, ["waiting 37 s for the quota"]),
        ({"blocked_for": 20.0}, ["waiting 20 s for the quota"]),
        ({"waiting": 1, "in_flight": 1, "resets_in": 36.5}, []),
        ({"waiting": 1, "resets_in": 2.0}, []),
        ({"resets_in": 36.5}, []),
        ({"waiting": 1, "resets_in": 36.5, "limit": 1_000_000}, []),  # for the write before
        ({"waiting": 1, "resets_in": 36.5, "limit": 33}, ["waiting 37 s for the quota"]),
        ({"waiting": 1, "blocked_for": 20.0, "limit": 1000}, ["waiting 20 s for the quota"]),
    ],
)
async def test_wait_for_the_quota_is_noted_once(
    facts: dict[str, float], notes: list[str], capsys: Captured
) -> None:
    quota = evolve(snapshot(30, 30, None), **facts)
    async with noted_quota_waits(Settings(), lambda: quota, interval=0):
        await run_other_tasks()
    assert capsys.readouterr().err.splitlines() == [f"arena-groups: {note}" for note in notes]


async def test_each_window_that_is_waited_for_is_noted(capsys: Captured) -> None:
    ends = iter([0.0, 5.0, 5.0, 0.0, 60.0, 60.0])
    async with noted_quota_waits(
        Settings(), lambda: evolve(snapshot(30, 30, None), blocked_for=next(ends, 0.0)), interval=0
    ):
        await run_other_tasks()
    assert [line.split()[2] for line in capsys.readouterr().err.splitlines()] == ["5", "60"]


async def test_quiet_command_waits_without_a_note(capsys: Captured) -> None:
    quota = evolve(snapshot(30, 30, None), blocked_for=20.0)
    async with noted_quota_waits(Settings(quiet=True), lambda: quota, interval=0):
        await run_other_tasks()
    assert capsys.readouterr().err == ""
