"""Channels, their contents, and notifications."""

from typing import Any

import pytest

from arena_groups.sandbox import Sandbox, Tokens
from tests.sandbox.api import Api, reads_only

NOTIFICATIONS = "/v3/me/notifications"


async def channels(http: Api, group: str = "research-studio") -> list[Any]:
    """Return the channels of a group that its owner sees."""
    token = http.sandbox.tokens.owner
    return await http.every_page(f"/v3/groups/{group}/contents?type=Channel", token)


async def biggest(http: Api) -> Any:
    """Return the public channel with the most contents."""
    public = [each for each in await channels(http) if each["visibility"] == "public"]
    return max(public, key=lambda each: each["counts"]["contents"])


@reads_only
async def test_channel_is_found_by_slug_and_id(http: Api, sandbox: Sandbox, tokens: Tokens) -> None:
    for listed in await channels(http):
        for ref in (listed["slug"], listed["id"]):
            reply = await http.send("GET", f"/v3/channels/{ref}", tokens.owner)
            assert reply.body == listed
        assert sandbox.channels[listed["slug"]] == listed["id"]


@reads_only
@pytest.mark.parametrize("path", ["/v3/channels/{}", "/v3/channels/{}/contents"])
async def test_private_channel_is_hidden_from_others(http: Api, tokens: Tokens, path: str) -> None:
    private = next(each for each in await channels(http) if each["visibility"] == "private")
    path = path.format(private["slug"])
    for token, status in ((tokens.owner, 200), (tokens.stranger, 403), (None, 401)):
        assert (await http.send("GET", path, token)).status == status


@reads_only
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_writes_of_channels_are_not_served(http: Api, tokens: Tokens, method: str) -> None:
    channel = await biggest(http)
    reply = await http.send(method, f"/v3/channels/{channel['id']}", tokens.owner)
    assert (reply.status, reply.message) == (
        404,
        "The sandbox does not serve this path of the API.",
    )


async def test_channel_holds_as_much_as_it_counts_the_same_each_time(
    http: Api, tokens: Tokens
) -> None:
    for channel in await channels(http):
        path = f"/v3/channels/{channel['slug']}/contents"
        contents = await http.every_page(path, tokens.owner)
        assert contents == await http.every_page(path, tokens.owner)
        counts = channel["counts"]
        nested = [each for each in contents if each["type"] == "Channel"]
        assert len(nested) <= counts["channels"]
        assert len(contents) <= counts["contents"]
        if counts["contents"] > 20:
            assert len(contents) > 0.5 * counts["contents"]  # the others are private
        for each in nested:
            reply = await http.send("GET", f"/v3/channels/{each['id']}", tokens.owner)
            assert reply.body["slug"] == each["slug"]
    every = [
        each["id"]
        for channel in await channels(http)
        for each in await http.every_page(
            f"/v3/channels/{channel['slug']}/contents?user_id=1", tokens.owner
        )
    ]
    assert len(every) == len(set(every))


@pytest.mark.parametrize(
    ("sort", "key"),
    [
        ("position", lambda each: each["connection"]["position"]),
        ("created_at", lambda each: each["created_at"]),
        ("updated_at", lambda each: each["updated_at"]),
    ],
)
async def test_contents_are_sorted(http: Api, tokens: Tokens, sort: str, key: Any) -> None:
    path = f"/v3/channels/{(await biggest(http))['id']}/contents"
    falling = await http.every_page(f"{path}?sort={sort}_desc", tokens.owner)
    rising = await http.every_page(f"{path}?sort={sort}_asc", tokens.owner)
    assert falling == rising[::-1]
    keys = [key(each) for each in rising]
    assert keys == sorted(keys)
    assert len(keys) > 20
    if sort == "position":
        assert falling == await http.every_page(path, tokens.owner)


async def test_contents_of_one_user_are_those_that_they_added(http: Api, tokens: Tokens) -> None:
    path = f"/v3/channels/{(await biggest(http))['id']}/contents"
    everything = await http.every_page(path, tokens.owner)
    adders = {
        each["connection"]["connected_by"]["id"]
        for each in everything
        if each["connection"]["connected_by"]
    }
    for adder in sorted(adders)[:3]:
        found = await http.every_page(f"{path}?user_id={adder}", tokens.owner)
        assert 0 < len(found) < len(everything)
        assert {(each["connection"]["connected_by"] or {"id": adder})["id"] for each in found} == {
            adder
        }


@reads_only
async def test_notifications_are_read_along_the_cursor(http: Api, tokens: Tokens) -> None:
    found, cursor = [], ""
    while True:
        page = (await http.send("GET", f"{NOTIFICATIONS}?limit=10{cursor}", tokens.owner)).body
        assert page["meta"]["limit"] == 10
        found += page["data"]
        if not page["meta"]["has_more"]:
            assert page["meta"]["next_cursor"] is None
            break
        cursor = f"&next={page['meta']['next_cursor']}"
    ids = [each["id"] for each in found]
    assert ids == sorted(set(ids), reverse=True)
    back = f"{NOTIFICATIONS}?limit=10&prev={page['meta']['prev_cursor']}"
    before = (await http.send("GET", back, tokens.owner)).body["data"]
    assert [each["id"] for each in before] == ids[20:30]
    me = (await http.send("GET", "/v3/me", tokens.owner)).body
    unread = (await http.send("GET", f"{NOTIFICATIONS}?unread=true", tokens.owner)).body["data"]
    assert (
        len(unread) == me["counts"]["notifications"] == sum(not each["is_read"] for each in found)
    )


async def test_addition_to_a_group_notifies_the_user_and_the_others_in_the_group(
    http: Api, sandbox: Sandbox, tokens: Tokens
) -> None:
    async def newest(token: str) -> Any:
        return (await http.send("GET", f"{NOTIFICATIONS}?limit=1", token)).body

    async def unread(token: str) -> Any:
        return (await http.send("GET", "/v3/me", token)).body["counts"]["notifications"]

    before = {token: await newest(token) for token in (tokens.owner, tokens.member)}
    counts = await unread(tokens.owner)
    fan = sandbox.add_user("Fan")
    sandbox.follow(fan, sandbox.users.member.id)
    path = "/v3/groups/research-studio/invitations"
    reply = await http.send("POST", path, tokens.member, body={"user_id": fan})
    assert reply.body["outcome"] == "added"
    for token in (tokens.owner, sandbox.token_for(fan)):
        (found,) = (await newest(token))["data"]
        assert found["kind"] == "added_user_to_group"
        assert found["actor"]["id"] == sandbox.users.member.id
        assert (found["item"]["type"], found["item"]["id"]) == ("User", fan)
        assert found["target"]["slug"] == "research-studio"
        assert (found["parent"], found["is_read"]) == (None, False)
    assert await newest(tokens.member) == before[tokens.member]
    assert await unread(tokens.owner) == counts + 1
    # The cursors of a page that was read before still lead on from there.
    known = before[tokens.owner]
    after = f"{NOTIFICATIONS}?limit=1&next={known['meta']['next_cursor']}"
    (second,) = (await http.send("GET", after, tokens.owner)).body["data"]
    assert second["id"] == known["data"][0]["id"] - 1
    back = f"{NOTIFICATIONS}?prev={known['meta']['prev_cursor']}"
    found = (await http.send("GET", back, tokens.owner)).body["data"]
    assert found == (await newest(tokens.owner))["data"]


async def test_notifications_of_a_deleted_group_are_gone(
    http: Api, sandbox: Sandbox, tokens: Tokens
) -> None:
    group = sandbox.add_group("Brief", owner=sandbox.users.member.id)
    sandbox.follow("ada-osei", sandbox.users.member.id)
    path = f"/v3/groups/{group}/invitations"
    await http.send("POST", path, tokens.member, body={"user_id": sandbox.users.owner.id})
    await http.send("DELETE", f"/v3/groups/{group}", tokens.member)
    me = (await http.send("GET", "/v3/me", tokens.owner)).body
    page = (await http.send("GET", f"{NOTIFICATIONS}?unread=true&limit=100", tokens.owner)).body
    assert len(page["data"]) == me["counts"]["notifications"]


@reads_only
@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=x",
        "next=x",
        "next=b2xkZXIgLTE=",
        "prev=b2xkZXIgMQ==",
        "next=%00",
        "unread=1",
    ],
)
async def test_invalid_query_of_notifications_is_refused(
    http: Api, tokens: Tokens, query: str
) -> None:
    assert (await http.send("GET", f"{NOTIFICATIONS}?{query}", tokens.owner)).status == 400
