"""Provider's document as plain data: OpenAPI 3.1, with references resolved."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Self, TypeAlias, cast

import aiohttp
from attrs import field, frozen

__all__ = [
    "JSON",
    "Document",
    "DocumentError",
    "DocumentedOperation",
    "DocumentedResponse",
    "JSONObject",
    "as_list",
    "as_object",
    "as_text",
    "fetch",
    "read_source",
]

JSON: TypeAlias = bool | int | float | str | list["JSON"] | dict[str, "JSON"] | None
JSONObject: TypeAlias = dict[str, JSON]

METHODS: Final = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})
MEDIA_TYPE: Final = "application/json"
SECONDS_TO_FETCH: Final = 30


class DocumentError(Exception):
    """The document cannot be read, or contains something that this check cannot compare."""


def read_source(source: str) -> bytes:
    """Return the bytes at a path or an http(s) URL. Raise `DocumentError` if there are none."""
    if source.startswith(("http://", "https://")):
        return asyncio.run(fetch(source))
    try:
        return Path(source).read_bytes()
    except OSError as error:
        raise DocumentError(f"cannot read {source}: {error.strerror}") from error


async def fetch(url: str) -> bytes:
    """Return the bytes at a URL. Raise `DocumentError` if there are none."""
    timeout = aiohttp.ClientTimeout(total=SECONDS_TO_FETCH)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(url, headers={"Accept": MEDIA_TYPE}) as response,
        ):
            response.raise_for_status()
            return await response.read()
    except aiohttp.ClientResponseError as error:
        raise DocumentError(f"cannot fetch {url}: {error.status} {error.message}") from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        reason = str(error) or type(error).__name__
        raise DocumentError(f"cannot fetch {url}: {reason}") from error


def as_object(value: JSON, what: str) -> JSONObject:
    """Return `value`, which must be an object; `what` names it in the error."""
    if not isinstance(value, dict):
        raise DocumentError(f"{what} is not an object")
    return value


def as_list(value: JSON, what: str) -> list[JSON]:
    """Return `value`, which must be an array."""
    if not isinstance(value, list):
        raise DocumentError(f"{what} is not an array")
    return value


def as_text(value: JSON, what: str) -> str:
    """Return `value`, which must be a string."""
    if not isinstance(value, str):
        raise DocumentError(f"{what} is not a string")
    return value


@frozen(kw_only=True)
class DocumentedResponse:
    """Documented response of one status: the schema of its body, if any, and its headers."""

    schema: JSONObject | None
    headers: frozenset[str] = frozenset()


@frozen(kw_only=True)
class DocumentedOperation:
    """Operation in the document. Parameters are schemas by name.

    `other_media` names the media types besides JSON, `other_parameters` those that are neither
    in the query nor in the path, `scopes` those that a token may need.
    """

    id: str
    method: str
    path: str
    tags: frozenset[str]
    query: Mapping[str, JSONObject]
    path_params: Mapping[str, JSONObject]
    other_parameters: frozenset[str]
    body: JSONObject | None
    examples: Mapping[str, JSON]
    responses: Mapping[int, DocumentedResponse]
    other_media: frozenset[str]
    guests: bool
    scopes: frozenset[str]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def successes(self) -> Mapping[int, DocumentedResponse]:
        """Return the responses with a status below 300."""
        return {status: each for status, each in self.responses.items() if status < 300}


@frozen(kw_only=True)
class Document:
    """Parsed OpenAPI document."""

    root: JSONObject = field(repr=False)

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Return the document in `content`. Raise `DocumentError` unless it is OpenAPI 3.1."""
        try:
            root = as_object(cast("JSON", json.loads(content.decode())), "the document")
        except (ValueError, RecursionError) as error:
            raise DocumentError(f"the document is not JSON: {error}") from error
        version = root.get("openapi")
        if not isinstance(version, str) or not version.startswith("3.1"):
            raise DocumentError("the document is not OpenAPI 3.1")
        as_object(root.get("paths"), "paths")
        document = cls(root=root)
        for reference in _references(root):
            document.follow({"$ref": reference}, reference)
        return document

    @property
    def components(self) -> JSONObject:
        """Return all shared parts."""
        return as_object(self.root.get("components", {}), "components")

    @property
    def schemas(self) -> JSONObject:
        """Return the shared schemas by name."""
        return as_object(self.components.get("schemas", {}), "components.schemas")

    def follow(self, node: JSON, what: str) -> JSONObject:
        """Return `node`, or the target of its `$ref`."""
        passed: set[str] = set()
        found = as_object(node, what)
        while "$ref" in found:
            reference = as_text(found["$ref"], f"$ref in {what}")
            if reference in passed:
                raise DocumentError(f"{reference} refers to itself")
            passed.add(reference)
            found = as_object(self._at(reference), reference)
        return found

    def _at(self, reference: str) -> JSON:
        if not reference.startswith("#/"):
            raise DocumentError(f"{reference} is outside of the document")
        found: JSON = self.root
        for step in reference.removeprefix("#/").split("/"):
            name = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(found, dict) or name not in found:
                raise DocumentError(f"{reference} has no target")
            found = found[name]
        return found

    def operations(self) -> Iterator[DocumentedOperation]:
        """Yield every operation, in the order of the document."""
        for path, item in as_object(self.root["paths"], "paths").items():
            shared = self.follow(item, path)
            for method, raw in shared.items():
                if method in METHODS:
                    own = as_object(raw, f"{method} {path}")
                    yield self._operation(method.upper(), path, shared, own)

    def _operation(
        self, method: str, path: str, shared: JSONObject, own: JSONObject
    ) -> DocumentedOperation:
        where = f"{method} {path}"
        parameters = [*self._parameters(shared, where), *self._parameters(own, where)]
        body, examples = self._request_body(own, where)
        requirements = own.get("security", self.root.get("security", []))
        ways = as_list(requirements, f"security of {where}")
        return DocumentedOperation(
            id=as_text(own.get("operationId", where), f"operationId of {where}"),
            method=method,
            path=path,
            tags=frozenset(as_text(tag, "a tag") for tag in as_list(own.get("tags", []), "tags")),
            query={name: schema for place, name, schema in parameters if place == "query"},
            path_params={name: schema for place, name, schema in parameters if place == "path"},
            other_parameters=frozenset(
                f"{place} {name}" for place, name, _ in parameters if place not in {"query", "path"}
            ),
            body=body,
            examples=examples,
            responses=self._responses(own, where),
            other_media=self._media_types(own, where) - {MEDIA_TYPE},
            guests=not ways or {} in ways,
            scopes=frozenset(
                as_text(scope, f"a scope of {where}")
                for way in ways
                for scopes in as_object(way, f"security of {where}").values()
                for scope in as_list(scopes, f"security of {where}")
            ),
        )

    def _parameters(self, owner: JSONObject, where: str) -> list[tuple[str, str, JSONObject]]:
        found: list[tuple[str, str, JSONObject]] = []
        for raw in as_list(owner.get("parameters", []), f"parameters of {where}"):
            parameter = self.follow(raw, f"a parameter of {where}")
            name = as_text(parameter.get("name"), f"the name of a parameter of {where}")
            schema = as_object(parameter.get("schema"), f"the schema of {name} of {where}")
            found.append((as_text(parameter.get("in"), f"the place of {name}"), name, schema))
        return found

    def _request_body(
        self, own: JSONObject, where: str
    ) -> tuple[JSONObject | None, Mapping[str, JSON]]:
        if "requestBody" not in own:
            return None, {}
        body = self.follow(own["requestBody"], f"the body of {where}")
        media = _content(body, f"the body of {where}").get(MEDIA_TYPE)
        if media is None:
            return None, {}
        what = f"the body of {where}"
        examples = as_object(as_object(media, what).get("examples", {}), f"examples of {what}")
        return _schema(media, what), {
            name: self.follow(raw, f"example {name}").get("value") for name, raw in examples.items()
        }

    def _media_types(self, own: JSONObject, where: str) -> frozenset[str]:
        responses = as_object(own.get("responses"), f"responses of {where}")
        owners = [own.get("requestBody", {}), *responses.values()]
        return frozenset(
            kind for owner in owners for kind in _content(self.follow(owner, where), where)
        )

    def _responses(self, own: JSONObject, where: str) -> Mapping[int, DocumentedResponse]:
        found: dict[int, DocumentedResponse] = {}
        for status, raw in as_object(own.get("responses"), f"responses of {where}").items():
            if not status.isdecimal():
                raise DocumentError(f"the status {status} of {where} is not a number")
            response = self.follow(raw, f"{status} of {where}")
            media = _content(response, f"{status} of {where}").get(MEDIA_TYPE)
            found[int(status)] = DocumentedResponse(
                schema=None if media is None else _schema(media, f"{status} of {where}"),
                headers=frozenset(as_object(response.get("headers", {}), f"headers of {where}")),
            )
        return found


def _references(node: JSON) -> Iterator[str]:
    if isinstance(node, list):
        for each in node:
            yield from _references(each)
    elif isinstance(node, dict):
        reference = node.get("$ref")
        if isinstance(reference, str):
            yield reference
        for each in node.values():
            yield from _references(each)


def _content(owner: JSONObject, what: str) -> JSONObject:
    return as_object(owner.get("content", {}), f"the content of {what}")


def _schema(media: JSON, what: str) -> JSONObject:
    return as_object(as_object(media, what).get("schema"), f"the schema of {what}")
