"""Operations on contents and followers."""

from typing import Any
from urllib.parse import urlsplit

import pytest

from arena_groups.sandbox import Sandbox, Tokens
from tests.sandbox.api import Api, reads_only

CONTENTS = "/v3/groups/research-studio/contents"
FOLLOWERS = "/v3/groups/research-studio/followers"
KINDS = ("Text", "Image", "Link", "Attachment", "Embed", "Channel")
OWN_PART = {"Text": "content", "Image": "image", "Attachment": "attachment", "Embed": "embed"}


@pytest.fixture
async def contents(http: Api) -> list[Any]:
    """Return the contents that a guest sees."""
    return await http.every_page(CONTENTS)


@reads_only
def test_contents_hold_every_type(contents: list[Any]) -> None:
    kinds = [content["type"] for content in contents]
    assert set(kinds) == set(KINDS)
    assert all(kinds.count(kind) >= 5 for kind in KINDS)


@reads_only
def test_block_has_required_fields_of_its_type(contents: list[Any]) -> None:
    for content in contents:
        if content["type"] != "Channel":
            assert content["base_type"] == "Block"
            assert content.get(OWN_PART.get(content["type"], "type"))


@reads_only
@pytest.mark.parametrize("part", ["title", "description", "metadata", "source"])
def test_optional_field_is_set_null_or_absent(contents: list[Any], part: str) -> None:
    blocks = [content for content in contents if content["type"] != "Channel"]
    assert any(block.get(part) is not None for block in blocks)
    assert any(part in block and block[part] is None for block in blocks)
    assert any(part not in block for block in blocks)


@reads_only
@pytest.mark.parametrize("kind", ["Link", "Attachment", "Embed"])
def test_block_image_is_optional(contents: list[Any], kind: str) -> None:
    blocks = [content for content in contents if content["type"] == kind]
    assert any(block.get("image") for block in blocks)
    assert any(not block.get("image") for block in blocks)


@reads_only
def test_channel_owner_is_user_or_group(contents: list[Any]) -> None:
    channels = [content for content in contents if content["type"] == "Channel"]
    assert {channel["owner"]["type"] for channel in channels} == {"User", "Group"}
    collaborators = [each for channel in channels for each in channel.get("collaborators", ())]
    assert {each["type"] for each in collaborators} == {"User", "Group"}


@reads_only
def test_block_and_channel_ids_overlap(contents: list[Any]) -> None:
    ids = [content["id"] for content in contents]
    pairs = [(content["type"] == "Channel", content["id"]) for content in contents]
    assert len(set(pairs)) == len(pairs)
    assert len(set(ids)) < len(ids)


@reads_only
async def test_private_contents_are_visible_to_members_only(
    http: Api, tokens: Tokens, contents: list[Any]
) -> None:
    assert all(content["visibility"] != "private" for content in contents)
    inside = await http.every_page(CONTENTS, tokens.member)
    assert len(inside) > len(contents)
    assert {each["type"] for each in inside if each["visibility"] == "private"} > {"Channel"}
    assert (await http.get(CONTENTS, tokens.stranger)).meta["total_count"] == len(contents)


@reads_only
async def test_contents_permissions_depend_on_caller(http: Api, tokens: Tokens) -> None:
    async def abilities(token: str | None) -> list[bool]:
        found = await http.every_page(CONTENTS, token)
        return [each for content in found for each in content.get("can", {}).values()]

    owner = await abilities(tokens.owner)
    assert any(owner) and not all(owner)  # noqa: PT018 - some but not all
    assert not any(await abilities(None))
    stranger = await abilities(tokens.stranger)
    assert any(stranger) and not all(stranger)  # noqa: PT018 - some but not all


@reads_only
@pytest.mark.parametrize("kind", KINDS)
async def test_contents_type_parameter_filters(http: Api, contents: list[Any], kind: str) -> None:
    found = await http.every_page(f"{CONTENTS}?type={kind}")
    assert found == [content for content in contents if content["type"] == kind]


@reads_only
async def test_contents_type_block_excludes_channels(http: Api, contents: list[Any]) -> None:
    found = await http.every_page(f"{CONTENTS}?type=Block")
    assert found == [content for content in contents if content["type"] != "Channel"]


@reads_only
async def test_source_provider_name_is_host(contents: list[Any]) -> None:
    sources = [block["source"] for block in contents if block.get("source")]
    providers = [source["provider"] for source in sources if "provider" in source]
    assert providers
    for provider in providers:
        assert provider["name"] == urlsplit(provider["url"]).hostname


@reads_only
async def test_contents_default_order_is_newest_first(contents: list[Any]) -> None:
    times = [content["created_at"] for content in contents]
    assert times == sorted(times, reverse=True)


@reads_only
@pytest.mark.parametrize("field", ["created_at", "updated_at"])
async def test_contents_sort_parameter_orders(http: Api, field: str) -> None:
    rising = await http.every_page(f"{CONTENTS}?sort={field}_asc")
    falling = await http.every_page(f"{CONTENTS}?sort={field}_desc")
    times = [content[field] for content in rising]
    assert times == sorted(times)
    assert falling == rising[::-1]


async def test_followers_sort_parameter_orders(http: Api, sandbox: Sandbox) -> None:
    newcomers = sandbox.add_followers("research-studio", 3)
    followers = await http.every_page(FOLLOWERS, per=11)
    assert [each["id"] for each in followers[:3]] == newcomers[::-1]
    assert all(each["type"] == "User" and "counts" in each for each in followers)
    assert all("email" not in each for each in followers)
    rising = await http.every_page(f"{FOLLOWERS}?sort=created_at_asc")
    assert rising == followers[::-1]
    assert await http.every_page(f"{FOLLOWERS}?sort=created_at_desc") == followers
