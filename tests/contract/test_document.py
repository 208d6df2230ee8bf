"""Reading of the document, and resolution of its schemas."""

from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.contract.document import Document, DocumentError, JSONObject, fetch, read_source
from tests.contract.schemas import resolve
from tests.contract.small_document import (
    GONE,
    INTEGER,
    STRING,
    compared,
    parsed,
    ref,
    response,
    small,
    thing,
    with_change,
)
from tests.contract.validation import FORMATS, check_schemas, unchecked_formats, violations


def test_read_source_reads_a_path(tmp_path: Path) -> None:
    path = tmp_path / "document.json"
    path.write_bytes(b"{}")
    assert read_source(str(path)) == b"{}"


def test_read_source_of_a_missing_path_raises_document_error(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="No such file"):
        read_source(str(tmp_path / "nothing.json"))


async def test_read_source_fetches_a_url() -> None:
    async def give(request: web.Request) -> web.Response:
        return web.Response(body=b"{}", status=int(request.query["status"]))

    app = web.Application()
    app.router.add_get("/openapi.json", give)
    async with TestServer(app) as server:
        url = server.make_url("/openapi.json")
        assert await fetch(f"{url}?status=200") == b"{}"
        with pytest.raises(DocumentError, match="500"):
            await fetch(f"{url}?status=500")
    with pytest.raises(DocumentError, match="cannot fetch"):
        await fetch(f"{url}?status=200")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"<html>", "is not JSON"),
        (b"\xff", "is not JSON"),
        (b"[]", "not an object"),
        (b'{"openapi": "3.0.3", "paths": {}}', "not OpenAPI 3.1"),
        (b'{"openapi": "3.1.0"}', "paths is not an object"),
    ],
)
def test_parse_of_an_invalid_document_raises_document_error(content: bytes, problem: str) -> None:
    with pytest.raises(DocumentError, match=problem):
        Document.parse(content)


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("components schemas Mood", {"$ref": "#/nowhere"}, "has no target"),
        ("components schemas Mood", {"$ref": "other.json"}, "outside"),
        ("components schemas Mood", ref("Mood"), "refers to itself"),
        ("components schemas Mood", {"if": True}, "uses if"),
        ("components schemas Shelf", [], "not an object"),
        ("components schemas Shelves properties data items", GONE, "array without items"),
        ("components schemas Club properties type", STRING, "does not name its type"),
        ("paths /shelves get responses 2XX", response(STRING), "2XX"),
    ],
)
def test_schema_that_cannot_be_compared_raises_document_error(
    path: str, value: object, problem: str
) -> None:
    with pytest.raises(DocumentError, match=problem):
        compared(with_change(path, value))


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("components schemas Error", GONE, "no schema Error"),
        ("components schemas Mood type", "word", "schema Mood is not valid"),
    ],
)
def test_invalid_shared_schema_raises_document_error(
    path: str, value: object, problem: str
) -> None:
    root = small()
    root["paths"] = {}
    check_schemas(parsed(root))
    document = with_change(path, value) if value is not GONE else without_paths(path)
    with pytest.raises(DocumentError, match=problem):
        check_schemas(document)


def without_paths(path: str) -> Document:
    """Return the small document without paths, and without the value at a path."""
    root = with_change("paths", {}).root
    *steps, last = path.split(" ")
    place = root
    for step in steps:
        inner = place[step]
        assert isinstance(inner, dict)
        place = inner
    del place[last]
    return parsed(root)


def test_all_of_is_merged() -> None:
    schema: JSONObject = {
        "allOf": [
            thing(["a"], a={"type": ["integer", "null"]}),
            thing(["b"], a=INTEGER, b=STRING),
        ]
    }
    document = parsed(small())
    merged = resolve(document, schema, "it")
    assert merged.required == {"a", "b"}
    assert not resolve(document, merged.properties["a"], "a").nullable


def test_unchecked_format_is_found() -> None:
    assert unchecked_formats(parsed(small())) == frozenset()
    path = "components schemas Error properties error"
    document = with_change(path, {"type": "string", "format": "hostname"})
    assert unchecked_formats(document) == {"hostname"}


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("date-time", "2026-03-09T22:02:26Z", "2026-03-09T22:02:26"),
        ("date-time", "2026-03-09T22:02:26+01:00", "2026-02-31T22:02:26Z"),
        ("uri", "https://example.net/a?b=c#d", "/a"),
        ("uri", "https://example.net/%20", "https://example.net/ "),
        ("email", "ada@example.org", "ada@example"),
        ("email", "a.b+c@example.org", "ada example.org"),
        ("uuid", "9f0c7a3e-3b0a-4b39-8c36-1d5c0a6f9e11", "9f0c7a3e"),
    ],
)
def test_format_accepts_valid_and_rejects_invalid_values(name: str, good: str, bad: str) -> None:
    document = parsed(small())
    schema: JSONObject = {"type": "string", "format": name}
    assert list(violations(document, schema, good)) == []
    assert list(violations(document, schema, bad)) == [f'$ breaks format "{name}"']
    assert FORMATS.conforms(None, name)
