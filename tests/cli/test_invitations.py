"""Selecting, sending and revoking invitations."""

import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve

from arena_groups import (
    ArenaClient,
    ForbiddenError,
    Group,
    GroupsResource,
    MembershipInvitation,
    RateLimitError,
)
from arena_groups.cli import batch as turns
from arena_groups.cli.commands import invitations as actions
from arena_groups.cli.commands.invitations import ORDERS, InvitationFilter
from arena_groups.cli.errors import CliError
from arena_groups.cli.options import Format, Settings, format_age, parse_age
from arena_groups.cli.output.rows import ActionRow
from arena_groups.cli.output.views import ACTIONS
from arena_groups.sandbox import SEEDED_AT, Sandbox

At = Callable[..., int]
Captured = pytest.CaptureFixture[str]
Make = Callable[..., MembershipInvitation]

SENT = datetime(2026, 3, 9, 22, 2, 26, tzinfo=UTC)


def listed(capsys: Captured) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(capsys.readouterr().out)
    return found


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it be some time after the sandbox was seeded."""
    monkeypatch.setattr(actions, "utc_now", lambda: SEEDED_AT + timedelta(hours=1))


def refuse(monkeypatch: pytest.MonkeyPatch, refused: int) -> None:
    """Let the invitations of one group be forbidden."""
    allowed = GroupsResource.invitations

    def invitations(self: GroupsResource, group: int) -> object:
        if group == refused:
            raise ForbiddenError(403)
        return allowed(self, group)

    monkeypatch.setattr(GroupsResource, "invitations", invitations)


def take_rights_away(monkeypatch: pytest.MonkeyPatch, slug: str) -> None:
    """Let one group say that its invitations cannot be managed."""
    all_of_them = actions._own_groups

    async def own_groups(arena: ArenaClient) -> AsyncIterator[Group]:
        async for group in all_of_them(arena):
            can = evolve(group.can, manage_invitations=group.slug != slug)
            yield evolve(group, can=can)

    monkeypatch.setattr(actions, "_own_groups", own_groups)


class TestAges:
    @pytest.mark.parametrize(
        ("text", "age"),
        [
            ("90m", timedelta(minutes=90)),
            ("12h", timedelta(hours=12)),
            ("30d", timedelta(days=30)),
            ("8W", timedelta(weeks=8)),
            (" 0d ", timedelta()),
        ],
    )
    def test_written(self, text: str, age: timedelta) -> None:
        assert parse_age(text) == age

    @pytest.mark.parametrize("text", ["", "d", "30", "-1d", "1.5d", "30 d", "30y", "9999999d"])
    def test_nonsense(self, text: str) -> None:
        with pytest.raises(ValueError, match="30d"):
            parse_age(text)

    @pytest.mark.parametrize(
        ("age", "text"),
        [
            (timedelta(days=400), "400d"),
            (timedelta(hours=47), "1d"),
            (timedelta(minutes=61), "1h"),
            (timedelta(seconds=59), "0m"),
            (timedelta(days=-1), "0m"),
        ],
    )
    def test_read(self, age: timedelta, text: str) -> None:
        assert format_age(age) == text


class TestSelection:
    @pytest.mark.parametrize(
        ("selection", "accepted"),
        [
            (InvitationFilter(), True),
            (InvitationFilter(older_than=timedelta(days=1)), True),
            (InvitationFilter(older_than=timedelta(days=1, seconds=1)), False),
            (InvitationFilter(email="*@EXAMPLE.org"), True),
            (InvitationFilter(email="ada*"), True),
            (InvitationFilter(email="example"), False),
            (InvitationFilter(invited_by="ono"), True),
            (InvitationFilter(invited_by="8"), True),
            (InvitationFilter(invited_by="on"), False),
            (InvitationFilter(email="ada*", invited_by="mara"), False),
        ],
    )
    def test_it_accepts(
        self, selection: InvitationFilter, accepted: bool, invitation: Make
    ) -> None:
        one = invitation(email="Ada@example.org")
        assert selection.accepts(one, SENT + timedelta(days=1)) is accepted

    def test_who_has_no_address_has_none_that_fits(self, invitation: Make) -> None:
        assert not InvitationFilter(email="*").accepts(invitation(), SENT)

    def test_a_pattern_does_not_show(self) -> None:
        assert "ada" not in repr(InvitationFilter(email="ada@example.org"))


class TestList:
    def test_filters(self, at: At, capsys: Captured) -> None:
        line = ["--older-than", "60d", "--email", "*@example.org", "--invited-by", "ada-osei"]
        assert at("invitations", "list", "research-studio", *line) == 0
        found = listed(capsys)
        assert 0 < len(found) < 100
        for each in found:
            assert str(each["invitee_email"]).endswith("@example.org")
            assert str(each["created_at"]) < "2026-03-02T10:30:00Z"

    @pytest.mark.parametrize("sort", ORDERS)
    def test_every_order_has_the_same(self, at: At, capsys: Captured, sort: str) -> None:
        assert at("invitations", "list", "--all-groups") == 0
        unsorted = listed(capsys)
        assert at("invitations", "list", "--all-groups", "--sort", sort) == 0
        found = listed(capsys)
        assert sorted(str(each["id"]) for each in found) == sorted(
            str(each["id"]) for each in unsorted
        )
        if sort in {"newest", "oldest"}:
            times = [str(each["created_at"]) for each in found]
            assert times == sorted(times, reverse=sort == "newest")

    def test_all_groups_are_those_of_the_tokens_user(
        self, at: At, sandbox: Sandbox, capsys: Captured
    ) -> None:
        assert at("invitations", "list", "--all-groups") == 0
        expected = {
            number for group in sandbox.groups for number in sandbox.pending_invitations(group)
        }
        found = [each["id"] for each in listed(capsys)]
        assert len(found) == len(set(found))
        assert set(found) == expected

    @pytest.mark.parametrize("told_before", [False, True])
    def test_groups_that_refuse_are_skipped_with_a_note(
        self, at: At, capsys: Captured, monkeypatch: pytest.MonkeyPatch, told_before: bool
    ) -> None:
        if told_before:
            take_rights_away(monkeypatch, "night-shift")
        else:
            refuse(monkeypatch, 1002)
        assert at("invitations", "list", "--all-groups") == 0
        out, err = capsys.readouterr()
        assert {each["target"]["slug"] for each in json.loads(out)} == {"research-studio"}
        assert "night-shift" in json.loads(err)["note"]["message"]
        assert at("invitations", "list", "--all-groups", "--quiet") == 0
        assert capsys.readouterr().err == ""

    @pytest.mark.parametrize("more", [(), ("--sort", "oldest"), ("--all-groups",)])
    def test_a_limit(
        self, at: At, sandbox: Sandbox, capsys: Captured, more: tuple[str, ...]
    ) -> None:
        group = () if "--all-groups" in more else ("research-studio",)
        sandbox.clear_requests()
        assert at("invitations", "list", *group, *more, "--limit", "3") == 0
        assert len(listed(capsys)) == 3
        if not more:
            assert len(sandbox.requests) == 1

    def test_a_limit_of_nothing(self, at: At, sandbox: Sandbox, capsys: Captured) -> None:
        assert at("invitations", "list", "research-studio", "--limit", "0") == 0
        assert listed(capsys) == []
        assert sandbox.requests == ()


class TestSend:
    def test_every_outcome(self, at: At, sandbox: Sandbox, capsys: Captured) -> None:
        line = ["--email", "ann@example.net", "--email", "ANN@example.net", "--user-id"]
        members = ["--user-id", str(sandbox.users.member)]
        assert at("invitations", "send", "research-studio", *line, "3", *members) == 0
        outcomes = [each["outcome"] for each in listed(capsys)]
        assert outcomes == ["invited", "added", "already_member"]
        assert [each.address for each in sandbox.emails] == ["ann@example.net"]

    def test_one_who_does_not_exist_does_not_stop_the_others(
        self, at: At, capsys: Captured
    ) -> None:
        line = ["--user-id", "999999", "--user-id", "3"]
        assert at("invitations", "send", "blank-page", *line) == 3
        out, err = capsys.readouterr()
        assert [each["outcome"] for each in json.loads(out)] == ["failed", "added"]
        assert "1 of 2 invitations could not be sent" in json.loads(err)["error"]["message"]

    def test_a_bad_address_is_found_before_anything_is_sent(
        self, at: At, sandbox: Sandbox, capsys: Captured
    ) -> None:
        line = ["--email", "ann@example.net", "--email", "nobody-at-all"]
        assert at("invitations", "send", "blank-page", *line) == 1
        assert sandbox.requests == ()
        err = capsys.readouterr().err
        assert "number 2" in err
        assert "nobody" not in err


class TestRevoke:
    def test_the_others_are_revoked(self, at: At, sandbox: Sandbox, capsys: Captured) -> None:
        first, second = sandbox.pending_invitations("night-shift")
        sandbox.accept_invitation(first)
        ids = [str(first), str(second), str(second)]
        assert at("invitations", "revoke", "night-shift", *ids, "--yes") == 4
        out, err = capsys.readouterr()
        assert [each["outcome"] for each in json.loads(out)] == ["already_gone", "revoked"]
        error = json.loads(err)["error"]
        assert (error["type"], error["status"]) == ("validation", 422)
        assert error["message"].startswith("1 of 2 invitations could not be revoked: 422")

    def test_a_single_one(self, at: At, sandbox: Sandbox, capsys: Captured) -> None:
        first, _ = sandbox.pending_invitations("night-shift")
        sandbox.decline_invitation(first)
        assert at("invitations", "revoke", "night-shift", str(first), "--yes") == 4
        assert json.loads(capsys.readouterr().err)["error"]["message"].startswith("422 ")


class TestExpire:
    def test_only_the_old_ones_go(self, at: At, sandbox: Sandbox, capsys: Captured) -> None:
        first, second = sandbox.pending_invitations("night-shift")
        age = f"{(SEEDED_AT + timedelta(hours=1) - datetime(2026, 2, 1, 9, 30, tzinfo=UTC)).days}d"
        assert at("invitations", "expire", "night-shift", "--older-than", age, "--yes") == 0
        assert [each["id"] for each in listed(capsys)] == [second]
        assert sandbox.pending_invitations("night-shift") == [first]
        assert sandbox.invitation_state(second) == "revoked"

    def test_nothing_is_old(self, at: At, capsys: Captured) -> None:
        line = ["--older-than", "99w", "--yes"]
        assert at("invitations", "expire", "night-shift", *line) == 0
        assert listed(capsys) == []

    def test_a_dry_run_needs_no_yes_and_does_nothing(
        self, at: At, sandbox: Sandbox, capsys: Captured
    ) -> None:
        line = ["--older-than", "1d", "--dry-run"]
        assert at("invitations", "expire", "night-shift", *line) == 0
        assert len(listed(capsys)) == 2
        assert {request.method for request in sandbox.requests} == {"GET"}


class TestTurns:
    @pytest.fixture
    def waits(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        waited: list[float] = []

        async def sleep(seconds: float) -> None:
            waited.append(seconds)

        monkeypatch.setattr(turns, "sleep", sleep)
        return waited

    @staticmethod
    async def turn(things: list[int], refusals: dict[int, int]) -> None:
        async def act(thing: int) -> ActionRow:
            if refusals.get(thing, 0) > 0:
                refusals[thing] -= 1
                raise RateLimitError(429, retry_after=40.0)
            return ActionRow(outcome="done", type="Thing", id=thing)

        def failed(thing: int, failure: turns.BatchFailure) -> ActionRow:
            raise AssertionError(thing, failure)

        settings = Settings(format=Format.NDJSON)
        noun = ("thing", "things")
        assert not await turns.run_batch(settings, things, ACTIONS, noun, act=act, failed=failed)

    async def test_a_job_that_has_begun_waits_for_the_quota(
        self, waits: list[float], capsys: Captured
    ) -> None:
        await self.turn([1, 2, 3], {2: 1, 3: turns.MAX_WAITS})
        assert waits == [40.0] * (1 + turns.MAX_WAITS)
        out, err = capsys.readouterr()
        assert [json.loads(line)["id"] for line in out.splitlines()] == [1, 2, 3]
        assert "rate limit reached, waiting 40 s" in err

    @pytest.mark.parametrize("refusals", [{1: 1}, {2: turns.MAX_WAITS + 1}])
    async def test_it_does_not_wait_forever(
        self, waits: list[float], refusals: dict[int, int]
    ) -> None:
        with pytest.raises(RateLimitError):
            await self.turn([1, 2], refusals)
        assert len(waits) < turns.MAX_WAITS + 1

    def test_no_failure_is_no_problem(self) -> None:
        turns.raise_first_failure([], 3, ("thing", "things"), "done")
        with pytest.raises(CliError):
            turns.raise_first_failure(
                [turns.BatchFailure(RateLimitError(429))], 1, ("thing", "things"), "done"
            )
