"""JSON Schema validation, draft 2020-12, formats included."""

import json
import re
from collections.abc import Iterator
from typing import Final

from jsonschema import Draft202012Validator, FormatChecker, SchemaError, ValidationError

from tests.contract.document import JSON, Document, DocumentError, JSONObject, as_object

__all__ = ["FORMATS", "check_schemas", "unchecked_formats", "violations"]

# Schemas that any response may be compared with.
NEEDED: Final = ("Error", "RateLimitError", "UserTier")
NO_CHECK_NEEDED: Final = frozenset({"float", "double", "int32", "int64"})
# The check of the library only requires an @.
ADDRESS: Final = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")

FORMATS: Final = FormatChecker(formats=("date-time", "uri", "uuid"))


@FORMATS.checks("email")
def _is_address(value: object) -> bool:
    return not isinstance(value, str) or ADDRESS.fullmatch(value) is not None


def violations(document: Document, schema: JSONObject, value: JSON) -> Iterator[str]:
    """Yield one line for each violation of a schema by `value`, with its JSON path.

    The lines contain no values, because one may be a secret.
    """
    # References begin at the root, so the shared parts must be there.
    whole = {**schema, "components": document.components}
    validator = Draft202012Validator(whole, format_checker=FORMATS)
    errors: Iterator[ValidationError] = validator.iter_errors(value)  # pyright: ignore[reportUnknownMemberType]
    for error in errors:
        rule = json.dumps(error.validator_value)
        yield f"{error.json_path} breaks {error.validator} {_short(rule)}"


def check_schemas(document: Document) -> None:
    """Raise `DocumentError` unless the shared schemas exist and are valid themselves."""
    for name in NEEDED:
        if name not in document.schemas:
            raise DocumentError(f"there is no schema {name}")
    for name, schema in document.schemas.items():
        try:
            Draft202012Validator.check_schema(as_object(schema, name))
        except SchemaError as error:
            place = error.json_path
            raise DocumentError(f"the schema {name} is not valid at {place}") from error


def unchecked_formats(document: Document) -> frozenset[str]:
    """Return the formats in the document that `violations` does not check."""
    return frozenset(_formats(document.root)) - FORMATS.checkers.keys() - NO_CHECK_NEEDED


def _formats(node: JSON) -> Iterator[str]:
    if isinstance(node, list):
        for each in node:
            yield from _formats(each)
    elif isinstance(node, dict):
        if isinstance(node.get("type"), str | list) and "format" in node:
            yield _named(node["format"])
        for each in node.values():
            yield from _formats(each)


def _named(value: JSON) -> str:
    if not isinstance(value, str):
        raise DocumentError("a format is not a string")
    return value


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:77]}..."
