"""Channels, their contents, and the notifications of a user."""

import base64
import binascii
import random
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from datetime import datetime, timedelta

import attrs

from arena_groups.sandbox import rendering, validation
from arena_groups.sandbox.backend import Backend
from arena_groups.sandbox.entities import (
    ChannelRecord,
    ConnectionRecord,
    GroupRecord,
    JSONObject,
)
from arena_groups.sandbox.notifications import notifications_of
from arena_groups.sandbox.operations import OperationCall
from arena_groups.sandbox.permissions import can_read, can_see_content
from arena_groups.sandbox.responses import (
    SandboxResponse,
    forbidden,
    invalid_parameter,
    not_found,
)
from arena_groups.sandbox.seed_data import add_channels, add_contents

CONTENT_SORTS = ("position_asc", "position_desc", *rendering.CONTENT_SORTS)


def get_channel(call: OperationCall) -> SandboxResponse:
    """Return a channel."""
    group, channel = _readable_channel(call)
    return SandboxResponse(200, call.renderer.content(group, channel))


def list_channel_contents(call: OperationCall) -> SandboxResponse:
    """Return the blocks and channels in a channel, by position, the last one first."""
    params = validation.page_request(call.query)
    order = _order(call.query)
    adder = validation.query_integer(call.query, "user_id")
    group, channel = _readable_channel(call)
    shown = [
        each
        for each in order(connections_of(call.backend, group, channel))
        if can_see_content(group, each.content, call.caller) and adder in {None, each.user_id}
    ]
    page, meta = rendering.page_of(shown, params)
    data = [call.renderer.connected(group, each) for each in page]
    return SandboxResponse(200, {"data": data, "meta": meta})


def list_notifications(call: OperationCall) -> SandboxResponse:
    """Return the caller's notifications, newest first, paged by a cursor."""
    caller = call.signed_in()
    limit = validation.query_integer(call.query, "limit")
    limit = 24 if limit is None else limit
    if not 1 <= limit <= validation.MAX_PER:
        raise invalid_parameter("limit", f"must be between 1 and {validation.MAX_PER}")
    unread = validation.choice(call.query, "unread", ("true", "false")) == "true"
    found = notifications_of(call.backend, call.renderer, caller)
    everything = [each for each in found if not (unread and each["is_read"])]
    older, newer = _position(call.query, "next", "older"), _position(call.query, "prev", "newer")
    # A cursor names a notification, so that those that come later move no page.
    if newer is not None:
        end = sum(_number(each) > newer for each in everything)
        start = max(end - limit, 0)
    else:
        start = 0 if older is None else sum(_number(each) >= older for each in everything)
        end = start + limit
    data = everything[start:end]
    more = end < len(everything)
    meta: JSONObject = {
        "limit": limit,
        "next_cursor": _cursor("older", data[-1]) if more and data else None,
        "prev_cursor": _cursor("newer", data[0]) if data else None,
        "has_more": more,
    }
    return SandboxResponse(200, {"meta": meta, "data": data})


def find_channel(backend: Backend, ref: str) -> tuple[GroupRecord, ChannelRecord] | None:
    """Return the channel with this id or slug, and the group that it belongs to."""
    for group in backend.groups.values():
        for channel in _channels(group):
            if ref in {channel.slug, str(channel.id)}:
                return group, channel
    return None


def connections_of(
    backend: Backend, group: GroupRecord, channel: ChannelRecord
) -> list[ConnectionRecord]:
    """Return the contents of a channel by position, created when they are first requested."""
    if channel.connections is None:
        channel.connections = _new_connections(backend, group, channel)
    return channel.connections


def _channels(group: GroupRecord) -> Iterator[ChannelRecord]:
    left = [each for each in group.contents if isinstance(each, ChannelRecord)]
    while left:
        channel = left.pop()
        yield channel
        contents = (each.content for each in channel.connections or ())
        left.extend(each for each in contents if isinstance(each, ChannelRecord))


def _readable_channel(call: OperationCall) -> tuple[GroupRecord, ChannelRecord]:
    found = find_channel(call.backend, call.path["id"])
    if found is None:
        raise not_found("channel")
    group, channel = found
    if not (can_read(group, call.caller) and can_see_content(group, channel, call.caller)):
        call.signed_in()
        raise forbidden("This channel is private.")
    return found


def _new_connections(
    backend: Backend, group: GroupRecord, channel: ChannelRecord
) -> list[ConnectionRecord]:
    """Return as many blocks and channels as the channel counts, the same for each backend."""
    rng = random.Random(channel.id)
    inner = attrs.evolve(group, contents=[])
    source = copy(backend)  # the same state, but contents take nothing from its randomness
    source.rng = rng
    add_contents(source, inner, channel.blocks, until=channel.updated_at, with_channels=False)
    add_channels(source, inner, channel.channels, until=channel.updated_at)
    rng.shuffle(inner.contents)
    return [
        ConnectionRecord(
            id=backend.next_id("connection"),
            content=content,
            position=position,
            user_id=rng.choice([group.owner_id, *group.members]),
            connected_at=content.created_at + timedelta(minutes=rng.randrange(60)),
            metadata={"note": "kept"} if position % 5 == 0 else None,
            pinned=position == 1,
            sparse=position % 3 == 0,
        )
        for position, content in enumerate(inner.contents, start=1)
    ]


def _order(
    query: Mapping[str, str],
) -> Callable[[list[ConnectionRecord]], list[ConnectionRecord]]:
    sort = validation.choice(query, "sort", CONTENT_SORTS) or "position_desc"
    field, direction = sort.rsplit("_", 1)

    def key(each: ConnectionRecord) -> tuple[datetime | int, int]:
        if field == "position":
            return each.position, each.id
        content = each.content
        return (content.created_at if field == "created_at" else content.updated_at), each.id

    return lambda items: sorted(items, key=key, reverse=direction == "desc")


def _cursor(direction: str, notification: JSONObject) -> str:
    return base64.urlsafe_b64encode(f"{direction} {notification['id']}".encode()).decode()


def _number(notification: JSONObject) -> int:
    number = notification["id"]
    return number if isinstance(number, int) else 0


def _position(query: Mapping[str, str], name: str, direction: str) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    try:
        found, _, position = base64.urlsafe_b64decode(text).decode().partition(" ")
        if found == direction and position.isdecimal():
            return int(position)
    except (binascii.Error, ValueError):
        pass
    raise invalid_parameter(name, "must be a cursor of this list")
