"""Lists with items that cannot be decoded, read from a sandbox that breaks them."""

import json
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import attrs
import pytest

from arena_groups import ArenaClient, DecodeError, Paginator
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.faults import BodyFault, SerializedResponse
from tests.support.clients import single
from tests.support.documents import STUDIO

SECRET = "ada@secret.example"


@attrs.frozen
class BrokenItems(BodyFault):
    """Some items of each page are broken, by ``breakage``."""

    breakage: Callable[[dict[str, Any]], object]
    chosen: Callable[[int], bool] = lambda place: place == 1

    def transform(self, serialized: SerializedResponse, body: bytes) -> SerializedResponse:
        document = json.loads(body)
        rows = document.get("data", [])
        for place, row in enumerate(rows):
            if self.chosen(place):
                rows[place] = self.breakage(row)
        body = json.dumps(document).encode().replace(b"NOT-UTF-8", b"\xff")
        return attrs.evolve(serialized, body=body)


def without_id(row: dict[str, Any]) -> object:
    return {name: value for name, value in row.items() if name != "id"}


def with_secrets(row: dict[str, Any]) -> object:
    return {**row, "created_at": SECRET, SECRET: SECRET, "type": [SECRET], "name": {SECRET: 1}}


BREAKAGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "null": lambda row: None,
    "text": lambda row: SECRET,
    "list": lambda row: [row],
    "id as text": lambda row: {**row, "id": "7"},
    "id missing": without_id,
    "type missing": lambda row: {**row, "type": None},
    "secrets": with_secrets,
    "id with a fraction": lambda row: {**row, "id": 1.5},
    "not UTF-8": lambda row: {**row, "type": "NOT-UTF-8"},
}
LISTS: dict[str, Callable[..., Paginator[Any]]] = {
    "members": lambda arena, **given: arena.groups.members(STUDIO, **given),
    "invitations": lambda arena, **given: arena.groups.invitations(STUDIO, **given),
    "contents": lambda arena, **given: arena.groups.contents(STUDIO, **given),
    "followers": lambda arena, **given: arena.groups.followers(STUDIO, **given),
    "users.groups": lambda arena, **given: arena.users.groups(1, **given),
}

each_list = pytest.mark.parametrize("name", LISTS)
each_concurrency = pytest.mark.parametrize("concurrency", [1, 4])


@pytest.fixture
async def arena(sandbox: Sandbox) -> AsyncIterator[ArenaClient]:
    async with single(sandbox.tokens.owner, base_url=sandbox.url) as arena:
        yield arena


async def read_unbroken(sandbox: Sandbox, name: str, **given: int) -> list[Any]:
    # A broken response has the ETag of the unbroken one, which another client must not know.
    async with single(sandbox.tokens.owner, base_url=sandbox.url) as other:
        return await LISTS[name](other, **given).collect()


@each_concurrency
@each_list
async def test_broken_items_are_left_out_logged_and_counted(
    sandbox: Sandbox,
    arena: ArenaClient,
    caplog: pytest.LogCaptureFixture,
    name: str,
    concurrency: int,
) -> None:
    whole = await read_unbroken(sandbox, name, per=3, limit=30)
    sandbox.faults.add(BrokenItems(lambda row: {**row, "id": str(row["id"])}))
    skipping = LISTS[name](arena, per=3, limit=20, concurrency=concurrency, on_decode_error="skip")
    found = await skipping.collect()
    expected = [item.id for place, item in enumerate(whole) if place % 3 != 1][:20]
    assert [item.id for item in found] == expected
    assert skipping.skipped >= len(range(1, min(len(whole), 28), 3))
    logged = [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]
    assert len(logged) == skipping.skipped
    assert all(
        "left out an item: data[1].id: expected integer, got string" in each for each in logged
    )
    assert (await skipping.collect()) == found
    assert len(logged) == skipping.skipped, "an item counts once"
    with pytest.raises(DecodeError, match=r"data\[1\]\.id"):
        await LISTS[name](arena, per=3, concurrency=concurrency).collect()


@each_list
@pytest.mark.parametrize("breakage", BREAKAGES)
async def test_item_that_is_broken_in_any_way_is_left_out(
    sandbox: Sandbox,
    arena: ArenaClient,
    caplog: pytest.LogCaptureFixture,
    name: str,
    breakage: str,
) -> None:
    first, broken, *others = await read_unbroken(sandbox, name, per=5, limit=5)
    sandbox.faults.add(BrokenItems(BREAKAGES[breakage]))
    skipping = LISTS[name](arena, per=5, on_decode_error="skip")
    page = await skipping
    assert [item.id for item in page.data] == [first.id, *(item.id for item in others)]
    assert broken not in page.data
    assert skipping.skipped == 1
    assert SECRET not in caplog.text
    assert (await skipping.first()) == first
    assert (await skipping.count()) == page.meta.total_count


@pytest.mark.parametrize("concurrency", [1, 4])
async def test_whole_pages_of_broken_items_do_not_end_the_list(
    sandbox: Sandbox, arena: ArenaClient, concurrency: int
) -> None:
    total = len(sandbox.pending_invitations(STUDIO))
    broken = sandbox.faults.add(
        BrokenItems(lambda row: {**row, "state": None}, lambda _: True),
        where=lambda request: request.query["page"] in {"1", "3", "4"},
    )
    skipping = arena.groups.invitations(
        STUDIO, per=50, concurrency=concurrency, on_decode_error="skip", confirm=True
    )
    assert len(await skipping.collect()) == total - 150
    assert skipping.skipped == 150
    assert broken.call_count == 3
    raw = [page async for page in skipping.pages()]
    assert sum(len(page.data) for page in raw) == total - 150


async def test_page_that_was_read_with_broken_items_is_not_reused_without(
    sandbox: Sandbox, arena: ArenaClient
) -> None:
    sandbox.faults.add(BrokenItems(lambda row: {**row, "name": None}))
    skipping = arena.groups.members(STUDIO, per=5, on_decode_error="skip")
    for _ in range(4):
        assert len((await skipping).data) == 4
        with pytest.raises(DecodeError, match=r"data\[1\]\.name"):
            await arena.groups.members(STUDIO, per=5)
    again = arena.groups.members(STUDIO, per=5, on_decode_error="skip")
    await again
    assert again.skipped == 1


@pytest.mark.parametrize(
    "transform",
    [
        lambda document: {**document, "data": None},
        lambda document: {**document, "meta": {**document["meta"], "total_count": "many"}},
        lambda document: {"data": document["data"]},
        lambda document: [document],
    ],
)
async def test_broken_envelope_raises_decode_error_all_the_same(
    sandbox: Sandbox, arena: ArenaClient, transform: Callable[[Any], object]
) -> None:
    @attrs.frozen
    class BrokenEnvelope(BodyFault):
        def transform(self, serialized: SerializedResponse, body: bytes) -> SerializedResponse:
            return attrs.evolve(serialized, body=json.dumps(transform(json.loads(body))).encode())

    sandbox.faults.add(BrokenEnvelope())
    skipping = arena.groups.members(STUDIO, on_decode_error="skip")
    with pytest.raises(DecodeError):
        await skipping.collect()
    assert skipping.skipped == 0
