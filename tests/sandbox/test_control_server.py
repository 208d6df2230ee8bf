"""HTTP side of the control surface: hosts, origins, bodies, and what it leaves alone."""

import json
from urllib.parse import urlsplit

import pytest

from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.faults import Hang
from tests.sandbox.api import Api

STATE = "/__sandbox__/state"


async def test_state_is_neither_logged_nor_counted_nor_open_to_faults(
    http: Api, sandbox: Sandbox
) -> None:
    sandbox.faults.add(Hang())
    reply = await http.get(STATE)
    assert reply.status == 200
    assert reply.body == {**sandbox.describe(), "now": reply.body["now"]}
    assert (reply.headers["Cache-Control"], list(sandbox.requests)) == ("no-store", [])
    assert not [name for name in reply.headers if name.lower().startswith("x-ratelimit")]


@pytest.mark.parametrize(
    "path",
    ["state", "nothing", "emails", "", "static/page.js", "static/none", "emails/1", "?group=x"],
)
async def test_answer_cannot_be_loaded_by_pages_of_other_sites(http: Api, path: str) -> None:
    headers = (await http.get(f"/__sandbox__/{path}")).headers
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["X-Content-Type-Options"] == "nosniff"


async def test_prefix_without_slash_leads_to_the_page(http: Api) -> None:
    reply = await http.get("/__sandbox__")
    assert (reply.status, reply.headers["Location"]) == (308, "/__sandbox__/")


@pytest.mark.parametrize("path", ["nothing", "state/", "%FF", "groups/../state", "static/a%2Fb/c"])
async def test_unknown_path_is_404(http: Api, path: str) -> None:
    reply = await http.get(f"/__sandbox__/{path}")
    assert (reply.status, reply.body) == (404, {"error": "There is no such path."})


async def test_foreign_host_is_421(http: Api) -> None:
    raw = await http.raw(
        f"GET {STATE} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n".encode()
    )
    head, _, body = raw.partition(b"\r\n\r\n")
    assert head.split()[1] == b"421"
    assert "evil.example" in json.loads(body)["error"]


@pytest.mark.parametrize(
    "origin",
    [
        *("https://evil.example", "null", "http://127.0.0.1", "http://localhost:{port}"),
        *("https://127.0.0.1:{port}", "ws://127.0.0.1:{port}", "http://127.0.0.1:{port}/"),
        *("http://127.0.0.1:{port}.evil.example", "http://127.0.0.1:{port}@evil.example"),
        *("file://", "*", ""),
    ],
)
async def test_write_of_another_origin_is_403(http: Api, sandbox: Sandbox, origin: str) -> None:
    given = origin.format(port=urlsplit(sandbox.url).port)
    first = sandbox.pending_invitations("research-studio")[0]
    path = f"/__sandbox__/emails/{first}"
    reply = await http.send("POST", path, headers={"Origin": given}, data=b"action=accept")
    assert reply.status == 403
    assert sandbox.invitation_state(first) == "pending"


async def test_write_of_own_origin_is_done(http: Api, sandbox: Sandbox) -> None:
    first, second = sandbox.pending_invitations("research-studio")[:2]
    own = {"Content-Type": "application/x-www-form-urlencoded", "Origin": sandbox.url}
    path = f"/__sandbox__/emails/{first}"
    form = f"action=accept&invitation={first}".encode()
    reply = await http.send("POST", path, headers=own, data=form)
    assert (reply.status, sandbox.invitation_state(first)) == (303, "accepted")
    del own["Origin"]
    form = f"action=decline&invitation={second}".encode()
    declined = await http.send("POST", f"/__sandbox__/emails/{second}", headers=own, data=form)
    assert (declined.status, sandbox.invitation_state(second)) == (303, "declined")


async def test_body_over_the_limit_is_413(http: Api) -> None:
    path = "/__sandbox__/emails/1"
    reply = await http.send("POST", path, data=b"x" * (1024**2 + 1))
    assert reply.status == 413
    assert reply.body == {"error": "The request body is too large."}
