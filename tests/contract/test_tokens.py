"""Comparison of the token endpoint with documents that agree and that differ."""

import json
from copy import deepcopy
from typing import Any

import pytest

from tests.contract.document import Document, DocumentError
from tests.contract.tokens import ask_for_tokens, compare_tokens

TEXT = {"type": "string"}
REFUSAL = {
    "type": "object",
    "properties": {"error": TEXT, "error_description": TEXT},
}
FIELDS = ("grant_type", "client_id", "client_secret", "code", "redirect_uri", "code_verifier")
FITTING: dict[str, Any] = {
    "openapi": "3.1.0",
    "components": {"schemas": {"UserTier": TEXT}},
    "paths": {
        "/v3/oauth/token": {
            "post": {
                "operationId": "createOAuthToken",
                "security": [],
                "requestBody": {
                    "content": {
                        "application/x-www-form-urlencoded": {
                            "schema": {
                                "type": "object",
                                "required": ["grant_type"],
                                "properties": dict.fromkeys(FIELDS, TEXT),
                            }
                        }
                    }
                },
                "responses": {
                    "200": {
                        "content": {
                            "application/json": {
                                "schema": {
                                    "type": "object",
                                    "required": ["access_token", "created_at"],
                                    "properties": {
                                        **dict.fromkeys(
                                            ("access_token", "token_type", "scope"), TEXT
                                        ),
                                        "created_at": {"type": "integer"},
                                    },
                                }
                            }
                        }
                    },
                    **{
                        status: {"content": {"application/json": {"schema": REFUSAL}}}
                        for status in ("400", "401")
                    },
                },
            }
        }
    },
}


async def differences(root: dict[str, Any]) -> set[str]:
    document = Document.parse(json.dumps(root).encode())
    return {str(each) for each in compare_tokens(document, await ask_for_tokens())}


def with_change() -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Return a document, and its form's schema and responses, to be changed."""
    root = deepcopy(FITTING)
    operation = root["paths"]["/v3/oauth/token"]["post"]
    (media,) = operation["requestBody"]["content"].values()
    return root, media["schema"], operation["responses"]


async def test_agreeing_document_has_no_difference() -> None:
    assert await differences(FITTING) == set()


async def test_missing_and_new_form_fields_are_reported() -> None:
    root, form, _ = with_change()
    del form["properties"]["code_verifier"]
    form["properties"]["audience"] = TEXT
    form["required"] += ["audience"]
    found = await differences(root)
    assert (
        "createOAuthToken: the field 'code_verifier' is in the code, not in the document" in found
    )
    assert "createOAuthToken: the field 'audience' is in the document, not in the code" in found
    assert any(each.startswith("createOAuthToken (credentials): ") for each in found)


async def test_different_response_body_is_reported() -> None:
    root, _, responses = with_change()
    schema = responses["200"]["content"]["application/json"]["schema"]
    schema["properties"]["created_at"] = TEXT
    del responses["401"]["content"]["application/json"]["schema"]["properties"]["error_description"]
    found = await differences(root)
    assert any("(a code) answered 200" in each for each in found)
    assert "body.error_description: is sent, but not in the document" in found


async def test_missing_and_undocumented_statuses_are_reported() -> None:
    root, _, responses = with_change()
    responses["422"] = responses.pop("401")
    found = await differences(root)
    assert "POST /v3/oauth/token 422: never occurred" in found
    assert any("answered 401: the status is not in the document" in each for each in found)


async def test_document_without_the_endpoint_differs() -> None:
    assert await differences({**FITTING, "paths": {}}) == {
        "createOAuthToken: is not in the document"
    }


async def test_document_without_the_form_raises_document_error() -> None:
    root = deepcopy(FITTING)
    del root["paths"]["/v3/oauth/token"]["post"]["requestBody"]
    with pytest.raises(DocumentError, match="the form of"):
        await differences(root)
