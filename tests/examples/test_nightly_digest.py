"""Example: nightly digest."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from arena_groups import ArenaClient
from arena_groups.sandbox import Sandbox
from examples import nightly_digest
from tests.support.examples import GROUP, run_script

pytest_plugins = ["arena_groups.pytest_plugin"]
pytestmark = pytest.mark.usefixtures("group")


def test_script_prints_the_digest(arena_sandbox: Sandbox) -> None:
    done = run_script("nightly_digest.py", GROUP, process=True)
    assert (done.returncode, done.stderr) == (0, "")
    first, *people = done.stdout.splitlines()
    assert first == "night-walks: 3 pending, 3 since yesterday, 0 for 30 days"
    assert len(people) == 3
    assert all(re.fullmatch(r" {4}0 days  \S.*", each) for each in people)
    assert {each.method for each in arena_sandbox.requests} == {"GET"}


def test_error_of_the_api_is_one_line() -> None:
    done = run_script("nightly_digest.py", "no-such-group")
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"nightly_digest: .*404.*\n", done.stderr)


def test_missing_argument_prints_the_usage() -> None:
    done = run_script("nightly_digest.py")
    assert (done.returncode, done.stderr) == (1, "usage: nightly_digest.py GROUP\n")


async def test_oldest_invitations_come_first(
    arena_client: ArenaClient, arena_sandbox: Sandbox
) -> None:
    arena_sandbox.advance(timedelta(days=40))
    arena_sandbox.add_invitations(GROUP, nightly_digest.SHOWN)
    await arena_client.groups.invite(GROUP, email="grace@example.org")
    pending = await arena_client.groups.invitations(GROUP).collect()
    text = nightly_digest.digest(GROUP, pending, arena_sandbox.now)
    first, *people, last = text.splitlines()
    assert first == "night-walks: 14 pending, 11 since yesterday, 3 for 30 days"
    assert [each[:10] for each in people] == ["   40 days"] * 3 + ["    0 days"] * 7
    assert last.strip() == "and 4 more"
    assert "    0 days  grace@example.org" in nightly_digest.digest(
        GROUP, pending[:1], arena_sandbox.now
    )


def test_digest_without_invitations() -> None:
    text = nightly_digest.digest("a-group", [], datetime.now(UTC))
    assert text == "a-group: 0 pending, 0 since yesterday, 0 for 30 days"
