"""Records of an outbox: read as they were written, and reported if they are damaged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena_groups import StoreError
from arena_groups.webhooks.records import PAGE, Cursor, OutboxEntry, OutboxIndex, page_of
from tests.support.webhooks import event


@pytest.mark.parametrize(
    "records", [{"tail/7": "x"}, {"tail/7": "1", "cursor/one/7": "nonsense", "endpoint/one": "0 "}]
)
def test_damaged_index_is_reported(records: dict[str, str]) -> None:
    index = OutboxIndex()
    index.load({"endpoint/one": "0 x", **records})
    with pytest.raises(StoreError, match="damaged"):
        index.waiting("one")


@given(
    position=st.integers(0, 10**12),
    since=st.none() | st.integers(0, 2**33).map(float),
    failure=st.sampled_from(["", "503 Service Unavailable", "no connection (x)"]),
)
def test_cursor_is_read_as_written(position: int, since: float | None, failure: str) -> None:
    cursor = Cursor(position, since, failure)
    assert Cursor.read(cursor.text) == cursor


def test_entry_is_read_as_written() -> None:
    entry = OutboxEntry.of(5, event(1), 1700000000.25)
    assert OutboxEntry.read(5, entry.record) == entry
    assert entry.event == event(1)
    assert "person-1" not in repr(entry)


def test_waiting_events_are_counted_by_endpoint_and_group() -> None:
    index = OutboxIndex()
    index.load({"endpoint/one": "0 https://one.example", "tail/7": "5 key-5", "tail/8": "2 key-2"})
    index.apply({"cursor/one/7": Cursor(3).text, "cursor/one/8": Cursor(2).text})
    assert index.waiting("one") == {7: 2}
    assert index.waiting("unknown") == {}
    assert index.last_key(7) == "key-5"
    assert (index.passed(7), index.passed(8)) == (3, 2)
    index.apply({"tail/9": "1 key-1", "endpoint/two": "0 https://two.example"})
    assert index.waiting("two") == {7: 5, 8: 2, 9: 1}
    assert (index.passed(7), index.passed(9)) == (0, 0)


def test_number_of_namespaces_is_limited() -> None:
    assert len({page_of(position) for position in range(0, 10**7, PAGE)}) == 1000
    assert len({page_of(position) for position in range(PAGE)}) == 1
