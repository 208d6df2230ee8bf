"""Table of operations, compared with the document."""

import re
from collections.abc import Iterable, Iterator, Sequence
from types import NoneType
from typing import Final

from arena_groups._api import Operation
from tests.contract.differences import Difference
from tests.contract.document import Document, DocumentedOperation
from tests.contract.models import ModelComparison
from tests.contract.schemas import property_names

__all__ = ["compare_operations", "match", "served", "wanted"]

TAG: Final = "Groups"
BESIDES: Final = frozenset(
    {
        "getPing",
        "getCurrentUser",
        "getUser",
        "getUserFollowers",
        "getUserFollowing",
        "getUserGroups",
    }
)
# Served by the sandbox for calls of any endpoint; the client has no method for them.
SERVED_BESIDES: Final = frozenset({"getChannel", "getChannelContents", "getMyNotifications"})
# Documented in prose, not in the security requirements.
MEMBERS_ONLY: Final = frozenset({"getCurrentUser"})
PLACE: Final = re.compile(r"\{([^}]*)\}")


def wanted(document: Document) -> list[DocumentedOperation]:
    """Return the operations of the document that a client for groups needs."""
    return [each for each in document.operations() if TAG in each.tags or each.id in BESIDES]


def served(document: Document) -> list[DocumentedOperation]:
    """Return the operations of the document that the sandbox serves."""
    others = (each for each in document.operations() if each.id in SERVED_BESIDES)
    return [*wanted(document), *others]


def match(
    document: Document, operations: Iterable[Operation[object]]
) -> list[tuple[Operation[object], DocumentedOperation]]:
    """Return the operations that both sides have, in pairs."""
    documented = {_address(each.method, each.path): each for each in document.operations()}
    pairs = [(each, documented.get(_address(each.method, each.route))) for each in operations]
    return [(known, found) for known, found in pairs if found is not None]


def compare_operations(
    document: Document, operations: Sequence[Operation[object]], models: ModelComparison
) -> Iterator[Difference]:
    """Yield the differences between a table of operations and the document, both ways."""
    pairs = match(document, operations)
    matched = {known.name for known, _ in pairs}
    for known in operations:
        if known.name not in matched:
            yield Difference(known.name, f"{known.method} {known.route} is not in the document")
    found = {str(documented) for _, documented in pairs}
    for documented in wanted(document):
        if str(documented) not in found:
            yield Difference(str(documented), "is in the document, not among the operations")
    for known, documented in pairs:
        yield from _compare(document, known, documented, models)


def _address(method: str, path: str) -> tuple[str, str]:
    return method, PLACE.sub("{}", path)


def _compare(
    document: Document,
    known: Operation[object],
    documented: DocumentedOperation,
    models: ModelComparison,
) -> Iterator[Difference]:
    name = known.name
    yield from _names(name, "query parameter", known.query, documented.query)
    yield from _names(name, "placeholder", PLACE.findall(known.route), documented.path_params)
    yield from _names(name, "other parameter", (), documented.other_parameters)
    yield from _names(name, "media type", (), documented.other_media)
    body = documented.body
    fields = property_names(document, body, f"the body of {documented}") if body else ()
    yield from _names(name, "body field", known.body, fields)
    yield from _token(known, documented)
    yield from _returns(known, documented, models)


def _names(
    operation: str, what: str, known: Iterable[str], documented: Iterable[str]
) -> Iterator[Difference]:
    for name in sorted(set(documented) - set(known)):
        yield Difference(operation, f"the {what} {name!r} is in the document, not in the code")
    for name in sorted(set(known) - set(documented)):
        yield Difference(operation, f"the {what} {name!r} is in the code, not in the document")


def _token(known: Operation[object], documented: DocumentedOperation) -> Iterator[Difference]:
    needed = not documented.guests or documented.id in MEMBERS_ONLY
    if needed and not known.needs_token:
        yield Difference(known.name, "needs a token in the document, not in the code")
    if known.needs_token and not needed:
        yield Difference(known.name, "needs a token in the code, not in the document")
    if documented.scopes and ("write" in documented.scopes) != known.writes:
        listed = " or ".join(sorted(documented.scopes))
        yield Difference(known.name, f"needs the scope {listed} in the document, not in the code")
    if needed and 401 not in documented.responses:
        yield Difference(known.name, "needs a token, but has no 401 in the document")


def _returns(
    known: Operation[object], documented: DocumentedOperation, models: ModelComparison
) -> Iterator[Difference]:
    if not documented.successes:
        yield Difference(known.name, "has no successful response in the document")
    for status, response in documented.successes.items():
        where = f"{known.name} {status}"
        if response.schema is None:
            if known.returns is not NoneType:
                yield Difference(where, "has no body in the document, one in the code")
        elif known.returns is NoneType:
            yield Difference(where, "has a body in the document, none in the code")
        else:
            yield from models.compare(where, response.schema, known.returns)
