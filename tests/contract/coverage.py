"""Coverage of the exchanges: outcomes, and optional parts, present and absent."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from tests.contract.differences import Difference
from tests.contract.document import JSON, Document, DocumentedOperation, JSONObject
from tests.contract.responses import Exchange, body_of
from tests.contract.schemas import Schema, resolve

__all__ = ["ABSENT", "NULL", "VALUE", "Outcome", "Parts", "compare_outcomes"]

VALUE: Final = "a value"
NULL: Final = "null"
ABSENT: Final = "nothing"

Outcome = tuple[str, int]


def compare_outcomes(
    operations: Iterable[DocumentedOperation],
    exchanges: Collection[Exchange],
    excused: Collection[Outcome],
) -> Iterator[Difference]:
    """Yield documented outcomes that never occurred, and exceptions that are obsolete."""
    came_up = {(each.method, each.path, each.status) for each in exchanges}
    for operation in operations:
        for status in operation.responses:
            met = (operation.method, operation.path, status) in came_up
            if met == ((operation.id, status) in excused):
                problem = "came up, and is excused" if met else "never occurred"
                yield Difference(f"{operation} {status}", problem)


class Parts:
    """Record of the parts of bodies: present, absent, or null.

    Parts are named after the schema and the property.
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        self._wanted: dict[str, frozenset[str]] = {}
        self._met: defaultdict[str, set[str]] = defaultdict(set)
        self._undocumented: set[str] = set()
        self._schemas: dict[int, tuple[JSONObject, Schema]] = {}

    def note(self, raw: JSONObject, exchange: Exchange) -> None:
        """Record the parts of a valid response's body."""
        self._value(raw, body_of(exchange), "body")

    def undocumented(self) -> Iterator[Difference]:
        """Yield parts that the server sends and the document does not have."""
        for name in sorted(self._undocumented):
            yield Difference(name, "is sent, but not in the document")

    def one_sided(self, excused: Mapping[str, Collection[str]]) -> Iterator[Difference]:
        """Yield optional parts that were never present, or never absent."""
        for name, wanted in sorted(self._wanted.items()):
            missing = _missing(wanted, self._met[name])
            for state in sorted(missing - set(excused.get(name, ()))):
                yield Difference(name, f"never is {state} in any answer")

    def _value(self, raw: JSONObject, value: JSON, name: str) -> None:
        name = _component(raw) or name
        schema = self._resolve(raw, name)
        if schema.variants and value is not None:
            self._variant(schema, value, name)
        elif isinstance(value, list):
            for each in value:
                self._value(schema.items or {}, each, f"{name}[]")
        elif isinstance(value, dict):
            self._object(schema, value, name)
        elif isinstance(value, str) and schema.values is not None:
            self._want(name, schema.values, value)

    def _variant(self, schema: Schema, value: JSON, name: str) -> None:
        names = filter(None, map(_component, schema.variants))
        for raw in schema.variants:
            if self._fits(raw, value):
                self._want(name, names, _component(raw))
                self._value(raw, value, name)

    def _fits(self, raw: JSONObject, value: JSON) -> bool:
        schema = self._resolve(raw, "a variant")
        if not isinstance(value, dict) or "object" not in schema.value_types:
            return isinstance(value, list) and "array" in schema.value_types
        kinds = self._resolve(schema.properties.get("type", {}), "type").values
        return kinds is None or value.get("type") in kinds

    def _object(self, schema: Schema, value: JSONObject, name: str) -> None:
        if schema.is_map or schema.others is True:
            return
        unknown = value.keys() - schema.properties
        self._undocumented |= {f"{name}.{each}" for each in unknown if schema.properties}
        for key, raw in schema.properties.items():
            part = f"{name}.{key}"
            required = key in schema.required
            nullable = self._resolve(raw, part).nullable
            wanted = {VALUE} if required and not nullable else {VALUE, NULL if required else ABSENT}
            self._want(part, wanted, _state(value, key))
            if value.get(key) is not None:
                self._value(raw, value[key], part)

    def _resolve(self, raw: JSONObject, what: str) -> Schema:
        # The schema itself is kept as well, so that its id is not reused.
        kept = self._schemas.get(id(raw))
        if kept is None:
            kept = self._schemas[id(raw)] = (raw, resolve(self._document, raw, what))
        return kept[1]

    def _want(self, name: str, states: Iterable[str], met: str) -> None:
        self._wanted[name] = self._wanted.get(name, frozenset()) | frozenset(states)
        self._met[name].add(met)


def _state(value: JSONObject, key: str) -> str:
    if key not in value:
        return ABSENT
    return NULL if value[key] is None else VALUE


def _missing(wanted: frozenset[str], met: set[str]) -> set[str]:
    # An optional part may be absent or null: one of the two is enough.
    missing = set(wanted - met)
    return missing - {ABSENT} if NULL in met else missing


def _component(raw: JSONObject) -> str:
    """Return the name of the shared schema that this refers to, nullable or not."""
    variants = raw.get("oneOf", [])
    references = [raw, *(variants if isinstance(variants, list) else [])]
    names = [each["$ref"] for each in references if isinstance(each, dict) and "$ref" in each]
    return str(names[0]).rpartition("/")[2] if len(names) == 1 else ""
