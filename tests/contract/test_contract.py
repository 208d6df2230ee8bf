"""Added differences in models and operations are reported, and nothing else."""

import attrs
import pytest
from msgspec.structs import replace

from arena_groups._api import Operation
from arena_groups.models import Page
from tests.contract.models import ModelComparison
from tests.contract.operations import compare_operations
from tests.contract.small_document import (
    DROP_SHELF,
    GONE,
    ID,
    INTEGER,
    LIST_SHELVES,
    PUT_SHELF,
    SHELVES,
    STRING,
    TOKEN,
    Keeper,
    Shelf,
    compared,
    constant,
    parsed,
    ref,
    renamed,
    response,
    small,
    thing,
    with_change,
)


def test_agreeing_code_and_document_have_no_difference() -> None:
    assert compared(parsed(small())) == []


SHELF = "components schemas Shelf allOf 0"
MORE_SHELF = "components schemas Shelf allOf 1"


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        pytest.param(
            f"{SHELF} properties colour",
            STRING,
            ["Shelf.colour: is in the document, not in the class"],
            id="a field more",
        ),
        pytest.param(
            f"{SHELF} properties note",
            GONE,
            ["Shelf.note: is in the class, not in the document"],
            id="a field less",
        ),
        pytest.param(
            f"{SHELF} required",
            ["id", "type", "mood", "width"],
            ["Shelf.open: may be absent in the document, has no default in the class"],
            id="no longer required",
        ),
        pytest.param(
            f"{SHELF} required",
            ["id", "type", "mood", "width", "open", "note"],
            [
                "Shelf.note: is required in the document, has a default in the class",
            ],
            id="required by now",
        ),
        pytest.param(
            f"{SHELF} properties open",
            {"type": ["boolean", "null"]},
            ["Shelf.open: may be null in the document, not in the class"],
            id="nullable",
        ),
        pytest.param(
            "components schemas Keeper properties nickname",
            STRING,
            ["Keeper.nickname: may be null in the class, not in the document"],
            id="not nullable",
        ),
        pytest.param(
            f"{MORE_SHELF} properties keeper",
            {"oneOf": [ref("Keeper"), {"type": "null"}]},
            ["Shelf.keeper: may be null in the document, not in the class"],
            id="nullable by choice",
        ),
        pytest.param(
            f"{SHELF} properties width",
            INTEGER,
            ["Shelf.width: is integer in the document, number in the code"],
            id="another type",
        ),
        pytest.param(
            f"{SHELF} properties note",
            {"type": ["string", "integer", "null"]},
            ["Shelf.note: is integer or string in the document, string in the code"],
            id="a type more",
        ),
        pytest.param(
            f"{SHELF} properties note",
            {},
            ["Shelf.note: is anything in the document, string in the code"],
            id="any type",
        ),
        pytest.param(
            f"{MORE_SHELF} properties opened_at",
            STRING,
            ["Shelf.opened_at: is a date and time in the code, any string in the document"],
            id="no date and time",
        ),
        pytest.param(
            f"{SHELF} properties note",
            {"type": ["string", "null"], "format": "date-time"},
            ["Shelf.note: is a date and time in the document, str in the code"],
            id="a date and time",
        ),
        pytest.param(
            f"{MORE_SHELF} properties labels items",
            INTEGER,
            ["Shelf.labels[]: is integer in the document, string in the code"],
            id="other items",
        ),
        pytest.param(
            f"{MORE_SHELF} properties labels",
            STRING,
            ["Shelf.labels: is string in the document, array in the code"],
            id="no array",
        ),
        pytest.param(
            "components schemas Mood enum",
            ["calm", "busy", "wild"],
            ["Shelf.mood: 'wild' is in the document, not in Mood"],
            id="an enum value more",
        ),
        pytest.param(
            "components schemas Mood enum",
            ["calm"],
            ["Shelf.mood: 'busy' is in Mood, not in the document"],
            id="an enum value less",
        ),
        pytest.param(
            "components schemas Mood",
            STRING,
            ["Shelf.mood: is one of busy or calm in the code only"],
            id="no enum",
        ),
        pytest.param(
            f"{SHELF} properties note",
            {"type": ["string", "null"], "enum": ["a", "b", None]},
            ["Shelf.note: is one of a or b in the document only"],
            id="an enum",
        ),
        pytest.param(
            f"{SHELF} properties type",
            constant("Rack"),
            ["Shelf.type: is Rack in the document, Channel in the code"],
            id="another kind",
        ),
        pytest.param(
            f"{SHELF} properties type",
            {"const": "Rack", "type": "string"},
            ["Shelf.type: is Rack in the document, Channel in the code"],
            id="another constant",
        ),
        pytest.param(
            f"{MORE_SHELF} properties owner",
            ref("Club"),
            ["Shelf.owner: may be a User in the code, not in the document"],
            id="a variant less",
        ),
        pytest.param(
            f"{MORE_SHELF} properties keeper",
            {"oneOf": [ref("Keeper"), ref("Club")]},
            ["Shelf.keeper: may be a Group in the document, not in the code"],
            id="a variant more",
        ),
        pytest.param(
            "components schemas Link properties href",
            INTEGER,
            ["Link.href: is integer in the document, string in the code"],
            id="within a map",
        ),
        pytest.param(
            "components schemas Links required",
            [],
            ["Shelf._links: may be empty in the document, not for the codec"],
            id="a map that may be empty",
        ),
        pytest.param(
            "components schemas Extra required",
            ["self"],
            ["Shelf.extra: always has self in the document, not for the codec"],
            id="a map with a key that must be there",
        ),
        pytest.param(
            f"{MORE_SHELF} properties extra",
            {"oneOf": [thing([], status=STRING), {"type": "null"}]},
            ["Shelf.extra: has named fields in the document, any names in the code"],
            id="no map",
        ),
        pytest.param(
            f"{MORE_SHELF} properties keeper",
            ref("Links"),
            ["Keeper: has any names in the document, named fields in the code"],
            id="a map",
        ),
        pytest.param(
            f"{MORE_SHELF} properties keeper",
            STRING,
            ["Shelf.keeper: is string in the document, an object in the code"],
            id="no object",
        ),
        pytest.param(
            "components schemas Meta properties per_page",
            GONE,
            ["PageMeta.per_page: is in the class, not in the document"],
            id="within a page",
        ),
        pytest.param(
            "paths /elsewhere get tags",
            ["Groups"],
            ["GET /elsewhere: is in the document, not among the operations"],
            id="an operation more",
        ),
        pytest.param(
            "paths /elsewhere get operationId",
            "getPing",
            ["GET /elsewhere: is in the document, not among the operations"],
            id="an operation more, without the tag",
        ),
        pytest.param(
            "paths /shelves/{id} delete",
            GONE,
            ["groups.drop_shelf: DELETE /shelves/{id} is not in the document"],
            id="an operation less",
        ),
        pytest.param(
            "paths /shelves get parameters",
            [{"name": name, "in": "query", "schema": STRING} for name in ("page", "sort", "per")],
            ["groups.shelves: the query parameter 'per' is in the document, not in the code"],
            id="a query parameter more",
        ),
        pytest.param(
            "paths /shelves get parameters",
            [{"name": "page", "in": "query", "schema": INTEGER}],
            ["groups.shelves: the query parameter 'sort' is in the code, not in the document"],
            id="a query parameter less",
        ),
        pytest.param(
            "paths /shelves/{id} delete parameters",
            [{"name": "X", "in": "header", "schema": STRING}],
            [
                (
                    "groups.drop_shelf: the other parameter 'header X' "
                    "is in the document, not in the code"
                )
            ],
            id="a header parameter",
        ),
        pytest.param(
            "paths /shelves/{id} parameters",
            [{**ID, "name": "shelf"}],
            [
                f"groups.{name}: the placeholder {placeholder}"
                for name in ("put_shelf", "drop_shelf")
                for placeholder in (
                    "'shelf' is in the document, not in the code",
                    "'id' is in the code, not in the document",
                )
            ],
            id="another placeholder",
        ),
        pytest.param(
            "paths /shelves/{id} put requestBody content application/json schema oneOf 0 "
            "properties colour",
            STRING,
            ["groups.put_shelf: the body field 'colour' is in the document, not in the code"],
            id="a body field more",
        ),
        pytest.param(
            "paths /shelves/{id} put requestBody content application/json schema oneOf 1 "
            "properties width",
            GONE,
            ["groups.put_shelf: the body field 'width' is in the code, not in the document"],
            id="a body field less",
        ),
        pytest.param(
            "paths /shelves/{id} put requestBody content text/plain",
            {"schema": STRING},
            ["groups.put_shelf: the media type 'text/plain' is in the document, not in the code"],
            id="another media type",
        ),
        pytest.param(
            "paths /shelves/{id} put security",
            [*TOKEN, {}],
            ["groups.put_shelf: needs a token in the code, not in the document"],
            id="guests are let in",
        ),
        pytest.param(
            "paths /shelves get security",
            TOKEN,
            ["groups.shelves: needs a token in the document, not in the code"],
            id="guests are kept out",
        ),
        pytest.param(
            "paths /shelves/{id} put security",
            [{"OAuth2": ["read"]}],
            ["groups.put_shelf: needs the scope read in the document, not in the code"],
            id="another scope",
        ),
        pytest.param(
            "paths /shelves/{id} delete responses",
            {"204": {"description": ""}},
            ["groups.drop_shelf: needs a token, but has no 401 in the document"],
            id="kept out without a word",
        ),
        pytest.param(
            "paths /shelves/{id} delete responses 200",
            response(ref("Shelf")),
            ["groups.drop_shelf 200: has a body in the document, none in the code"],
            id="a body more",
        ),
        pytest.param(
            "paths /shelves/{id} put responses 204",
            {"description": ""},
            ["groups.put_shelf 204: has no body in the document, one in the code"],
            id="a body less",
        ),
        pytest.param(
            "paths /shelves/{id} put responses 201",
            response(ref("Link")),
            [
                "Shelf.href: is in the document, not in the class",
                *(
                    f"Shelf.{name}: is in the class, not in the document"
                    for name in sorted(attrs.fields_dict(Shelf))
                ),
            ],
            id="another object",
        ),
        pytest.param(
            "paths /shelves/{id} delete responses",
            {"401": response(ref("Error"))},
            ["groups.drop_shelf: has no successful response in the document"],
            id="no success",
        ),
    ],
)
def test_change_in_the_document_is_reported(path: str, value: object, expected: list[str]) -> None:
    assert compared(with_change(path, value)) == expected


LIST_KEEPERS: Operation[object] = Operation(
    name="groups.shelves",
    method="GET",
    route="/shelves",
    result=lambda: Page[Keeper],
    query=("page", "sort"),
)


def in_place_of(known: Operation[object], other: Operation[object]) -> list[Operation[object]]:
    return [other if each is known else each for each in SHELVES]


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        pytest.param(
            in_place_of(
                PUT_SHELF, replace(PUT_SHELF, result=lambda: renamed(Shelf, "labels", "tags"))
            ),
            [
                "Shelf.labels: is in the document, not in the class",
                "Shelf.tags: is in the class, not in the document",
            ],
            id="a field renamed",
        ),
        pytest.param(
            in_place_of(LIST_SHELVES, LIST_KEEPERS),
            [
                *(
                    f"Keeper.{name}: is in the document, not in the class"
                    for name in sorted(attrs.fields_dict(Shelf).keys() - {"id", "type"})
                ),
                "Keeper.nickname: is in the class, not in the document",
                "Keeper.type: is Channel in the document, User in the code",
            ],
            id="another model",
        ),
        pytest.param(
            in_place_of(LIST_SHELVES, replace(LIST_SHELVES, query=("page", "sort", "per"))),
            ["groups.shelves: the query parameter 'per' is in the code, not in the document"],
            id="a query parameter more",
        ),
        pytest.param(
            in_place_of(PUT_SHELF, replace(PUT_SHELF, body=("title",))),
            ["groups.put_shelf: the body field 'width' is in the document, not in the code"],
            id="a body field less",
        ),
        pytest.param(
            in_place_of(DROP_SHELF, replace(DROP_SHELF, route="/shelves/{slug}")),
            [
                "groups.drop_shelf: the placeholder 'id' is in the document, not in the code",
                "groups.drop_shelf: the placeholder 'slug' is in the code, not in the document",
            ],
            id="another placeholder",
        ),
        pytest.param(
            in_place_of(DROP_SHELF, replace(DROP_SHELF, method="POST")),
            [
                "groups.drop_shelf: POST /shelves/{id} is not in the document",
                "DELETE /shelves/{id}: is in the document, not among the operations",
            ],
            id="another method",
        ),
        pytest.param(
            in_place_of(DROP_SHELF, replace(DROP_SHELF, needs_token=False)),
            ["groups.drop_shelf: needs a token in the document, not in the code"],
            id="no token",
        ),
        pytest.param(
            [LIST_SHELVES, PUT_SHELF],
            ["DELETE /shelves/{id}: is in the document, not among the operations"],
            id="an operation less",
        ),
    ],
)
def test_change_in_the_code_is_reported(
    operations: list[Operation[object]], expected: list[str]
) -> None:
    assert compared(parsed(small()), operations) == expected


def test_types_that_the_document_does_not_have_are_reported() -> None:
    models = ModelComparison(parsed(small()))
    assert list(compare_operations(parsed(small()), SHELVES, models)) == []
    unmet = {each.where for each in models.unmet_kinds()}
    assert "ResourceType.EMBED" in unmet
    assert not unmet & {"ResourceType.USER", "ResourceType.GROUP", "ResourceType.CHANNEL"}
