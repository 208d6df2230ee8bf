"""Fields that all kinds of blocks have."""

import pytest

from arena_groups import (
    AttachmentBlock,
    Content,
    EmbedBlock,
    ImageBlock,
    LinkBlock,
    Page,
    PendingBlock,
    ResourceType,
    TextBlock,
    from_dict,
)
from tests.support import documents

BLOCKS = (TextBlock, ImageBlock, LinkBlock, AttachmentBlock, EmbedBlock, PendingBlock)


def test_each_kind_of_block_has_the_common_fields(page: Page[Content]) -> None:
    blocks = [each for each in page.data if isinstance(each, BLOCKS)]
    assert {type(block) for block in blocks} == set(BLOCKS)
    for block in blocks:
        assert block.base_type is ResourceType.BLOCK
        assert block.connection is not None
        assert block.connection.position == 3


@pytest.mark.parametrize("field", ["title", "description", "source", "connection", "can"])
def test_block_without_an_optional_field_has_none(field: str) -> None:
    document = documents.block("Text", content=documents.markdown())
    del document[field]
    assert getattr(from_dict(TextBlock, document), field) is None
