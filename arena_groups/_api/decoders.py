"""Decoders of what msgspec does not read by itself as the models demand.

msgspec refuses unions of classes, so those fields are kept as raw JSON until their ``type`` is
known. Types of a caller are decoded if they are as strict as the models.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import cast, get_args, get_origin

import attrs
import msgspec

from arena_groups._api.decode import Decode, Raw, Shape, checking_links, decoder_for
from arena_groups._api.json_data import DecodeFailure
from arena_groups._api.shapes import is_decodable, is_own
from arena_groups._types import JSONItem
from arena_groups.models import (
    AttachmentBlock,
    Channel,
    Content,
    EmbedBlock,
    EmbeddedGroup,
    EmbeddedUser,
    Followable,
    Group,
    ImageBlock,
    LinkBlock,
    Page,
    PendingBlock,
    TextBlock,
    UnknownContent,
    User,
)

__all__ = ["UNIONS", "Owner", "new_decoder", "owner_class"]

Owner = EmbeddedUser | EmbeddedGroup

CONTENT_CLASSES: Mapping[str, type] = {
    kind.KIND: kind
    for kind in (
        TextBlock,
        ImageBlock,
        LinkBlock,
        AttachmentBlock,
        EmbedBlock,
        PendingBlock,
        Channel,
    )
}

FOLLOWABLE_CLASSES: Mapping[str, type] = {kind.KIND: kind for kind in (User, Channel, Group)}
UNIONS: Mapping[Shape, Mapping[str, type]] = {
    Content: CONTENT_CLASSES,
    Followable: FOLLOWABLE_CLASSES,
}
"""Unions of items in a list, each with its classes by ``type``."""


def owner_class(kind: str) -> type[Owner]:
    """Return the class of an owner; an unknown type is decoded as a user."""
    return EmbeddedGroup if kind == EmbeddedGroup.KIND else EmbeddedUser


class _Typed(msgspec.Struct):
    type: str


def new_decoder(shape: Shape) -> Decode:
    """Return a function that decodes JSON into any type. It raises an error if that fails."""
    origin: object = get_origin(shape)
    if shape is object:
        return _decode_anything
    classes = UNIONS.get(shape)
    if classes is not None:
        return _union_decoder(classes)
    if origin is Page:
        return _page_decoder(shape)
    if attrs.has(shape) and is_own(shape):
        return _model_decoder(shape)
    return _decoder(shape) if is_decodable(shape) else _refuse


def _decode_anything(body: Raw) -> object:
    return msgspec.json.decode(body) if body else None


def _refuse(_: Raw) -> object:
    raise ValueError


def _decoder(shape: Shape) -> Decode:
    try:
        return msgspec.json.Decoder(shape).decode
    except TypeError:  # a shape that msgspec has no way to read
        return _refuse


def _page_decoder(page: Shape) -> Decode:
    item = get_args(page)[0]
    if item in UNIONS or item in {Channel, JSONItem}:
        return _itemwise_page_decoder(_decode_json_item if item is JSONItem else decoder_for(item))
    if not is_own(item) and not is_decodable(item):
        return _refuse
    return checking_links(_decoder(page), page, item)


def _model_decoder(model: Shape) -> Decode:
    if model is UnknownContent:
        return _decode_unknown
    read = _channel_decoder() if model is Channel else _decoder(model)
    return checking_links(read, model, model)


def _itemwise_page_decoder(decode_item: Decode) -> Decode:
    read = msgspec.json.Decoder(Page[msgspec.Raw]).decode

    def decode_page(body: Raw) -> Page[object]:
        found = read(body)
        return Page(data=[decode_item(each) for each in found.data], meta=found.meta)

    return decode_page


def _decode_json_item(raw: Raw) -> JSONItem:
    item = JSONItem(msgspec.json.decode(raw))
    if type(item["type"]) is not str or type(item["id"]) is not int:
        raise ValueError
    return item


def _union_decoder(classes: Mapping[str, type]) -> Decode:
    def decode_item(raw: Raw) -> object:
        return decoder_for(classes.get(_type_of(raw), UnknownContent))(raw)

    return decode_item


def _channel_decoder() -> Decode:
    raw: dict[str, Shape] = {"owner": msgspec.Raw, "collaborators": list[msgspec.Raw] | None}
    fields = [
        (each.name, raw.get(each.name, each.type))
        if each.default is attrs.NOTHING
        else (each.name, raw.get(each.name, each.type), each.default)
        for each in attrs.fields(Channel)
    ]
    read = msgspec.json.Decoder(msgspec.defstruct("RawChannel", fields, kw_only=True)).decode

    def decode_channel(body: Raw) -> Channel:
        values = msgspec.structs.asdict(read(body))
        values["links"] = values.pop("_links")
        values["owner"] = _decode_owner(values["owner"])
        if values["collaborators"] is not None:
            values["collaborators"] = tuple(map(_decode_owner, values["collaborators"]))
        return Channel(**values)

    return decode_channel


def _decode_owner(raw: msgspec.Raw) -> Owner:
    return cast("Owner", decoder_for(owner_class(_type_of(raw)))(raw))


def _decode_unknown(raw: Raw) -> UnknownContent:
    from arena_groups._api.issues import decode_with_issues  # noqa: PLC0415 - cattrs loads slowly

    found = decode_with_issues(UnknownContent, bytes(raw))
    if isinstance(found, DecodeFailure):
        raise ValueError
    return found


def _type_of(raw: Raw) -> str:
    return _typed()(raw).type


@cache
def _typed() -> Callable[[Raw], _Typed]:
    return msgspec.json.Decoder(_Typed).decode
