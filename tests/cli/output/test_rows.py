"""Rows: outcomes of single calls, and titles of contents."""

import pytest

from arena_groups import (
    AttachmentBlock,
    Channel,
    Content,
    EmbedBlock,
    ImageBlock,
    LinkBlock,
    PendingBlock,
    ResourceType,
    TextBlock,
    UnknownContent,
    from_dict,
)
from arena_groups.cli.output.rows import title_of, url_of
from arena_groups.cli.output.views import CONTENTS
from tests.support import documents

BLOCKS: dict[str, tuple[type[Content], dict[str, object]]] = {
    "Text": (TextBlock, {"content": documents.markdown()}),
    "Image": (ImageBlock, {"image": documents.image()}),
    "Link": (LinkBlock, {}),
    "Attachment": (AttachmentBlock, {"attachment": documents.attachment()}),
    "Embed": (EmbedBlock, {"embed": documents.embed()}),
    "PendingBlock": (PendingBlock, {}),
}


def block_of(kind: str, title: str | None) -> Content:
    model, more = BLOCKS[kind]
    return from_dict(model, documents.block(kind, title=title, **more))


@pytest.mark.parametrize("kind", BLOCKS)
def test_title_of_content_with_title_returns_it(kind: str) -> None:
    assert title_of(block_of(kind, "Tides")) == "Tides"


@pytest.mark.parametrize("kind", BLOCKS)
def test_title_of_content_without_title_falls_back(kind: str) -> None:
    block = block_of(kind, None)
    assert bool(title_of(block)) is (kind != "PendingBlock")
    assert bool(url_of(block)) is (kind not in {"Text", "PendingBlock"})


def test_channel_of_a_group_has_no_author() -> None:
    owner = documents.embedded_group()
    channel = from_dict(Channel, documents.channel(owner=owner))
    by = {column.title: column.cell for column in CONTENTS.table}["BY"]
    assert by(channel) is None
    assert title_of(channel) == channel.title


@pytest.mark.parametrize(("title", "shown"), [("Novel", "Novel"), (7, ""), (None, "")])
def test_title_of_unknown_content_is_its_title_or_empty(title: object, shown: str) -> None:
    unknown = UnknownContent(id=3, type=ResourceType("Hologram"), data={"title": title})
    assert title_of(unknown) == shown
    assert url_of(unknown) is None
    cells = [column.cell(unknown) for column in CONTENTS.table]
    assert cells == [3, "Hologram", shown, None, None]
