"""JSON bytes straight into models, by msgspec: no plain data between, and no work per item.

msgspec refuses unions of classes, so what they hold is kept as raw JSON and read once its
``type`` is known. All that is taken here the slow way must take too, with the same result;
what is refused here may still be good.
"""

from collections.abc import Callable
from enum import Enum
from functools import cache
from operator import attrgetter
from typing import Any, Final, TypeVar, cast, get_args, get_origin

import attrs
import msgspec

from arena_groups._api.codec.faults import Faults
from arena_groups._api.codec.kinds import CONTENT_KINDS, Owner, owner_kind
from arena_groups._api.codec.later import structure
from arena_groups._api.codec.plain import parse
from arena_groups.models import Channel, Content, Links, Page, UnknownContent

__all__ = ["REFUSED", "Refused", "read_fast"]

T = TypeVar("T")
Shape = Any  # a class, or what typing makes of one
Raw = bytes | msgspec.Raw
Reader = Callable[[Raw], Any]


class Refused(Enum):
    """The type of :data:`REFUSED`."""

    REFUSED = "REFUSED"


REFUSED: Final = Refused.REFUSED

_readers: dict[object, Reader] = {}  # made at first use, as that takes a while
links_of: Callable[[object], Links] = attrgetter("_links")


class _Typed(msgspec.Struct):
    type: str


def read_fast(returns: type[T], body: bytes) -> T | Refused:
    """A JSON ``body`` as ``returns``, or :data:`REFUSED` if anything at all is unusual."""
    try:
        found: T = (_readers.get(returns) or _reader(returns))(body)
    except Exception:  # noqa: BLE001 - the slow way finds out what it is
        return REFUSED
    return found


def _reader(shape: Shape) -> Reader:
    found = _readers.get(shape)
    if found is None:
        found = _readers[shape] = _make_reader(shape)
    return found


def _make_reader(shape: Shape) -> Reader:
    origin: object = get_origin(shape)
    if shape == Page[Content]:
        return _contents_reader()
    if origin is Page:
        return _page_reader(shape)
    if attrs.has(shape):
        return _model_reader(shape)
    return _refuse


def _refuse(_: Raw) -> object:
    raise ValueError


def _decoder(shape: Shape) -> Reader:
    try:
        return msgspec.json.Decoder(shape).decode
    except TypeError:  # a shape that msgspec has no way to read
        return _refuse


def _page_reader(page: Shape) -> Reader:
    read = _decoder(page)
    if not _has_links(get_args(page)[0]):
        return read

    def read_page(body: Raw) -> Page[object]:
        found: Page[object] = read(body)
        for links in map(links_of, found.data):
            if "self" not in links:
                raise ValueError
        return found

    return read_page


def _model_reader(model: Shape) -> Reader:
    if model is UnknownContent:
        return _read_unknown
    read = _channel_reader() if model is Channel else _decoder(model)
    if not _has_links(model):
        return read

    def read_model(body: Raw) -> object:
        found = read(body)
        if "self" not in links_of(found):
            raise ValueError
        return found

    return read_model


def _has_links(model: Shape) -> bool:
    return attrs.has(model) and any(each.type is Links for each in attrs.fields(model))


def _contents_reader() -> Reader:
    read = msgspec.json.Decoder(Page[msgspec.Raw]).decode

    def read_contents(body: Raw) -> Page[Content]:
        found = read(body)
        return Page(data=[_read_content(each) for each in found.data], meta=found.meta)

    return read_contents


def _channel_reader() -> Reader:
    raw: dict[str, Shape] = {"owner": msgspec.Raw, "collaborators": list[msgspec.Raw] | None}
    fields = [
        (each.name, raw.get(each.name, each.type))
        if each.default is attrs.NOTHING
        else (each.name, raw.get(each.name, each.type), each.default)
        for each in attrs.fields(Channel)
    ]
    read = msgspec.json.Decoder(msgspec.defstruct("RawChannel", fields, kw_only=True)).decode

    def read_channel(body: Raw) -> Channel:
        values = msgspec.structs.asdict(read(body))
        values["links"] = values.pop("_links")
        values["owner"] = _read_owner(values["owner"])
        if values["collaborators"] is not None:
            values["collaborators"] = tuple(map(_read_owner, values["collaborators"]))
        return Channel(**values)

    return read_channel


def _read_owner(raw: msgspec.Raw) -> Owner:
    return cast("Owner", _reader(owner_kind(_type_of(raw)))(raw))


def _read_content(raw: msgspec.Raw) -> Content:
    return cast("Content", _reader(CONTENT_KINDS.get(_type_of(raw), UnknownContent))(raw))


def _read_unknown(raw: Raw) -> UnknownContent:
    document = parse(bytes(raw))
    found = document if isinstance(document, Faults) else structure(UnknownContent, document)
    if isinstance(found, Faults):
        raise ValueError
    return found


def _type_of(raw: msgspec.Raw) -> str:
    return _typed()(raw).type


@cache
def _typed() -> Callable[[msgspec.Raw], _Typed]:
    return msgspec.json.Decoder(_Typed).decode
