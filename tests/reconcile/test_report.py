"""Reports of groups: their numbers, and what they keep in a store."""

import json
from datetime import date, timedelta
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from arena_groups import ArenaClient, BlockedError, MemoryStore, NotFoundError
from arena_groups._history import HistoryPoint
from arena_groups.models import GroupRole
from arena_groups.reconcile import RosterSnapshot, build_report
from arena_groups.reconcile.last_seen import SeenIds
from arena_groups.reconcile.report import make_report
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.faults import Blocked
from tests.support.clients import single
from tests.support.reports import NOW, empty_report, full_report, history, invited, member, roster


class TestNumbers:
    def test_ages_are_whole_days_since_the_invitation(self) -> None:
        ages = [0, 6.99, 7, 13.5, 14, 30, 89.9, 90, 180, 364.9, 365, 4000]
        report = make_report(roster(*[invited(i, each) for i, each in enumerate(ages)]))
        assert [(each.label, each.people) for each in report.ages] == [
            ("0-6", 2),
            ("7-13", 2),
            ("14-29", 1),
            ("30-89", 2),
            ("90-179", 1),
            ("180-364", 2),
            ("365+", 2),
        ]

    @given(st.lists(st.floats(-3, 5000)))
    def test_ages_and_inviters_count_everybody_once(self, ages: list[float]) -> None:
        people = [invited(i, each, by=i % 3) for i, each in enumerate(ages)]
        report = make_report(roster(*people))
        assert sum(each.people for each in report.ages) == report.pending == len(ages)
        assert sum(each.people for each in report.inviters) == len(ages)
        days = [report.days_pending(person) for person in report.oldest]
        assert days == sorted(days, reverse=True)
        assert len(days) == min(10, len(ages))

    def test_inviters_are_sorted_by_their_number_of_people(self) -> None:
        people = [invited(1, 5, by=4), invited(2, 90.5, by=9), invited(3, 1, by=9)]
        found = make_report(roster(*people)).inviters
        assert [(each.user, each.people, each.oldest_days) for each in found] == [
            ("user-9", 2, 90),
            ("user-4", 1, 5),
        ]

    def test_group_without_invitations_has_empty_parts(self) -> None:
        report = empty_report()
        assert (report.members, report.pending, report.has_invite_code) == (3, 0, False)
        assert (report.inviters, report.oldest, report.history, report.weeks) == ((), (), (), ())
        assert report.changes is None
        assert report.owner == member(1, GroupRole.OWNER)

    def test_invitations_that_are_not_visible_are_unknown(self) -> None:
        assert make_report(roster(pending_visible=False)).pending is None

    def test_weeks_begin_on_monday_and_have_no_gap(self) -> None:
        days = [date(2026, 2, 15), date(2026, 2, 16), date(2026, 3, 9)]
        points = [HistoryPoint(day=day, members=1, pending=0, accepted=2, sent=1) for day in days]
        found = make_report(roster(), history=points).weeks
        assert [(each.monday, each.accepted, each.sent) for each in found] == [
            (date(2026, 2, 9), 2, 1),
            (date(2026, 2, 16), 2, 1),
            (date(2026, 2, 23), 0, 0),
            (date(2026, 3, 2), 0, 0),
            (date(2026, 3, 9), 2, 1),
        ]

    @pytest.mark.parametrize("days", [1, 7, 8, 100, 732])
    def test_weeks_sum_up_all_days(self, days: int) -> None:
        found = make_report(roster(), history=history(days, accepted=2, closed=1)).weeks
        assert sum(each.accepted for each in found) == 2 * days
        assert sum(each.closed for each in found) == days

    def test_history_in_the_future_of_a_wrong_clock_is_counted(self) -> None:
        point = HistoryPoint(day=NOW.date() + timedelta(days=40), members=1, pending=0, sent=4)
        assert sum(each.sent for each in make_report(roster(), history=[point]).weeks) == 4

    @pytest.mark.parametrize("report", [empty_report(), full_report(3), full_report(500)])
    def test_to_dict_is_ready_for_json(self, report: Any) -> None:
        data = json.loads(json.dumps(report.to_dict()))
        assert data["pending"] == report.pending
        assert sum(data["ages"].values()) == report.pending
        assert len(data["history"]) == len(report.history)
        assert data["owner"].keys() == {"user_id", "user", "name"}

    def test_repr_holds_no_address(self) -> None:
        assert "@example" not in repr(full_report(9))


def test_changes_are_by_id() -> None:
    before = SeenIds(
        taken_at=NOW - timedelta(days=7),
        members=frozenset({1, 2, 77}),
        invitations={50_001: None, 60_000: 5},
    )
    found = make_report(roster(invited(1, 9), invited(2, 1)), baseline=before).changes
    assert found is not None
    assert [person.user_id for person in found.joined] == [3]
    assert found.left == (77,)
    assert [person.invitation_id for person in found.invited] == [50_002]
    assert found.closed == (60_000,)


class TestBuildReport:
    async def test_report_of_a_group(self, sandbox: Sandbox, arena: ArenaClient) -> None:
        sandbox.add_members("spring", 4)
        await arena.groups.invite("spring", email="ada@example.org")
        report = await build_report(arena, "spring")
        assert (report.group, report.members, report.pending) == ("spring", 5, 1)
        assert report.has_invite_code is False
        assert report.oldest[0].email == "ada@example.org"
        assert report.owner is not None
        assert report.owner.user_id == sandbox.users.owner.id
        await arena.groups.create_invite_code("spring")
        assert (await build_report(arena, sandbox.groups["spring"])).has_invite_code is True

    async def test_report_of_a_stranger_says_what_is_not_visible_and_records_nothing(
        self, sandbox: Sandbox, arena: ArenaClient
    ) -> None:
        store, group = MemoryStore(), sandbox.groups["spring"]
        sandbox.add_members("spring", 3)
        await build_report(arena, "spring", store=store)
        before = await store.read(f"history/{group}"), await store.read(f"seen/{group}")
        async with single(sandbox.tokens.stranger, base_url=sandbox.url) as other:
            report = await build_report(other, "spring", store=store)
        assert (report.pending, report.has_invite_code, report.changes) == (None, None, None)
        assert [point.members for point in report.history] == [4]
        assert before == (await store.read(f"history/{group}"), await store.read(f"seen/{group}"))

    async def test_report_of_a_guest_has_the_members_that_a_guest_sees(
        self, sandbox: Sandbox
    ) -> None:
        sandbox.add_members("spring", 3)
        async with single(base_url=sandbox.url) as guest:
            report = await build_report(guest, "spring", store=MemoryStore())
        assert report.members > 0
        assert (report.pending, report.has_invite_code, report.history) == (None, None, ())

    async def test_block_is_not_taken_for_a_missing_permission(
        self, sandbox: Sandbox, arena: ArenaClient
    ) -> None:
        sandbox.faults.add(Blocked(), operation="getGroupInvite")
        with pytest.raises(BlockedError):
            await build_report(arena, "spring")

    async def test_unknown_group_raises(self, arena: ArenaClient) -> None:
        with pytest.raises(NotFoundError):
            await build_report(arena, "no-such-group", store=MemoryStore())

    async def test_wrong_arguments_raise(self, arena: ArenaClient) -> None:
        with pytest.raises(TypeError, match="arena must be"):
            await build_report("spring", arena)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="store must be"):
            await build_report(arena, "spring", store="a.db")  # type: ignore[arg-type]

    async def test_store_has_numbers_and_ids_only(self, arena: ArenaClient) -> None:
        await arena.groups.invite("spring", email="ada@example.org")
        store = MemoryStore()
        report = await build_report(arena, "spring", store=store)
        (point,) = report.history
        assert (point.members, point.pending) == (1, 1)
        for namespace in ("history", "seen"):
            records = await store.read(f"{namespace}/{report.group_id}")
            assert records
            text = json.dumps(records)
            assert "example" not in text
            assert "@" not in text
            assert "ada" not in text

    async def test_changes_are_those_since_a_report_of_an_earlier_day(
        self, sandbox: Sandbox, arena: ArenaClient
    ) -> None:
        store, group = MemoryStore(), sandbox.groups["spring"]
        (member,) = sandbox.add_members("spring", 1)
        assert (await build_report(arena, "spring", store=store)).changes is None
        assert (await build_report(arena, "spring", store=store)).changes is None  # the same day
        # The records of this day become those of yesterday and of the day before.
        records = await store.read(f"seen/{group}")
        (text,) = records.values()
        baseline = SeenIds.from_text(text)
        assert baseline is not None
        yesterday, before = (
            (baseline.taken_at - timedelta(days=days)).date().isoformat() for days in (1, 2)
        )
        baseline = evolve(baseline, taken_at=baseline.taken_at - timedelta(days=1))
        older = evolve(baseline, members=frozenset())
        await store.compare_and_set(
            f"seen/{group}",
            {**dict.fromkeys(records), before: older.to_text(), yesterday: baseline.to_text()},
        )
        sandbox.leave_group("spring", member)
        (joined,) = sandbox.add_members("spring", 1)
        for _ in range(2):
            changes = (await build_report(arena, "spring", store=store)).changes
            assert changes is not None
            assert [person.user_id for person in changes.joined] == [joined]
            assert changes.left == (member,)
        assert before not in await store.read(f"seen/{group}")


def test_report_of_a_roster_file_needs_no_network() -> None:
    snapshot = RosterSnapshot.from_dict(roster(invited(1, 3)).to_dict())
    assert make_report(snapshot).pending == 1
