"""Links, and the kinds of objects."""

from typing import Any

import pytest

from arena_groups import (
    Channel,
    Group,
    GroupInvite,
    Me,
    RateLimit,
    ResourceType,
    TextBlock,
    UserTier,
    from_dict,
)
from tests.support import documents
from tests.support.shapes import MODELS

LINKED = [
    (Me, documents.me()),
    (Group, documents.group()),
    (GroupInvite, documents.invite()),
    (Channel, documents.channel()),
    (TextBlock, documents.block("Text", content=documents.markdown())),
]
linked = pytest.mark.parametrize(("kind", "document"), LINKED, ids=lambda each: str(each)[:30])


@linked
def test_links_are_those_of_the_document(kind: Any, document: dict[str, Any]) -> None:
    links = from_dict(kind, document).links
    assert {name: {"href": link.href} for name, link in links.items()} == document["_links"]
    assert links["self"].href.startswith("https://api.are.na/v3/")


@linked
def test_links_are_read_only(kind: Any, document: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="does not support item assignment"):
        from_dict(kind, document).links["self"] = None


def test_each_resource_type_but_block_has_a_model() -> None:
    kinds = {str(model.KIND) for model in MODELS if hasattr(model, "KIND")}
    assert kinds == set(ResourceType) - {"Block"}


def test_window_is_a_minute_if_it_is_not_reported() -> None:
    assert from_dict(RateLimit, {"limit": 30}) == RateLimit(limit=30, window=60)


def test_unknown_tier_is_kept() -> None:
    limit = from_dict(RateLimit, {"limit": 9, "tier": "patron"})
    assert isinstance(limit.tier, UserTier)
    assert limit.tier == "patron"
