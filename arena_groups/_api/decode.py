"""A response to a model, or to the error that it stands for.

msgspec decodes a body straight into the models. If msgspec refuses it, cattrs decodes it once
more and finds every issue (:mod:`arena_groups._api.issues`). Both give the same result for a
body that both accept. msgspec refuses unions of classes, so those fields are kept as raw JSON
until their ``type`` is known.
"""

from codecs import BOM_UTF8
from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache
from operator import attrgetter
from types import NoneType
from typing import Any, Final, TypeVar, cast, get_args, get_origin

import attrs
import msgspec

from arena_groups._api.edge import is_challenge
from arena_groups._api.json_data import DecodeFailure, parse_json
from arena_groups._api.request import Request
from arena_groups._api.response import RawResponse
from arena_groups._api.secrets import Credentials
from arena_groups._api.shapes import is_decodable, is_own
from arena_groups._api.status_errors import make_status_error
from arena_groups._types import JSONItem
from arena_groups.errors import DecodeError, DecodeIssue
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
    Links,
    Page,
    PendingBlock,
    TextBlock,
    UnknownContent,
    User,
)

__all__ = ["UNIONS", "Owner", "check_json", "decode", "owner_class", "parse_response"]

T = TypeVar("T")
Shape = Any  # a class, or what typing makes of one
Raw = bytes | msgspec.Raw
Decode = Callable[[Raw], Any]

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


class NotDecoded(Enum):
    """The type of :data:`NOT_DECODED`."""

    NOT_DECODED = "NOT_DECODED"


NOT_DECODED: Final = NotDecoded.NOT_DECODED


class _Typed(msgspec.Struct):
    type: str


_decoders: dict[object, Decode] = {}  # made at first use, as that takes a while
links_of: Callable[[object], Links] = attrgetter("_links")


def parse_response(request: Request[T], response: RawResponse, credentials: Credentials) -> T:
    """Return the model in a response, or raise the error that the response stands for.

    Raises the :class:`ArenaAPIError` of an error status, and :class:`DecodeError` if the body is
    not what the operation promises. ``credentials`` are those that the request was sent with. A
    challenge of the network edge is an error, even with the status of a success.
    """
    challenged = not response.body and is_challenge(response.headers)
    if challenged or not 200 <= response.status < 300:
        raise make_status_error(request, response, credentials)
    operation = request.operation
    try:
        if response.truncated:
            raise DecodeError(operation.name, [DecodeIssue("", "is larger than max_body allows")])
        if operation.returns is NoneType:
            if response.body:
                check_json(response.body, operation.name)  # a proxy's page does not mean success
            return cast("T", None)
        return decode(
            operation.returns, response.body, operation.name, skip_invalid=operation.skip_invalid
        )
    except DecodeError:
        if not is_challenge(response.headers):
            raise
    raise make_status_error(request, response, credentials)


def decode(returns: type[T], body: bytes, operation: str, *, skip_invalid: bool = False) -> T:
    """Turn a JSON ``body`` into ``returns`` (a model, or ``Page[model]``).

    With ``skip_invalid``, a page with items that cannot be decoded becomes a ``PartialPage``.
    Otherwise raises :class:`DecodeError` naming ``operation`` and every issue.
    """
    result = decode_msgspec(returns, body)
    if result is NOT_DECODED and body.startswith(BOM_UTF8):
        result = decode_msgspec(returns, body.removeprefix(BOM_UTF8))
    if result is not NOT_DECODED:
        return result
    from arena_groups._api import issues  # noqa: PLC0415 - cattrs loads slowly

    read = issues.decode_valid_items if skip_invalid else issues.decode_with_issues
    found = read(returns, body)
    del body  # an error's traceback must not hold what was in it
    if isinstance(found, DecodeFailure):
        raise DecodeError(operation, found.issues, invalid_json=found.invalid_json)
    return found


def check_json(body: bytes, operation: str) -> None:
    """Raise :class:`DecodeError` unless ``body`` is JSON, of whatever shape."""
    document = parse_json(body)
    del body
    if isinstance(document, DecodeFailure):
        raise DecodeError(operation, document.issues, invalid_json=document.invalid_json)


def decode_msgspec(returns: type[T], body: bytes) -> T | NotDecoded:
    """A JSON ``body`` as ``returns``, or :data:`NOT_DECODED` if anything at all is unusual."""
    try:
        found: T = (_decoders.get(returns) or _decoder_for(returns))(body)
    except Exception:  # noqa: BLE001 - the slow way finds out what it is
        return NOT_DECODED
    return found


def _decoder_for(shape: Shape) -> Decode:
    found = _decoders.get(shape)
    if found is None:
        found = _decoders[shape] = _new_decoder(shape)
    return found


def _new_decoder(shape: Shape) -> Decode:
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
        return _itemwise_page_decoder(_decode_json_item if item is JSONItem else _decoder_for(item))
    if not is_own(item) and not is_decodable(item):
        return _refuse
    read = _decoder(page)
    if not _has_links(item):
        return read

    def decode_page(body: Raw) -> Page[object]:
        found: Page[object] = read(body)
        for links in map(links_of, found.data):
            if "self" not in links:
                raise ValueError
        return found

    return decode_page


def _model_decoder(model: Shape) -> Decode:
    if model is UnknownContent:
        return _decode_unknown
    read = _channel_decoder() if model is Channel else _decoder(model)
    if not _has_links(model):
        return read

    def decode_model(body: Raw) -> object:
        found = read(body)
        if "self" not in links_of(found):
            raise ValueError
        return found

    return decode_model


def _has_links(model: Shape) -> bool:
    return attrs.has(model) and any(each.type is Links for each in attrs.fields(model))


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
        return _decoder_for(classes.get(_type_of(raw), UnknownContent))(raw)

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
    return cast("Owner", _decoder_for(owner_class(_type_of(raw)))(raw))


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
