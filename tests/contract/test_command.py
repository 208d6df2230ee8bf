"""The whole check, against the provider's document where that is at hand."""

import json
import os
from pathlib import Path
from types import GenericAlias
from typing import cast

import pytest
from attrs import evolve

from arena_groups._api import OPERATIONS, Operation
from arena_groups.models import MembershipInvitation, Page
from arena_groups.sandbox.rendering import JSONRenderer
from tests.contract import __main__ as command
from tests.contract.client import compare_client
from tests.contract.document import Document, JSONObject
from tests.contract.planting import parsed, renamed, small

REAL = Path(
    os.environ.get("ARENA_OPENAPI")
    or Path(__file__).parents[3] / "shared" / "arena-v3-openapi.json"
)
needs_real = pytest.mark.skipif(
    not REAL.is_file(), reason="the provider's document is not here; ARENA_OPENAPI may name it"
)


@pytest.mark.parametrize("content", [b"", b"<html>", b'{"openapi": "3.1.0", "paths": {}}'])
def test_what_is_no_document_is_told_without_a_traceback(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "document.json"
    path.write_bytes(content)
    assert command.main([str(path)]) == command.NO_DOCUMENT
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("contract: ")
    assert told.err.count("\n") == 1


def test_a_schema_without_end_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = small()
    schemas = cast("dict[str, JSONObject]", cast("JSONObject", root["components"])["schemas"])
    schemas["Order"] = {"allOf": [{"$ref": "#/components/schemas/Order"}]}
    path = tmp_path / "document.json"
    path.write_text(json.dumps(root), encoding="utf-8")
    assert command.main([str(path)]) == command.NO_DOCUMENT
    assert "without end" in capsys.readouterr().err


def test_code_and_document_that_have_nothing_in_common_differ() -> None:
    found = {str(each) for each in compare_client(parsed(small()), OPERATIONS)}
    assert "groups.invite: POST /v3/groups/{id}/invitations is not in the document" in found
    assert "GET /shelves: is in the document, not among the operations" in found
    assert "MembershipInvitation: is no part of what any operation returns" in found


@pytest.fixture(scope="module")
def real() -> Document:
    """The provider's document."""
    return Document.parse(REAL.read_bytes())


@needs_real
def test_code_and_sandbox_agree_with_the_real_document(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert command.main([str(REAL), "--outcomes"]) == command.AGREED
    told = capsys.readouterr()
    assert told.out == ""
    assert "POST /v3/groups/{id}/invitations: 200 201 400 401 403 404 422 429\n" in told.err
    assert told.err.endswith("differences: 0\n")


@needs_real
def test_a_field_renamed_in_the_sandbox_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rendered = JSONRenderer.invite_code

    def other(self: JSONRenderer, *arguments: object) -> dict[str, object]:
        body = rendered(self, *arguments)  # type: ignore[arg-type]
        body["secret"] = body.pop("code")
        return body

    monkeypatch.setattr(JSONRenderer, "invite_code", other)
    assert command.main([str(REAL)]) == command.DIFFERENT
    lines = capsys.readouterr().out.splitlines()
    where = "GET /v3/groups/{id}/invite (owner) answered 200"
    assert any(each.startswith(f"{where}: $ breaks required") for each in lines)


@needs_real
def test_a_sandbox_that_breaks_down_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(self: JSONRenderer, *_: object) -> dict[str, object]:
        raise RuntimeError("planted")

    monkeypatch.setattr(JSONRenderer, "group", broken)
    assert command.main([str(REAL)]) == command.DIFFERENT
    lines = capsys.readouterr().out.splitlines()
    assert "GET /v3/groups/{id} 200: never came up" in lines
    where = "POST /v3/groups (owner) answered 500"
    assert f"{where}: the status is not in the document" in lines
    assert f"{where}: 201 was to be expected" in lines
    assert any(each.startswith(f"{where}: leads no further") for each in lines)


@needs_real
@pytest.mark.parametrize("old", ["invitee_email", "state", "_links"])
def test_a_field_renamed_in_a_model_is_named(real: Document, old: str) -> None:
    page = cast("type[object]", GenericAlias(Page, renamed(MembershipInvitation, old, "other")))
    operations = [
        evolve(each, returns=page) if each.name == "groups.invitations" else each
        for each in OPERATIONS
    ]
    found = {str(each) for each in compare_client(real, operations)}
    assert f"MembershipInvitation.{old}: is in the document, not in the class" in found
    assert "MembershipInvitation.other: is in the class, not in the document" in found


@needs_real
def test_a_field_renamed_in_the_real_document_is_named(real: Document) -> None:
    content = REAL.read_bytes().replace(b'"invitee_email"', b'"invitee_address"')
    found = {str(each) for each in compare_client(Document.parse(content), OPERATIONS)}
    assert "MembershipInvitation.invitee_address: is in the document, not in the class" in found
    assert "MembershipInvitation.invitee_email: is in the class, not in the document" in found


@needs_real
def test_an_operation_left_out_is_named(real: Document) -> None:
    operations: list[Operation[object]] = [
        each for each in OPERATIONS if each.name != "groups.revoke_invitation"
    ]
    (found,) = compare_client(real, operations)
    assert found.where == "DELETE /v3/groups/{id}/invitations/{invitation_id}"
    assert found.problem == "is in the document, not among the operations"
