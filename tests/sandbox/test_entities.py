"""Records of the sandbox: the pending invitations of a group."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena_groups.sandbox.entities import GroupRecord, InvitationRecord

AT = datetime(2026, 1, 1, tzinfo=UTC)
ADDRESSES = ("ana@example.org", "Bo@example.org", None)


def group_with(count: int) -> GroupRecord:
    group = GroupRecord(1, "Tea", "tea", owner_id=1, created_at=AT, updated_at=AT)
    for number in range(count):
        group.add_pending(InvitationRecord(number, 1, 1, AT, AT, invitee_id=number))
    return group


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(ADDRESSES), st.booleans())), st.data())
def test_pending_invitations_are_found_by_age_and_by_person(
    steps: list[tuple[int, str | None, bool]], data: st.DataObject
) -> None:
    group, expected = group_with(0), dict[int, InvitationRecord]()
    for number, (person, address, ends_another) in enumerate(steps):
        invitation = InvitationRecord(number, 1, 1, AT, AT, invitee_id=person or None)
        invitation.email = address
        group.add_pending(invitation)
        expected[number] = invitation
        if data.draw(st.booleans(), label="look for a person"):
            group.oldest_pending([person])
        if ends_another:
            group.remove_pending(expected.pop(data.draw(st.sampled_from(list(expected)))))
    newest_first = list(reversed(expected.values()))
    for start in range(len(steps) + 2):
        for count in (0, 1, 3, len(steps)):
            assert group.newest_pending(start, count) == newest_first[start : start + count]
    for key in (1, 2, 3, "ana@example.org", "bo@example.org"):
        of_person = (
            each
            for each in expected.values()
            if key in {each.invitee_id, (each.email or "").lower()}
        )
        assert group.oldest_pending([key]) is next(of_person, None)


@pytest.mark.parametrize("start", [0, 500, 99_950, 100_000, 10**18])
def test_part_of_pending_invitations_reads_no_others(start: int) -> None:
    class Counted(dict[int, InvitationRecord]):
        reads = 0

        def __getitem__(self, number: int) -> InvitationRecord:
            self.reads += 1
            return super().__getitem__(number)

        def _refuse(self) -> object:
            raise AssertionError("every pending invitation is read")

        __iter__ = __reversed__ = values = items = keys = _refuse  # type: ignore[assignment]

    group = group_with(100_000)
    pending = group.pending = Counted(group.pending)
    part = group.newest_pending(start, 100)
    assert [each.id for each in part] == list(range(100_000))[::-1][start : start + 100]
    assert pending.reads == len(part)
