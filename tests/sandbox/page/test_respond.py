"""Requests for the sandbox's page: methods, forms, files and redirects."""

from pathlib import Path

import pytest

from arena_groups.sandbox import Sandbox, page
from tests.sandbox.api import Api
from tests.sandbox.page.reader import PAGE, submit

FILES = {
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


@pytest.mark.parametrize("name", FILES)
async def test_static_file_is_served_with_its_type(http: Api, name: str) -> None:
    reply = await http.get(f"{PAGE}static/{name}")
    assert (reply.status, reply.headers["Content-Type"]) == (200, FILES[name])
    assert reply.content == Path(page.__file__).with_name(name).read_bytes()


@pytest.mark.parametrize("name", ["no", "respond.py", "__init__.py", "..", "%2e%2e%2fpage.css"])
async def test_other_file_is_404(http: Api, name: str) -> None:
    assert (await http.get(f"{PAGE}static/{name}")).status == 404


async def test_page_is_neither_logged_nor_open_to_faults(http: Api, sandbox: Sandbox) -> None:
    sandbox.faults.add_spec("hang")
    assert (await http.get(PAGE)).status == 200
    assert not sandbox.requests


async def test_head_has_no_body(http: Api) -> None:
    reply = await http.send("HEAD", PAGE)
    assert (reply.status, reply.content) == (200, b"")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_other_method_is_405(http: Api, method: str) -> None:
    reply = await http.send(method, PAGE)
    assert (reply.status, reply.headers["Allow"]) == (405, "GET, HEAD, POST")


async def test_form_of_another_type_is_415(http: Api, sandbox: Sandbox) -> None:
    first = sandbox.pending_invitations("research-studio")[0]
    body = {"action": "accept", "invitation": first}
    assert (await http.post(PAGE, body=body)).status == 415
    assert sandbox.invitation_state(first) == "pending"


@pytest.mark.parametrize("fields", [{}, {"action": ""}, {"action": "no-such-action"}])
async def test_form_without_action_is_400(http: Api, fields: dict[str, str]) -> None:
    reply = await submit(http, **fields)
    assert reply.status == 400
    assert "The form is incomplete." in reply.content.decode()


@pytest.mark.parametrize("number", ["", "0", "x", "77"])
async def test_answer_to_unknown_invitation_is_404(http: Api, number: str) -> None:
    assert (await submit(http, action="accept", invitation=number)).status == 404


@pytest.mark.parametrize("section", ["https://evil.example", "//evil.example", "x\r\ny: z", "no"])
async def test_redirect_never_leaves_the_page(http: Api, section: str) -> None:
    reply = await submit(http, action="turn-off-all", section=section)
    assert (reply.status, reply.headers["Location"]) == (303, PAGE)


async def test_redirect_keeps_the_query_encoded(http: Api) -> None:
    path = f"{PAGE}?group=a%26b%0d%0aX"
    reply = await submit(http, path, action="turn-off-all")
    assert reply.headers["Location"] == f"{PAGE}?group=a%26b%0D%0AX"


async def test_form_of_another_site_is_403(http: Api, sandbox: Sandbox) -> None:
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Origin": "https://evil.example",
    }
    reply = await http.send("POST", PAGE, headers=headers, data=b"action=turn-on&fault=hang")
    assert reply.status == 403
    assert len(sandbox.faults) == 0
