"""Random documents of a model, as the API sends them and as ``to_dict`` returns them."""

from datetime import UTC, datetime, timedelta, timezone
from types import UnionType
from typing import Any, NamedTuple, get_args

from hypothesis import strategies as st

from arena_groups._types import OpenEnum
from arena_groups.models import Links, MetadataValue, UnknownContent
from tests.support.shapes import MODELS, Field, Shape, fields, get_origin

Json = Any

KINDS = frozenset(str(model.KIND) for model in MODELS if hasattr(model, "KIND"))
NAMES = st.text(max_size=8)
json_values: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
unknown_fields = st.dictionaries(NAMES.map("x-{}".format), json_values, max_size=2)
offsets = st.just(UTC) | st.integers(-1439, 1439).map(lambda m: timezone(timedelta(minutes=m)))


class Both(NamedTuple):
    """Value as it is sent, and as ``to_dict`` returns it."""

    sent: Json
    kept: Json


def same(values: st.SearchStrategy[Json]) -> st.SearchStrategy[Both]:
    """Return values that ``to_dict`` returns as they were sent."""
    return values.map(lambda value: Both(value, value))


def written(moment: datetime) -> str:
    """Return a time as the API writes it."""
    text = moment.isoformat()
    return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text


moments = st.builds(
    lambda naive, offset: written(naive.replace(tzinfo=offset)), st.datetimes(), offsets
)
PLAIN: dict[Shape, st.SearchStrategy[Json]] = {
    str: NAMES,
    int: st.integers(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    object: json_values,
    datetime: moments,
    MetadataValue: NAMES
    | st.integers()
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False),
}


def values(shape: Shape) -> st.SearchStrategy[Both]:
    """Return values of a type."""
    if shape in PLAIN:
        return same(PLAIN[shape])
    if isinstance(shape, type) and issubclass(shape, OpenEnum):
        return same(st.sampled_from([str(member) for member in shape]) | NAMES)
    if shape is Links:
        return links()
    if isinstance(shape, UnionType):
        return st.one_of([documents(part) for part in get_args(shape)])
    if get_origin(shape) is list:
        return lists(get_args(shape)[0])
    if get_origin(shape) is dict:
        return dicts(values(get_args(shape)[1]))
    return documents(shape)


def lists(shape: Shape) -> st.SearchStrategy[Both]:
    """Return arrays of a type."""
    return st.lists(values(shape), max_size=3).map(
        lambda items: Both([item.sent for item in items], [item.kept for item in items])
    )


def dicts(inner: st.SearchStrategy[Both]) -> st.SearchStrategy[Both]:
    """Return objects whose values are all of one type."""
    return st.dictionaries(NAMES, inner, max_size=3).map(
        lambda found: Both(
            {name: value.sent for name, value in found.items()},
            {name: value.kept for name, value in found.items()},
        )
    )


@st.composite
def links(draw: st.DrawFn) -> Both:
    """Return links with ``self``."""
    names = draw(st.sets(NAMES, max_size=2)) | {"self"}
    kept = {name: {"href": draw(NAMES)} for name in sorted(names)}
    return Both({name: {**link, **draw(unknown_fields)} for name, link in kept.items()}, kept)


@st.composite
def documents(draw: st.DrawFn, model: Shape) -> Both:
    """Return objects of a model: optional fields absent, null, or present; unknown ones added."""
    if model is UnknownContent:
        return draw(unknown_contents())
    sent: dict[str, Json] = draw(unknown_fields)
    kept: dict[str, Json] = {}
    for field in fields(model):
        choices: list[st.SearchStrategy[Both | None]] = [values(field.shape)]
        if field.name == "type" and hasattr(model, "KIND"):
            choices = [st.just(Both(str(model.KIND), str(model.KIND)))]
        if field.nullable:
            choices.append(st.just(Both(None, None)))
        if not field.required:
            choices.append(st.just(None))
        _put(field, draw(st.one_of(choices)), sent, kept)
    return Both(sent, kept)


def _put(field: Field, value: Both | None, sent: dict[str, Json], kept: dict[str, Json]) -> None:
    if value is not None:
        sent[field.name] = value.sent
    found = field.default if value is None else value.kept
    if field.required or found is not None:
        kept[field.name] = found


@st.composite
def unknown_contents(draw: st.DrawFn) -> Both:
    """Return contents of unknown types."""
    document = draw(st.dictionaries(NAMES, json_values, max_size=3))
    document["id"] = draw(st.integers())
    document["type"] = draw(NAMES.filter(lambda name: name not in KINDS))
    return Both(document, document)
