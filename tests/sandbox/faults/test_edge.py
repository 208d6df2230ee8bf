"""Faults of a network edge."""

import attrs
import pytest

from arena_groups.sandbox import Sandbox, Tokens
from arena_groups.sandbox.faults import Blocked, EdgeError
from tests.sandbox.api import Api, reads_only

GROUP = "/v3/groups/research-studio"
INVITATIONS = f"{GROUP}/invitations"
INVITATION = {"email": "ada@example.org"}


@reads_only
@pytest.mark.parametrize(
    ("form", "content_type", "text"),
    [
        ("text", "text/plain; charset=UTF-8", b"error code: 1020"),
        ("page", "text/html; charset=UTF-8", b"Automated access"),
        ("json", "application/json", b'"error_code": 1020'),
        ("challenge", "text/html; charset=UTF-8", b"Checking your browser"),
        ("empty", "text/plain; charset=UTF-8", b""),
    ],
)
async def test_blocked_sends_403_of_the_edge(
    http: Api, sandbox: Sandbox, form: str, content_type: str, text: bytes
) -> None:
    sandbox.faults.add(Blocked(form, 1020))
    reply = await http.get(GROUP)
    assert (reply.status, reply.reason) == (403, "Forbidden")
    assert reply.headers["Content-Type"] == content_type
    assert text in reply.content
    assert (reply.headers["Server"], reply.headers["CF-RAY"][-4:]) == ("cloudflare", "-SBX")
    assert ("cf-mitigated" in reply.headers) == (form == "challenge")
    assert not [name for name in reply.headers if "RateLimit" in name]


@reads_only
@pytest.mark.parametrize("fault", [Blocked(), EdgeError(429), EdgeError(521), EdgeError(522)])
async def test_operation_is_not_executed(
    http: Api, sandbox: Sandbox, tokens: Tokens, fault: Blocked | EdgeError
) -> None:
    sandbox.faults.add(fault)
    await http.post(INVITATIONS, tokens.owner, INVITATION)
    assert not sandbox.emails
    assert not sandbox.requests[0].executed


@pytest.mark.parametrize("status", [520, 522, 524, 527, 529, 530])
async def test_edge_error_after_executes_the_operation(
    http: Api, sandbox: Sandbox, tokens: Tokens, status: int
) -> None:
    sandbox.faults.add(EdgeError(status, after=True))
    reply = await http.post(INVITATIONS, tokens.owner, INVITATION)
    assert reply.status == status
    assert len(sandbox.emails) == 1


@reads_only
@pytest.mark.parametrize(
    ("status", "text"),
    [
        (425, b"425: Too Early"),
        (429, b"error code: 1015"),
        (521, b"521: Origin Down"),
        (526, b"526: Origin Certificate Error"),
        (529, b"529: Overloaded"),
        (530, b"error code: 1016"),
    ],
)
async def test_edge_error_sends_its_status(
    http: Api, sandbox: Sandbox, status: int, text: bytes
) -> None:
    sandbox.faults.add(EdgeError(status, retry_after=9))
    reply = await http.get(GROUP)
    assert (reply.status, reply.headers["Retry-After"]) == (status, "9")
    assert reply.reason != "Unknown Status"
    assert text in reply.content
    assert not [name for name in reply.headers if "RateLimit" in name]


@pytest.mark.parametrize("status", [0, 403, 500, 519, 528, 531])
def test_status_of_another_server_raises(status: int) -> None:
    with pytest.raises(ValueError, match="status must be one of 425, 429, 520"):
        EdgeError(status)


@pytest.mark.parametrize("status", [425, 429, 521, 523, 525, 526])
def test_after_a_status_that_excludes_it_raises(status: int) -> None:
    with pytest.raises(ValueError, match=f"a {status} means that nothing is executed"):
        attrs.evolve(EdgeError(status), after=True)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"form": "html"}, "form"),
        ({"code": 999}, "code must be between 1000 and 1099"),
        ({"code": 1100}, "code must be between 1000 and 1099"),
        ({"code": "1010"}, "code must be a whole number"),
    ],
)
def test_invalid_option_raises(options: dict[str, object], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Blocked(**options)  # type: ignore[arg-type]
