"""Small document, code that agrees with it, and functions that add differences."""

import copy
import json
from collections.abc import Sequence
from datetime import datetime
from types import NoneType
from typing import ClassVar, Final, cast

import attrs
from attrs import frozen

from arena_groups._api import Operation
from arena_groups._types import OpenEnum
from arena_groups.models import Links, MetadataValue, Page, ResourceType
from tests.contract.document import JSON, Document, DocumentedOperation, JSONObject
from tests.contract.models import ModelComparison
from tests.contract.operations import compare_operations


class Mood(OpenEnum):
    CALM = "calm"
    BUSY = "busy"


class Order(OpenEnum):
    UP = "up"
    DOWN = "down"


@frozen(kw_only=True)
class Keeper:
    KIND: ClassVar = ResourceType.USER

    id: int
    type: ResourceType
    nickname: str | None


@frozen(kw_only=True)
class Club:
    KIND: ClassVar = ResourceType.GROUP

    id: int
    type: ResourceType


@frozen(kw_only=True)
class Shelf:
    KIND: ClassVar = ResourceType.CHANNEL

    id: int
    type: ResourceType
    mood: Mood
    width: float
    open: bool
    opened_at: datetime
    labels: list[str]
    keeper: Keeper
    owner: Keeper | Club
    extra: dict[str, MetadataValue] | None = None
    note: str | None = None
    _links: Links


LIST_SHELVES: Operation[Page[Shelf]] = Operation(
    name="groups.shelves",
    method="GET",
    route="/shelves",
    result=lambda: Page[Shelf],
    query=("page", "sort"),
)
PUT_SHELF: Operation[Shelf] = Operation(
    name="groups.put_shelf",
    method="PUT",
    route="/shelves/{id}",
    result=lambda: Shelf,
    body=("title", "width"),
    needs_token=True,
)
DROP_SHELF: Operation[None] = Operation(
    name="groups.drop_shelf",
    method="DELETE",
    route="/shelves/{id}",
    result=lambda: NoneType,
    needs_token=True,
)
SHELVES: tuple[Operation[object], ...] = (LIST_SHELVES, PUT_SHELF, DROP_SHELF)


def ref(name: str) -> JSONObject:
    return {"$ref": f"#/components/schemas/{name}"}


def thing(required: list[JSON], **properties: JSON) -> JSONObject:
    return {"type": "object", "properties": properties, "required": required}


def response(schema: JSONObject) -> JSONObject:
    return {"description": "", "content": {"application/json": {"schema": schema}}}


def constant(value: str) -> JSONObject:
    return {"type": "string", "enum": [value]}


INTEGER: JSONObject = {"type": "integer"}
STRING: JSONObject = {"type": "string"}
ID: JSONObject = {"name": "id", "in": "path", "required": True, "schema": INTEGER}
TOKEN: list[JSON] = [{"Bearer": []}]


def small() -> JSONObject:
    """Return a document that agrees with `SHELVES`."""
    return {
        "openapi": "3.1.0",
        "security": [{"Bearer": []}, {}],
        "paths": {
            "/shelves": {
                "get": {
                    "operationId": "listShelves",
                    "tags": ["Groups"],
                    "parameters": [
                        {"name": "page", "in": "query", "schema": {**INTEGER, "minimum": 1}},
                        {"name": "sort", "in": "query", "schema": ref("Order")},
                    ],
                    "responses": {
                        "200": {
                            **response({"allOf": [ref("Shelves"), ref("Paged")]}),
                            "headers": {"X-Shelves": {"schema": STRING}},
                        },
                        "401": response(ref("Error")),
                        "429": response(ref("RateLimitError")),
                    },
                }
            },
            "/shelves/{id}": {
                "parameters": [ID],
                "put": {
                    "operationId": "putShelf",
                    "tags": ["Groups"],
                    "security": TOKEN,
                    "requestBody": {
                        "content": {
                            "application/json": {
                                "schema": {
                                    "oneOf": [
                                        {
                                            **thing(["title"], title=STRING),
                                            "not": {"required": ["width"]},
                                        },
                                        {
                                            **thing(["width"], width=INTEGER),
                                            "not": {"required": ["title"]},
                                        },
                                    ]
                                },
                                "examples": {
                                    "by title": {"value": {"title": "Maps"}},
                                    "by width": {"value": {"width": 90}},
                                },
                            }
                        }
                    },
                    "responses": {"200": response(ref("Shelf")), "401": response(ref("Error"))},
                },
                "delete": {
                    "operationId": "dropShelf",
                    "tags": ["Groups"],
                    "security": TOKEN,
                    "responses": {"204": {"description": ""}, "401": response(ref("Error"))},
                },
            },
            "/elsewhere": {
                "get": {"tags": ["Blocks"], "responses": {"200": {"description": ""}}},
            },
        },
        "components": {
            "schemas": {
                "Shelves": thing(["data"], data={"type": "array", "items": ref("Shelf")}),
                "Paged": thing(["meta"], meta=ref("Meta")),
                "Meta": thing(
                    [
                        "current_page",
                        "per_page",
                        "total_pages",
                        "total_count",
                        "has_more_pages",
                    ],
                    current_page=INTEGER,
                    per_page=INTEGER,
                    total_pages=INTEGER,
                    total_count=INTEGER,
                    has_more_pages={"type": "boolean"},
                    next_page={"type": ["integer", "null"]},
                    prev_page={"type": ["integer", "null"]},
                ),
                "Shelf": {
                    "allOf": [
                        thing(
                            ["id", "type", "mood", "width", "open"],
                            id=INTEGER,
                            type=constant("Channel"),
                            mood=ref("Mood"),
                            width={"type": "number"},
                            open={"type": "boolean"},
                            note={"type": ["string", "null"], "description": "Words."},
                        ),
                        thing(
                            ["opened_at", "labels", "keeper", "owner", "_links"],
                            opened_at={"type": "string", "format": "date-time"},
                            labels={"type": "array", "items": STRING},
                            keeper=ref("Keeper"),
                            owner={"oneOf": [ref("Keeper"), ref("Club")]},
                            extra={"oneOf": [ref("Extra"), {"type": "null"}]},
                            _links=ref("Links"),
                        ),
                    ]
                },
                "Keeper": thing(
                    ["id", "type", "nickname"],
                    id=INTEGER,
                    type=constant("User"),
                    nickname={"type": ["string", "null"]},
                ),
                "Club": thing(["id", "type"], id=INTEGER, type=constant("Group")),
                "Mood": {"type": "string", "enum": ["calm", "busy"]},
                "Order": {"type": "string", "enum": ["up", "down"]},
                "Extra": {
                    "type": "object",
                    "additionalProperties": {
                        "oneOf": [STRING, {"type": "number"}, {"type": "boolean"}]
                    },
                },
                "Links": {
                    **thing(["self"], self={**ref("Link"), "description": "Itself."}),
                    "additionalProperties": ref("Link"),
                },
                "Link": thing(["href"], href={"type": "string", "format": "uri"}),
                "UserTier": {"type": "string", "enum": ["guest", "free"]},
                "Error": thing(
                    ["error", "code"],
                    error=STRING,
                    code=INTEGER,
                    details=thing([], message=STRING),
                ),
                "RateLimitError": thing(
                    ["error"],
                    error=thing(
                        ["type", "message", "retry_after"],
                        type=STRING,
                        message=STRING,
                        retry_after=INTEGER,
                    ),
                ),
            }
        },
    }


GONE: Final = object()
"""In place of a value: nothing."""


def with_change(path: str, value: object) -> Document:
    """Return the small document with another value, or none, at a path of keys."""
    root = copy.deepcopy(small())
    *steps, last = path.split(" ")
    place: JSON = root
    for step in steps:
        place = _inside(place, step)
    parent = cast("JSONObject", place)
    if value is GONE:
        del parent[last]
    else:
        parent[last] = cast("JSON", value)
    return parsed(root)


def _inside(place: JSON, step: str) -> JSON:
    return place[int(step)] if isinstance(place, list) else cast("JSONObject", place)[step]


def parsed(root: JSONObject) -> Document:
    return Document.parse(json.dumps(root).encode())


def compared(document: Document, operations: Sequence[Operation[object]] = SHELVES) -> list[str]:
    models = ModelComparison(document)
    return [str(each) for each in compare_operations(document, operations, models)]


def operation(document: Document, name: str) -> DocumentedOperation:
    return next(each for each in document.operations() if each.id == name)


def renamed(model: type, old: str, new: str) -> type:
    """Return a copy of a model in which one field has another name."""
    fields = {
        (new if each.name == old else each.name): attrs.field(
            type=each.type, default=each.default, repr=each.repr, kw_only=True
        )
        for each in attrs.fields(model)
    }
    changed = attrs.make_class(model.__name__, fields, frozen=True)
    setattr(changed, "KIND", vars(model)["KIND"])  # noqa: B010 - a plain class has no such attribute
    # Not every supported release of attrs annotates the class.
    changed.__annotations__ = {each.name: each.type for each in attrs.fields(changed)}
    return changed
