"""Seeded contents: blocks of every kind, and channels, each with and without its optional parts."""

import random
import string
from collections.abc import Mapping
from datetime import datetime, timedelta

import attrs

from arena_groups.sandbox import lore
from arena_groups.sandbox.entities import Block, BlockKind, Channel, Group, JSONObject
from arena_groups.sandbox.state import World
from arena_groups.sandbox.text import markdown, slugify, timestamp

BLOCK_KINDS: tuple[BlockKind, ...] = ("Text", "Image", "Link", "Attachment", "Embed")

_CDN = "https://images.example.net"
_BLURHASH_LETTERS = string.digits + string.ascii_letters + "#$%*+,-.:;=?@[]^_{|}~"
_VISIBILITIES = ("public", "public", "public", "orphan", "public", "private")


@attrs.frozen
class Draft:
    """What a new block or channel is made from. The variant decides which parts it has."""

    world: World
    group: Group
    at: datetime
    until: datetime
    variant: int

    @property
    def rng(self) -> random.Random:
        """The world's dice."""
        return self.world.rng

    @property
    def sparse(self) -> bool:
        """Whether optional parts without a value are left out, for every third one."""
        return self.variant % 3 == 1

    def people(self) -> list[int]:
        """The owner and the members."""
        return [self.group.owner_id, *self.group.members]

    def updated_at(self) -> datetime:
        """Some time after it was made, but not after the last of the contents."""
        seconds = int((self.until - self.at).total_seconds())
        return self.at + timedelta(seconds=self.rng.randint(0, seconds))

    def remark(self) -> str | None:
        """A description, for every second one."""
        return self.rng.choice(lore.REMARKS) if self.variant % 2 == 0 else None

    def metadata(self) -> Mapping[str, str | float | bool] | None:
        """Custom keys and values of each type, for every fourth one."""
        if self.variant % 4 != 0:
            return None
        return {"status": "reviewed", "score": self.rng.randrange(100) / 100, "featured": True}


def add_contents(world: World, group: Group, count: int, *, until: datetime) -> None:
    """Give a group `count` more contents, of each kind in turn, the newest at `until`."""
    kinds_in_turn = len(BLOCK_KINDS) + 1
    for number in range(count):
        variant, turn = divmod(number, kinds_in_turn)
        at = until - timedelta(hours=7 * (count - 1 - number))
        draft = Draft(world, group, at, until, variant)
        if turn < len(BLOCK_KINDS):
            group.contents.append(_block(draft, BLOCK_KINDS[turn]))
        else:
            group.contents.append(_channel(draft))


def add_channels(world: World, group: Group, count: int, *, until: datetime) -> None:
    """Give a group `count` more channels, the newest at `until`."""
    for variant in range(count):
        at = until - timedelta(days=count - 1 - variant)
        group.contents.append(_channel(Draft(world, group, at, until, variant)))


def _channel(draft: Draft) -> Channel:
    rng, people = draft.rng, draft.people()
    title = rng.choice(lore.TITLES)
    return Channel(
        id=draft.world.next_id("channel"),
        slug=f"{slugify(title)}-{draft.world.random_suffix()}",
        title=title,
        created_at=draft.at,
        updated_at=draft.updated_at(),
        blocks=rng.randrange(400),
        channels=rng.randrange(12),
        owner_id=rng.choice(people) if draft.variant % 3 == 2 else None,
        collaborator_ids=tuple(rng.sample(people, k=min(len(people), rng.randrange(4)))),
        description=draft.remark(),
        visibility=("public", "closed", "public", "private")[draft.variant % 4],
        metadata=draft.metadata(),
        sparse=draft.sparse,
    )


def _block(draft: Draft, kind: BlockKind) -> Block:
    rng = draft.rng
    block_id = draft.world.next_id("block")
    title = rng.choice(lore.TITLES) if draft.variant % 5 else None
    return Block(
        id=block_id,
        kind=kind,
        user_id=rng.choice(draft.people()),
        created_at=draft.at,
        updated_at=draft.updated_at(),
        parts=_parts(draft, kind, block_id),
        title=title,
        description=draft.remark(),
        state=_state(draft, kind),
        visibility=_VISIBILITIES[draft.variant % len(_VISIBILITIES)],
        comment_count=rng.choice((0, 0, 0, 1, 2, 7)),
        metadata=draft.metadata(),
        source=_source(draft, kind, title),
        sparse=draft.sparse,
    )


def _state(draft: Draft, kind: BlockKind) -> str:
    if kind == "Link" and draft.variant % 5 == 4:
        return "failed"
    return "processing" if kind == "Attachment" and draft.variant % 5 == 3 else "available"


def _source(draft: Draft, kind: BlockKind, title: str | None) -> JSONObject | None:
    if kind not in {"Link", "Embed"} and draft.variant % 3 != 0:
        return None
    host = draft.rng.choice(lore.LINK_HOSTS)
    source: JSONObject = {"url": f"https://{host}/{draft.rng.randrange(10_000)}"}
    if draft.variant % 4 != 3:
        source |= {"title": title, "provider": {"name": host, "url": f"https://{host}"}}
    return source


def _parts(draft: Draft, kind: BlockKind, block_id: int) -> JSONObject:
    passage = draft.rng.choice(lore.PASSAGES)
    match kind:
        case "Text":
            return {"content": markdown(passage)}
        case "Image":
            return {"image": _image(draft, block_id)}
        case "Link":
            content = markdown(passage) if draft.variant % 2 else None
            return _without_gaps(draft, {"image": _preview(draft, block_id), "content": content})
        case "Attachment":
            image = _without_gaps(draft, {"image": _preview(draft, block_id)})
            return {"attachment": _attachment(draft, block_id), **image}
        case "Embed":
            image = _without_gaps(draft, {"image": _preview(draft, block_id)})
            return {"embed": _embed(draft), **image}


def _without_gaps(draft: Draft, parts: JSONObject) -> JSONObject:
    """Optional parts without a value: null, or in sparse blocks not there at all."""
    return {name: part for name, part in parts.items() if part is not None or not draft.sparse}


def _preview(draft: Draft, block_id: int) -> JSONObject | None:
    return _image(draft, block_id) if draft.variant % 4 < 2 else None


def _image(draft: Draft, block_id: int) -> JSONObject:
    width, height = draft.rng.choice(((1920, 1080), (1200, 1600), (800, 800)))
    versions: JSONObject = {
        name: _image_version(block_id, name, size, width / height)
        for name, size in (("small", 200), ("medium", 640), ("large", 1200), ("square", 400))
    }
    if draft.sparse:
        return versions
    return {
        "alt_text": draft.rng.choice((None, *lore.CAPTIONS)),
        "blurhash": _blurhash(draft.rng) if draft.variant % 2 == 0 else None,
        "width": width,
        "height": height,
        "src": f"{_CDN}/{block_id}/original.jpg",
        "aspect_ratio": round(width / height, 4),
        "content_type": "image/jpeg",
        "filename": f"scan-{block_id}.jpg",
        "file_size": draft.rng.randrange(20_000, 4_000_000),
        "updated_at": timestamp(draft.at),
        **versions,
    }


def _blurhash(rng: random.Random) -> str:
    # L stands for a grid of four by three, which takes 28 letters.
    return "L" + "".join(rng.choices(_BLURHASH_LETTERS, k=27))


def _image_version(block_id: int, name: str, width: int, ratio: float) -> JSONObject:
    return {
        "src": f"{_CDN}/{block_id}/{name}.jpg",
        "src_2x": f"{_CDN}/{block_id}/{name}@2x.jpg",
        "width": width,
        "height": width if name == "square" else round(width / ratio),
    }


def _attachment(draft: Draft, block_id: int) -> JSONObject:
    filename, content_type, extension = draft.rng.choice(lore.FILES)
    url: JSONObject = {"url": f"https://files.example.net/{block_id}/{filename}"}
    if draft.sparse:
        return url
    return {
        "filename": filename,
        "content_type": content_type,
        "file_size": draft.rng.randrange(1_000, 90_000_000) if draft.variant % 2 else None,
        "file_extension": extension,
        "updated_at": timestamp(draft.at),
        **url,
    }


def _embed(draft: Draft) -> JSONObject:
    number = draft.rng.randrange(100_000)
    page = f"https://video.example.com/watch/{number}"
    player = f"https://video.example.com/player/{number}"
    embed: JSONObject = {
        "url": player,
        "type": "video",
        "source_url": page,
        "html": f'<iframe src="{player}" width="640" height="360"></iframe>',
    }
    if draft.sparse:
        return embed
    return {
        **embed,
        "title": draft.rng.choice(lore.TITLES),
        "author_name": "Stairwell Radio" if draft.variant % 2 == 0 else None,
        "author_url": "https://video.example.com/stairwell-radio",
        "width": 640,
        "height": 360,
        "thumbnail_url": f"https://video.example.com/thumbnails/{number}.jpg",
    }
