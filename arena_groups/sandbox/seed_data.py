"""Seeded contents, and the made-up texts of seeded records."""

import random
import string
from collections.abc import Mapping
from datetime import datetime, timedelta

import attrs

from arena_groups.sandbox.backend import Backend
from arena_groups.sandbox.draws import slug_suffix
from arena_groups.sandbox.entities import (
    BlockKind,
    BlockRecord,
    ChannelRecord,
    GroupRecord,
    JSONObject,
)
from arena_groups.sandbox.names import slugify
from arena_groups.sandbox.rendering import markdown, timestamp

_FIRST_NAMES = (
    "Abena Adaeze Aiko Akira Alejandra Amara Amir Anahí Anders Anneke Anwar Aroha Astrid Ayşe "
    "Beatriz Bilal Birgit Bongani Camille Chiamaka Chinedu Ciarán Dalia Daniela Dmitri Ebele "
    "Eleni Elif Emeka Esther Farida Fatou Felix Freya Giulia Goran Greta Hana Haruki Ibrahim "
    "Ines Ingrid Isabel Jakub Jamila Javier Jelena Jin Joana Kalani Kamal Katarzyna Keiko "
    "Kofi Lakshmi Leila Linh Lucía Magnus Malik Mara Marisol Mateo Mei Mika Milena Mohan "
    "Moana Nadia Naledi Noor Nuno Oksana Olumide Paloma Pedro Priya Rafael Ravi Renée Rosa "
    "Saba Samir Sanna Sefa Simone Sinéad Soo-jin Søren Tamar Tariq Temperance Thabo Tomasz "
    "Uma Valentina Wanjiru Wiremu Xiomara Yara Yusuf Zainab Zofia Zuri"
)

_LAST_NAMES = (
    "Achebe Adeyemi Aguilar Akhtar Almeida Andersson Aoki Asante Baptiste Barzani Bauer "
    "Begum Berglund Bianchi Boateng Bondarenko Brandt Cáceres Castillo Chaudhry Chen Cohen "
    "Costa Dabrowski Delacroix Demir Diallo Dlamini Dubois Ekström Eriksen Farouk Fernández "
    "Fofana Fontaine Fujimoto Gallagher Ghosh Gómez Grünwald Gutiérrez Haddad Hakimi Hansen "
    "Hernández Horvat Hoàng Ibáñez Ivanova Jabari Jansen Kaplan Kariuki Keita Khalil Kim "
    "Kovács Kowalska Kruger Lefèvre Lindqvist Lopes Mahlangu Maguire Mokoena Mehta Mendes "
    "Mensah Morales Murakami Mwangi Nakamura Nasser Ncube Nguyễn Novák Ochoa Okafor Okonkwo "
    "Oliveira Onyango Özdemir Papadakis Park Patel Pereira Petrov Popescu Quispe Rahman "
    "Rangi Reyes Rossi Sahin Sato Schäfer Sharma Silva Sørensen Suleiman Szabó Takahashi "
    "Tanaka Tcherny Tesfaye Thapa Toivonen Trần Tupou Vargas Vasquez Visser Wójcik Wu "
    "Yamamoto Yilmaz Zamora Zhang Žižka"
)

FIRST_NAMES = tuple(_FIRST_NAMES.split())
LAST_NAMES = tuple(_LAST_NAMES.split())

BIOS = (
    "Designer and **slow reader**. Mostly collecting tools, maps and margins.",
    "Archivist of small things.\n\nWriting at [my notebook](https://notes.example.org/about).",
    "Teaches type, prints at night, grows beans.",
    "Sound, fields & *weather*.",
    "Librarian. I keep lists of lists <and lists of those>.",
    "Software for gardens; gardens for software.",
    "Interested in commons, bread, and bridges.",
    "Curator between cities. Ask me about *postcards*.",
)

GROUP_DESCRIPTION = (
    "Shared notes of a **loose research group**: tools for thought, libraries, gardens "
    "& the web's quieter corners.\n\n"
    "New here? Start with [the reading list](https://studio.example.org/reading-list)."
)

# Name, description, and numbers of channels, members and followers of the other groups.
OTHER_GROUPS: tuple[tuple[str, str | None, int, int, int], ...] = (
    ("Analog Weather", "Barometers, almanacs, *cloud diaries*.", 3, 6, 9),
    ("Cartographers' Lunch", None, 2, 4, 5),
    ("Paper & Pixel Press", "A **tiny press** run from a kitchen table.", 4, 8, 12),
    ("Soft Machines", "Textiles that compute, computers that fold.", 2, 3, 4),
    ("2024", "Everything that was kept from one year.", 1, 2, 3),
)

TITLES = (
    "A grammar of footpaths",
    "Notes on keeping notes",
    "Index cards, box 4",
    "Shelving for one-person libraries",
    "How to read a tide table",
    "Seed packets, 1962 to 1978",
    "Letters to a future maintainer",
    "The desk as landscape",
    "Small tools, long lives",
    "Marginalia & other weeds",
    "On folding maps",
    "Mending as method",
    "Night bus typography",
    "Ways of naming clouds",
    "The commons at low tide",
    "Interfaces made of wood",
    "Recipes <for> commons",
    "Slow web, warm web",
    "An atlas of waiting rooms",
    "Field recordings from a stairwell",
)

PASSAGES = (
    "A good index is a **second book**, written by somebody who has read the first one twice.",
    "Things to try:\n\nkeep the *ugly* draft;\nname the folder after the question.",
    "The path was never planned. People walked, & the grass agreed.",
    "In [the 1931 edition](https://library.example.org/maps?year=1931&sheet=7) the river is left.",
    "“If x < y and y < z, take the stairs.” (pencilled on a blueprint)",
    "We keep the window open so that the *archive* can hear the street.",
)

DESCRIPTIONS = (
    "Found in the reading room, second drawer.",
    "Came up twice this week. See also [the other list](https://lists.example.org/other).",
    "*Needs a better scan.*",
    "For the chapter on **maintenance**.",
)

CAPTIONS = (
    "A wall of index cards, sorted by colour",
    "Pencil drawing of a harbour at low tide",
    "Two chairs beside a stack of newspapers",
    "A hand-lettered sign above a green door",
)

LINK_HOSTS = ("library.example.org", "notes.example.com", "almanac.example.net")

FILES = (
    ("reading-list.pdf", "application/pdf", "pdf"),
    ("stairwell.wav", "audio/wav", "wav"),
    ("survey-results.csv", "text/csv", "csv"),
    ("zine-cover.ai", "application/postscript", "ai"),
)

BLOCK_KINDS: tuple[BlockKind, ...] = ("Text", "Image", "Link", "Attachment", "Embed")

_CDN = "https://images.example.net"
_BLURHASH_LETTERS = string.digits + string.ascii_letters + "#$%*+,-.:;=?@[]^_{|}~"
_VISIBILITIES = ("public", "public", "public", "orphan", "public", "private")


@attrs.frozen
class ContentSpec:
    """The position of a new block or channel. `variant` decides which parts it has."""

    backend: Backend
    group: GroupRecord
    at: datetime
    until: datetime
    variant: int

    @property
    def rng(self) -> random.Random:
        """The backend's source of randomness."""
        return self.backend.rng

    @property
    def sparse(self) -> bool:
        """Whether optional parts without a value are left out: every third."""
        return self.variant % 3 == 1

    def member_ids(self) -> list[int]:
        """Return the ids of the owner and the members."""
        return [self.group.owner_id, *self.group.members]

    def updated_at(self) -> datetime:
        """Return a time between the creation and the newest of the contents."""
        seconds = int((self.until - self.at).total_seconds())
        return self.at + timedelta(seconds=self.rng.randint(0, seconds))

    def description(self) -> str | None:
        """Return a description for every second variant."""
        return self.rng.choice(DESCRIPTIONS) if self.variant % 2 == 0 else None

    def metadata(self) -> Mapping[str, str | float | bool] | None:
        """Return custom keys with values of each type, for every fourth variant."""
        if self.variant % 4 != 0:
            return None
        return {"status": "reviewed", "score": self.rng.randrange(100) / 100, "featured": True}


def add_contents(
    backend: Backend,
    group: GroupRecord,
    count: int,
    *,
    until: datetime,
    with_channels: bool = True,
) -> None:
    """Add `count` contents to a group, of each kind in rotation, the newest at `until`."""
    rotation = len(BLOCK_KINDS) + with_channels
    for number in range(count):
        variant, position = divmod(number, rotation)
        at = until - timedelta(hours=7 * (count - 1 - number))
        spec = ContentSpec(backend, group, at, until, variant)
        if position < len(BLOCK_KINDS):
            group.contents.append(_block(spec, BLOCK_KINDS[position]))
        else:
            group.contents.append(_channel(spec))


def add_channels(backend: Backend, group: GroupRecord, count: int, *, until: datetime) -> None:
    """Add `count` channels to a group, the newest at `until`."""
    for variant in range(count):
        at = until - timedelta(days=count - 1 - variant)
        group.contents.append(_channel(ContentSpec(backend, group, at, until, variant)))


def _channel(spec: ContentSpec) -> ChannelRecord:
    rng, member_ids = spec.rng, spec.member_ids()
    title = rng.choice(TITLES)
    return ChannelRecord(
        id=spec.backend.next_id("channel"),
        slug=f"{slugify(title)}-{slug_suffix(spec.rng)}",
        title=title,
        created_at=spec.at,
        updated_at=spec.updated_at(),
        blocks=rng.randrange(400),
        channels=rng.randrange(12),
        owner_id=rng.choice(member_ids) if spec.variant % 3 == 2 else None,
        collaborator_ids=tuple(rng.sample(member_ids, k=min(len(member_ids), rng.randrange(4)))),
        description=spec.description(),
        visibility=("public", "closed", "public", "private")[spec.variant % 4],
        metadata=spec.metadata(),
        sparse=spec.sparse,
    )


def _block(spec: ContentSpec, kind: BlockKind) -> BlockRecord:
    rng = spec.rng
    block_id = spec.backend.next_id("block")
    title = rng.choice(TITLES) if spec.variant % 5 else None
    return BlockRecord(
        id=block_id,
        kind=kind,
        user_id=rng.choice(spec.member_ids()),
        created_at=spec.at,
        updated_at=spec.updated_at(),
        kind_fields=_kind_fields(spec, kind, block_id),
        title=title,
        description=spec.description(),
        state=_block_state(spec, kind),
        visibility=_VISIBILITIES[spec.variant % len(_VISIBILITIES)],
        comment_count=rng.choice((0, 0, 0, 1, 2, 7)),
        metadata=spec.metadata(),
        source=_source(spec, kind, title),
        sparse=spec.sparse,
    )


def _block_state(spec: ContentSpec, kind: BlockKind) -> str:
    if kind == "Link" and spec.variant % 5 == 4:
        return "failed"
    return "processing" if kind == "Attachment" and spec.variant % 5 == 3 else "available"


def _source(spec: ContentSpec, kind: BlockKind, title: str | None) -> JSONObject | None:
    if kind not in {"Link", "Embed"} and spec.variant % 3 != 0:
        return None
    host = spec.rng.choice(LINK_HOSTS)
    source: JSONObject = {"url": f"https://{host}/{spec.rng.randrange(10_000)}"}
    if spec.variant % 4 != 3:
        source |= {"title": title, "provider": {"name": host, "url": f"https://{host}"}}
    return source


def _kind_fields(spec: ContentSpec, kind: BlockKind, block_id: int) -> JSONObject:
    passage = spec.rng.choice(PASSAGES)
    match kind:
        case "Text":
            return {"content": markdown(passage)}
        case "Image":
            return {"image": _image(spec, block_id)}
        case "Link":
            content = markdown(passage) if spec.variant % 2 else None
            return _without_missing(spec, {"image": _preview(spec, block_id), "content": content})
        case "Attachment":
            image = _without_missing(spec, {"image": _preview(spec, block_id)})
            return {"attachment": _attachment(spec, block_id), **image}
        case "Embed":
            image = _without_missing(spec, {"image": _preview(spec, block_id)})
            return {"embed": _embed(spec), **image}


def _without_missing(spec: ContentSpec, kind_fields: JSONObject) -> JSONObject:
    """Return the parts; sparse blocks leave out those without a value."""
    return {name: part for name, part in kind_fields.items() if part is not None or not spec.sparse}


def _preview(spec: ContentSpec, block_id: int) -> JSONObject | None:
    return _image(spec, block_id) if spec.variant % 4 < 2 else None


def _image(spec: ContentSpec, block_id: int) -> JSONObject:
    width, height = spec.rng.choice(((1920, 1080), (1200, 1600), (800, 800)))
    versions: JSONObject = {
        name: _image_version(block_id, name, size, width / height)
        for name, size in (("small", 200), ("medium", 640), ("large", 1200), ("square", 400))
    }
    if spec.sparse:
        return versions
    return {
        "alt_text": spec.rng.choice((None, *CAPTIONS)),
        "blurhash": _blurhash(spec.rng) if spec.variant % 2 == 0 else None,
        "width": width,
        "height": height,
        "src": f"{_CDN}/{block_id}/original.jpg",
        "aspect_ratio": round(width / height, 4),
        "content_type": "image/jpeg",
        "filename": f"scan-{block_id}.jpg",
        "file_size": spec.rng.randrange(20_000, 4_000_000),
        "updated_at": timestamp(spec.at),
        **versions,
    }


def _blurhash(rng: random.Random) -> str:
    # "L" means a grid of four by three, which takes 28 characters.
    return "L" + "".join(rng.choices(_BLURHASH_LETTERS, k=27))


def _image_version(block_id: int, name: str, width: int, ratio: float) -> JSONObject:
    return {
        "src": f"{_CDN}/{block_id}/{name}.jpg",
        "src_2x": f"{_CDN}/{block_id}/{name}@2x.jpg",
        "width": width,
        "height": width if name == "square" else round(width / ratio),
    }


def _attachment(spec: ContentSpec, block_id: int) -> JSONObject:
    filename, content_type, extension = spec.rng.choice(FILES)
    url: JSONObject = {"url": f"https://files.example.net/{block_id}/{filename}"}
    if spec.sparse:
        return url
    return {
        "filename": filename,
        "content_type": content_type,
        "file_size": spec.rng.randrange(1_000, 90_000_000) if spec.variant % 2 else None,
        "file_extension": extension,
        "updated_at": timestamp(spec.at),
        **url,
    }


def _embed(spec: ContentSpec) -> JSONObject:
    number = spec.rng.randrange(100_000)
    page = f"https://video.example.com/watch/{number}"
    player = f"https://video.example.com/player/{number}"
    embed: JSONObject = {
        "url": player,
        "type": "video",
        "source_url": page,
        "html": f'<iframe src="{player}" width="640" height="360"></iframe>',
    }
    if spec.sparse:
        return embed
    return {
        **embed,
        "title": spec.rng.choice(TITLES),
        "author_name": "Stairwell Radio" if spec.variant % 2 == 0 else None,
        "author_url": "https://video.example.com/stairwell-radio",
        "width": 640,
        "height": 360,
        "thumbnail_url": f"https://video.example.com/thumbnails/{number}.jpg",
    }
