"""Whole check, with the provider's document if it is available."""

import json
import os
from pathlib import Path
from types import GenericAlias
from typing import cast

import pytest
from msgspec.structs import replace

from arena_groups._api import OPERATIONS, Operation
from arena_groups.models import MembershipInvitation, Page
from arena_groups.sandbox.rendering import JSONRenderer
from tests.contract import __main__ as command
from tests.contract.client import compare_client
from tests.contract.document import Document, DocumentedOperation, JSONObject
from tests.contract.operations import wanted
from tests.contract.small_document import parsed, renamed, small

REAL = Path(
    os.environ.get("ARENA_OPENAPI")
    or Path(__file__).parents[3] / "shared" / "arena-v3-openapi.json"
)
needs_real = pytest.mark.skipif(
    not REAL.is_file(), reason="the provider's document is not here; ARENA_OPENAPI may name it"
)


@pytest.mark.parametrize("content", [b"", b"<html>", b'{"openapi": "3.1.0", "paths": {}}'])
def test_invalid_document_is_reported_without_a_traceback(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "document.json"
    path.write_bytes(content)
    assert command.main([str(path)]) == command.NO_DOCUMENT
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("contract: ")
    assert output.err.count("\n") == 1


def test_endless_schema_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = small()
    schemas = cast("dict[str, JSONObject]", cast("JSONObject", root["components"])["schemas"])
    schemas["Order"] = {"allOf": [{"$ref": "#/components/schemas/Order"}]}
    path = tmp_path / "document.json"
    path.write_text(json.dumps(root), encoding="utf-8")
    assert command.main([str(path)]) == command.NO_DOCUMENT
    assert "without end" in capsys.readouterr().err


def test_unrelated_document_differs_in_all_operations() -> None:
    found = {str(each) for each in compare_client(parsed(small()), OPERATIONS)}
    assert "groups.invite: POST /v3/groups/{id}/invitations is not in the document" in found
    assert "GET /shelves: is in the document, not among the operations" in found
    assert "MembershipInvitation: is not part of the result of any operation" in found


@pytest.fixture(scope="module")
def real() -> Document:
    """Return the provider's document."""
    return Document.parse(REAL.read_bytes())


@needs_real
def test_code_and_sandbox_agree_with_the_provider_document(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert command.main([str(REAL), "--outcomes"]) == command.AGREED
    output = capsys.readouterr()
    assert output.out == ""
    assert "POST /v3/groups/{id}/invitations: 200 201 400 401 403 404 422 429\n" in output.err
    assert output.err.endswith("differences: 0\n")


def only_groups_and_codes(document: Document) -> list[DocumentedOperation]:
    """Return the operations that the next test needs, because all take some seconds."""
    return [
        each
        for each in wanted(document)
        if each.id in {"createGroup", "getGroup", "getGroupInvite"}
    ]


@needs_real
def test_renamed_field_and_crash_of_the_sandbox_are_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    render = JSONRenderer.invite_code

    def rename_field(self: JSONRenderer, *arguments: object) -> dict[str, object]:
        body = render(self, *arguments)  # type: ignore[arg-type]
        body["secret"] = body.pop("code")
        return body

    def crash(self: JSONRenderer, *_: object) -> dict[str, object]:
        raise RuntimeError("crash")

    monkeypatch.setattr(JSONRenderer, "invite_code", rename_field)
    monkeypatch.setattr(JSONRenderer, "group", crash)
    monkeypatch.setattr(command, "served", only_groups_and_codes)
    assert command.main([str(REAL)]) == command.DIFFERENT
    lines = capsys.readouterr().out.splitlines()
    where = "GET /v3/groups/{id}/invite (owner) answered 200"
    assert any(each.startswith(f"{where}: $ breaks required") for each in lines)
    assert "GET /v3/groups/{id} 200: never occurred" in lines
    where = "POST /v3/groups (owner) answered 500"
    assert f"{where}: the status is not in the document" in lines
    assert f"{where}: 201 was expected" in lines
    assert any(each.startswith(f"{where}: ends the scenario") for each in lines)


@needs_real
@pytest.mark.parametrize("old", ["invitee_email", "state", "_links"])
def test_field_renamed_in_a_model_is_reported(real: Document, old: str) -> None:
    page = cast("type[object]", GenericAlias(Page, renamed(MembershipInvitation, old, "other")))
    operations = [
        replace(each, result=lambda: page) if each.name == "groups.invitations" else each
        for each in OPERATIONS
    ]
    found = {str(each) for each in compare_client(real, operations)}
    assert f"MembershipInvitation.{old}: is in the document, not in the class" in found
    assert "MembershipInvitation.other: is in the class, not in the document" in found


@needs_real
def test_field_renamed_in_the_document_is_reported(real: Document) -> None:
    content = REAL.read_bytes().replace(b'"invitee_email"', b'"invitee_address"')
    found = {str(each) for each in compare_client(Document.parse(content), OPERATIONS)}
    assert "MembershipInvitation.invitee_address: is in the document, not in the class" in found
    assert "MembershipInvitation.invitee_email: is in the class, not in the document" in found


@needs_real
def test_missing_operation_is_reported(real: Document) -> None:
    operations: list[Operation[object]] = [
        each for each in OPERATIONS if each.name != "groups.revoke_invitation"
    ]
    (found,) = compare_client(real, operations)
    assert found.where == "DELETE /v3/groups/{id}/invitations/{invitation_id}"
    assert found.problem == "is in the document, not among the operations"
