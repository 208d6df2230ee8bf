"""Arguments and requests of the client's methods, compared with the document.

The methods are called with a session that only records requests. Each request must be valid by
the document, and together they must use all parameters and body fields that it has.
"""

import re
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from typing import Final, TypeVar, cast, get_type_hints

from arena_groups._api import Operation, Request
from arena_groups._http import Session
from arena_groups._resources.groups import GroupsResource
from arena_groups._resources.users import UsersResource
from arena_groups.models import Page, PageMeta
from tests.contract.annotations import Annotation, members, name_of
from tests.contract.differences import Difference
from tests.contract.document import JSON, Document, DocumentedOperation, JSONObject
from tests.contract.models import compare_values, enum_values
from tests.contract.schemas import property_names, resolve
from tests.contract.validation import violations

__all__ = [
    "compare_choice",
    "compare_parameters",
    "compare_range",
    "compare_requests",
    "record",
]

T = TypeVar("T")
Arguments = Mapping[str, object]
Method = Callable[..., Awaitable[object]]

GROUP: Final[Arguments] = {"group": "research-studio"}
PAGING: Final[Arguments] = {"per": 7, "start_page": 3}
FIELDS: Final[Arguments] = {
    "name": "Research Studio",
    "description": "Notes in *Markdown*",
    "avatar_url": "https://images.example.net/a.jpg",
}
# Calls of each method that use each of its arguments at least once.
CALLS: Final[Mapping[str, Sequence[Arguments]]] = {
    "users.get": [{"user": "ada-osei"}, {"user": 1}],
    "users.followers": [{"user": "ada-osei", "sort": "created_at_asc", **PAGING}],
    "users.following": [
        {"user": "ada-osei", "sort": "created_at_asc", "type": "Channel", **PAGING}
    ],
    "users.groups": [{"user": "ada-osei", "sort": "name_asc", **PAGING}],
    "groups.get": [GROUP, {"group": 1001}],
    "groups.create": [{"name": "Research Studio"}, FIELDS],
    "groups.update": [GROUP, {**GROUP, **FIELDS}, {**GROUP, "description": None}],
    "groups.delete": [GROUP],
    "groups.members": [{**GROUP, **PAGING}],
    "groups.join": [{**GROUP, "invite_token": "abc123"}],
    "groups.leave": [GROUP],
    "groups.remove_member": [{**GROUP, "user": 12}],
    "groups.invitations": [{**GROUP, **PAGING}],
    "groups.invite": [{**GROUP, "email": "ada@example.org"}, {**GROUP, "user_id": 12}],
    "groups.revoke_invitation": [{**GROUP, "invitation": 50001}],
    "groups.invite_code": [GROUP],
    "groups.create_invite_code": [GROUP],
    "groups.delete_invite_code": [GROUP],
    "groups.contents": [{**GROUP, **PAGING, "sort": "updated_at_asc", "type": "Image"}],
    "groups.followers": [{**GROUP, **PAGING, "sort": "created_at_asc"}],
}
KEYWORDS: Final[Mapping[str, str]] = {"page": "start_page"}
FAR_AWAY: Final = 10**9
EMPTY_PAGE: Final[Page[object]] = Page(
    data=[],
    meta=PageMeta(current_page=1, per_page=100, total_pages=0, total_count=0, has_more_pages=False),
)


class Recorder:
    """Session that records requests and sends none."""

    def __init__(self) -> None:
        self.requests: list[Request[object]] = []

    async def send(self, request: Request[T]) -> T:
        """Record a request."""
        self.requests.append(cast("Request[object]", request))
        return cast("T", EMPTY_PAGE)

    async def send_page(self, request: Request[T], page: int) -> T:
        """Record the request for a page of a list."""
        return await self.send(request.for_page(page))

    prefetch_page = send_page

    def for_list(self) -> "Recorder":
        """Return the session for a use of a list: this one, as it has no deadline."""
        return self

    def method(self, operation: str) -> Method | None:
        """Return the method of a resource that has the name of an operation."""
        session = cast("Session", self)
        resources = {"groups": GroupsResource(session), "users": UsersResource(session)}
        resource, _, name = operation.partition(".")
        return cast("Method | None", getattr(resources.get(resource), name, None))


async def record(operation: str) -> Sequence[Request[object]]:
    """Return the requests that an operation's method sends for its `CALLS`."""
    recorder = Recorder()
    method = recorder.method(operation)
    for arguments in CALLS.get(operation, ()):
        if method is not None:
            await method(**arguments)
    return recorder.requests


def compare_requests(
    document: Document, documented: DocumentedOperation, requests: Sequence[Request[object]]
) -> Iterator[Difference]:
    """Yield the differences between sent requests and the document."""
    where = f"{documented} as sent"
    for request in requests:
        yield from _request_violations(document, where, documented, request)
    sent = {name for request in requests for name in request.query}
    yield from _unsent(where, "query parameter", documented.query, sent)
    sent = {name for request in requests for name in request.body or ()}
    if documented.body is not None:
        known = property_names(document, documented.body, where)
        yield from _unsent(where, "body field", known, sent)
        yield from _unknown(where, "body field", known, sent)


def _request_violations(
    document: Document, where: str, documented: DocumentedOperation, request: Request[object]
) -> Iterator[Difference]:
    pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(documented.path))
    found = re.fullmatch(pattern, request.path)
    if found is None or request.operation.method != documented.method:
        yield Difference(where, "goes to another method or path")
        return
    for name, text in found.groupdict().items():
        schema = documented.path_params.get(name, {})
        yield from _invalid(
            document, f"{where}, {name}", schema, _as_number(text, document, schema)
        )
    yield from _unknown(where, "query parameter", documented.query, request.query)
    for name in request.query.keys() & documented.query.keys():
        yield from _invalid(
            document, f"{where}, {name}", documented.query[name], request.query[name]
        )
    payload = cast("JSON", request.payload())
    if (payload is None) != (documented.body is None):
        yield Difference(where, "has a body on one side only")
    elif documented.body is not None:
        yield from _invalid(document, f"{where}, body", documented.body, payload)


def _as_number(text: str, document: Document, schema: JSONObject) -> JSON:
    number = document.follow(schema, "a path parameter").get("type") == "integer"
    return int(text) if number and text.isdecimal() else text


def _invalid(
    document: Document, where: str, schema: JSONObject, value: JSON
) -> Iterator[Difference]:
    for violation in violations(document, schema, value):
        yield Difference(where, violation)


def _unknown(
    where: str, what: str, known: Collection[str], sent: Collection[str]
) -> Iterator[Difference]:
    for name in sorted(set(sent) - set(known)):
        yield Difference(where, f"the {what} {name!r} is sent, but not in the document")


def _unsent(
    where: str, what: str, known: Collection[str], sent: Collection[str]
) -> Iterator[Difference]:
    for name in sorted(set(known) - set(sent)):
        yield Difference(where, f"the {what} {name!r} is in the document, but never sent")


def compare_parameters(
    document: Document, known: Operation[object], documented: DocumentedOperation
) -> Iterator[Difference]:
    """Yield the differences in the allowed values of a method's query parameters."""
    method = Recorder().method(known.name)
    if method is None or known.name not in CALLS:
        return
    required = CALLS[known.name][0]
    for name, raw in documented.query.items():
        keyword = KEYWORDS.get(name, name)
        annotation = get_type_hints(method).get(keyword)
        where = f"{known.name}({keyword}=)"
        if annotation is int:
            schema = document.follow(raw, where)

            def call(
                value: int, method: Method = method, keyword: str = keyword
            ) -> Awaitable[object]:
                return method(**{**required, keyword: value})

            yield from compare_range(where, schema, call)
        else:
            yield from compare_choice(document, where, raw, annotation)


def compare_range(
    where: str, schema: JSONObject, call: Callable[[int], object]
) -> Iterator[Difference]:
    """Yield the differences between documented bounds and those at which `call` raises."""
    lowest, highest = schema.get("minimum"), schema.get("maximum")
    allowed = [each for each in (lowest, highest) if isinstance(each, int)]
    refused = [lowest - 1] if isinstance(lowest, int) else []
    if isinstance(highest, int):
        refused.append(highest + 1)
    else:
        allowed.append(FAR_AWAY)
    for value in allowed:
        if not _takes(call, value):
            yield Difference(where, f"{value} is allowed in the document, refused by the code")
    for value in refused:
        if _takes(call, value):
            yield Difference(where, f"{value} is refused in the document, allowed by the code")


def compare_choice(
    document: Document, where: str, raw: JSONObject, annotation: Annotation
) -> Iterator[Difference]:
    """Yield the differences between documented choices and the enum of an argument."""
    values = resolve(document, raw, where).values
    enums = [each for each in members(annotation) if enum_values(each) is not None]
    if (values is None) == bool(enums):
        yield Difference(where, f"is a choice on one side only ({name_of(annotation)} in the code)")
    if values is not None:
        for enum in enums:
            yield from compare_values(where, values, enum)


def _takes(call: Callable[[int], object], value: int) -> bool:
    try:
        call(value)
    except ValueError:
        return False
    return True
