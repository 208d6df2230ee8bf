"""Token endpoint: requests and responses, compared with the document."""

from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import aiohttp

from arena_groups._api import Secret
from arena_groups.oauth import AuthorizationCode, AuthorizationRequest
from arena_groups.oauth.flow import App, credentials_request, exchange_request
from arena_groups.sandbox import Application, Sandbox
from tests.contract.coverage import Parts, compare_outcomes
from tests.contract.differences import Difference
from tests.contract.document import Document, DocumentedOperation, JSONObject, as_object
from tests.contract.responses import Exchange, compare_response, response_for
from tests.contract.schemas import property_names
from tests.contract.validation import violations

__all__ = ["ask_for_tokens", "compare_forms", "compare_tokens", "token_operation"]

OPERATION: Final = "createOAuthToken"
FORM: Final = "application/x-www-form-urlencoded"
# The document names the scopes of this flow, but not the form field for them.
IN_THE_STANDARD_ONLY: Final = frozenset({"scope"})

Fields = Mapping[str, str | None]


def token_operation(document: Document) -> DocumentedOperation | None:
    """Return the document's token endpoint, if it has one."""
    return next((each for each in document.operations() if each.id == OPERATION), None)


def compare_tokens(document: Document, exchanges: list[Exchange]) -> Iterator[Difference]:
    """Yield all differences at the token endpoint, in requests and in responses."""
    operation = token_operation(document)
    if operation is None:
        yield Difference(OPERATION, "is not in the document")
        return
    yield from compare_forms(document, operation, _forms_of_the_client())
    parts = Parts(document)
    for exchange in exchanges:
        response = response_for(operation, exchange.status)
        faulty = list(compare_response(document, response, exchange))
        yield from faulty
        if response is not None and response.schema is not None and not faulty:
            parts.note(response.schema, exchange)
    yield from parts.undocumented()
    yield from compare_outcomes([operation], exchanges, ())


def compare_forms(
    document: Document, operation: DocumentedOperation, forms: Mapping[str, dict[str, str]]
) -> Iterator[Difference]:
    """Yield the differences between the fields of forms and the documented ones."""
    schema = _form_schema(document, operation)
    known = set(property_names(document, schema, f"the form of {operation}"))
    sent = {name for form in forms.values() for name in form}
    for name in sorted(sent - known - IN_THE_STANDARD_ONLY):
        yield Difference(OPERATION, f"the field {name!r} is in the code, not in the document")
    for name in sorted(known - sent):
        yield Difference(OPERATION, f"the field {name!r} is in the document, not in the code")
    for label, form in forms.items():
        for violation in violations(document, schema, dict(form)):
            yield Difference(f"{OPERATION} ({label})", violation)


async def ask_for_tokens() -> list[Exchange]:
    """Return one exchange for each kind of response of a sandbox's token endpoint."""
    async with Sandbox() as sandbox, aiohttp.ClientSession() as http:
        return [await _ask(http, sandbox, label, form) for label, form in _forms(sandbox).items()]


def _forms(sandbox: Sandbox) -> dict[str, Fields]:
    app, public = sandbox.applications.confidential, sandbox.applications.public
    good = {
        "grant_type": "authorization_code",
        "client_id": app.client_id,
        "client_secret": app.client_secret,
        "code": _code(sandbox, app),
        "redirect_uri": app.redirect_uri,
    }
    own = {**good, "grant_type": "client_credentials", "code": None, "redirect_uri": None}
    return {
        "a code": good,
        "a code that was used": good,
        "no code": {**good, "code": None},
        "a wrong secret": {**good, "client_secret": "guessed"},
        "no client": {**good, "client_id": None},
        "credentials": own,
        "write": {**own, "scope": "write"},
        "a scope that there is not": {**own, "scope": "admin"},
        "no secret": {**own, "client_id": public.client_id, "client_secret": None},
        "another grant": {**good, "grant_type": "password"},
        "nothing": {},
    }


def _code(sandbox: Sandbox, app: Application) -> str:
    asked = {
        "response_type": "code",
        "client_id": app.client_id,
        "redirect_uri": app.redirect_uri,
    }
    url = sandbox.approve_authorization(f"{sandbox.url}/oauth/authorize?{urlencode(asked)}")
    return dict(parse_qsl(urlsplit(url).query))["code"]


async def _ask(http: aiohttp.ClientSession, sandbox: Sandbox, label: str, form: Fields) -> Exchange:
    data = {name: value for name, value in form.items() if value is not None}
    path = "/v3/oauth/token"
    async with http.post(
        sandbox.url + path, data=urlencode(data), headers={"Content-Type": FORM}
    ) as response:
        return Exchange(
            method="POST",
            path=path,
            label=label,
            status=response.status,
            headers={name.lower(): value for name, value in response.headers.items()},
            body=await response.read(),
        )


def _forms_of_the_client() -> dict[str, dict[str, str]]:
    request = AuthorizationRequest("https://x.example/", "s", "v" * 43, "https://x.example/cb")
    code, secret = AuthorizationCode("code"), App("app", Secret("secret"))
    requests = {
        "a code and a secret": exchange_request(secret, code, request),
        "a code": exchange_request(App("app"), code, request),
        "credentials": credentials_request(secret, ["read"]),
    }
    return {
        label: {name: str(value) for name, value in (each.payload() or {}).items()}
        for label, each in requests.items()
    }


def _form_schema(document: Document, operation: DocumentedOperation) -> JSONObject:
    where = f"the form of {operation}"
    paths = as_object(document.root["paths"], "paths")
    raw = as_object(as_object(paths[operation.path], operation.path)["post"], where)
    content = as_object(document.follow(raw.get("requestBody", {}), where).get("content"), where)
    return as_object(as_object(content.get(FORM), where).get("schema"), where)
