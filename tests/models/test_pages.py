"""Pages of a list."""

from arena_groups import Content, Page
from tests.support import documents


def test_page_has_its_items_in_order(page: Page[Content]) -> None:
    assert [each.type for each in page.data] == [each["type"] for each in documents.contents()]


def test_only_page_promises_no_other(page: Page[Content]) -> None:
    assert (page.meta.current_page, page.meta.total_count) == (1, 8)
    assert not page.meta.has_more_pages
    assert page.meta.next_page is None
    assert page.meta.prev_page is None
