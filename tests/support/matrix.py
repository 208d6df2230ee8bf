"""Expected result of every operation with every fault.

The table is data, so that the documentation shows the very one that the tests check.
"""

from collections.abc import Awaitable, Callable

from attrs import field, frozen

from arena_groups import (
    ArenaAPIError,
    ArenaClient,
    ArenaConnectionError,
    ArenaError,
    ArenaTimeoutError,
    BlockedError,
    DecodeError,
    NotFoundError,
    RateLimitError,
    RequestTimeoutError,
    ServerError,
    UnprocessableError,
)
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.faults import (
    Blocked,
    CutBody,
    CutChunks,
    DeepJSON,
    Disconnect,
    EdgeError,
    Fault,
    GzipBomb,
    Hang,
    HTMLPage,
    Latency,
    PlainText,
    RateLimited,
    Redirect,
    RequestTimeout,
    Reset,
    ServerFailure,
    Trickle,
    TruncatedJSON,
    WrongLength,
)

MAX_BODY = 1_000_000

READ, WRITE, SILENT = "read", "write", "`leave`, `delete_invite_code`"
GONE, REVOKE, ONCE = "`delete`, `remove_member`", "`revoke_invitation`", "`create`, `invite`"
KINDS = (READ, WRITE, SILENT, GONE, REVOKE, ONCE)


@frozen
class Call:
    """Operation on its own group."""

    kind: str
    run: Callable[[ArenaClient, Sandbox, int], Awaitable[object]]


def add_own_group(sandbox: Sandbox, name: str) -> int:
    """Add the group that the call ``name`` may change: two members, two pending invitations."""
    group = sandbox.add_group(f"For {name}")
    sandbox.add_member(group, sandbox.users.member.id)
    sandbox.add_invitations(group, 2)
    return group


def _first(sandbox: Sandbox, group: int) -> int:
    return sandbox.pending_invitations(group)[0]


def _joined(sandbox: Sandbox) -> int:
    group = sandbox.add_group("Elsewhere", owner=sandbox.users.member.id)
    sandbox.add_member(group, sandbox.users.owner.id)
    return group


CALLS = {
    "ping": Call(READ, lambda a, s, g: a.ping()),
    "me": Call(READ, lambda a, s, g: a.me()),
    "users.get": Call(READ, lambda a, s, g: a.users.get(s.users.member.id)),
    "users.followers": Call(READ, lambda a, s, g: _page(a.users.followers(s.users.owner.id))),
    "users.following": Call(READ, lambda a, s, g: _page(a.users.following(s.users.follower.id))),
    "users.groups": Call(READ, lambda a, s, g: _page(a.users.groups(s.users.owner.id))),
    "groups.get": Call(READ, lambda a, s, g: a.groups.get(g)),
    "groups.members": Call(READ, lambda a, s, g: _page(a.groups.members(g))),
    "groups.invitations": Call(READ, lambda a, s, g: _page(a.groups.invitations(g))),
    "groups.invite_code": Call(READ, lambda a, s, g: a.groups.invite_code(1001)),
    "groups.contents": Call(READ, lambda a, s, g: _page(a.groups.contents(1001))),
    "groups.followers": Call(READ, lambda a, s, g: _page(a.groups.followers(1001))),
    "groups.update": Call(WRITE, lambda a, s, g: a.groups.update(g, description="New")),
    "groups.join": Call(WRITE, lambda a, s, g: a.groups.join(g, invite_token="any-code")),
    "groups.create_invite_code": Call(WRITE, lambda a, s, g: a.groups.create_invite_code(g)),
    "groups.delete": Call(GONE, lambda a, s, g: a.groups.delete(g)),
    "groups.leave": Call(SILENT, lambda a, s, g: a.groups.leave(_joined(s))),
    "groups.remove_member": Call(
        GONE, lambda a, s, g: a.groups.remove_member(g, s.users.member.id)
    ),
    "groups.revoke_invitation": Call(
        REVOKE, lambda a, s, g: a.groups.revoke_invitation(g, _first(s, g))
    ),
    "groups.delete_invite_code": Call(SILENT, lambda a, s, g: a.groups.delete_invite_code(g)),
    "groups.create": Call(ONCE, lambda a, s, g: a.groups.create("Night Walks")),
    "groups.invite": Call(ONCE, lambda a, s, g: a.groups.invite(g, email="new@example.org")),
}


async def _page(page: Awaitable[object]) -> object:
    return await page


@frozen
class Row:
    """A fault, and what comes of it in each kind of operation.

    ``error`` is raised where the request is not sent again, or where the fault never ends. The
    kinds in ``again`` are sent again; those in ``untouched`` do not notice the fault at all.
    ``then`` is what the second attempt raises, where it finds nothing left to do.
    """

    fault: Callable[[], Fault]
    error: type[ArenaError] | None
    again: tuple[str, ...] = ()
    untouched: tuple[str, ...] = ()
    times: dict[str, float] = field(factory=dict[str, float])
    then: dict[str, type[ArenaError]] = field(factory=dict[str, type[ArenaError]])


SAFE = (READ, WRITE, SILENT, GONE, REVOKE)
ANSWERED = (READ, WRITE)
BODILESS = (SILENT, GONE, REVOKE)
LOST: dict[str, type[ArenaError]] = {REVOKE: UnprocessableError}
REFUSED: dict[str, type[ArenaError]] = {GONE: NotFoundError, REVOKE: UnprocessableError}
SOON = {"total": 0.15}  # seconds, for answers that never come

FAULTS: dict[str, Row] = {
    "late response": Row(lambda: Latency(0.001), None, untouched=KINDS),
    "slow body": Row(lambda: Trickle(0.0001, 1024), None, untouched=KINDS),
    "no response": Row(Hang, ArenaTimeoutError, SAFE, times=SOON),
    "no response, but executed": Row(
        lambda: Hang(after=True), ArenaTimeoutError, SAFE, times=SOON, then=LOST
    ),
    "connection reset": Row(Reset, ArenaConnectionError, SAFE),
    "connection reset, but executed": Row(
        lambda: Reset(after=True), ArenaConnectionError, SAFE, then=LOST
    ),
    "connection closed": Row(Disconnect, ArenaConnectionError, SAFE),
    "connection closed, but executed": Row(
        lambda: Disconnect(after=True), ArenaConnectionError, SAFE, then=LOST
    ),
    "408": Row(RequestTimeout, RequestTimeoutError, SAFE),
    "408, but executed": Row(
        lambda: RequestTimeout(after=True), RequestTimeoutError, SAFE, then=REFUSED
    ),
    "429, Retry-After in seconds": Row(lambda: RateLimited(3), RateLimitError, KINDS),
    "429, Retry-After as a date": Row(lambda: RateLimited(3, as_date=True), RateLimitError, KINDS),
    "429 without Retry-After": Row(lambda: RateLimited(None), RateLimitError, KINDS),
    "500": Row(lambda: ServerFailure(500), ServerError, SAFE),
    "500, but executed": Row(
        lambda: ServerFailure(500, after=True), ServerError, SAFE, then=REFUSED
    ),
    "502 as HTML": Row(lambda: ServerFailure(502, html=True), ServerError, SAFE),
    "503 with Retry-After": Row(lambda: ServerFailure(503, retry_after=2), ServerError, SAFE),
    "504, but executed": Row(lambda: ServerFailure(504, after=True), ServerError, SAFE, then=LOST),
    "501": Row(lambda: ServerFailure(501), ServerError),
    "403 of the edge, as text": Row(Blocked, BlockedError),
    "403 of the edge, as a page": Row(lambda: Blocked("page"), BlockedError),
    "403 of the edge, as JSON": Row(lambda: Blocked("json"), BlockedError),
    "403 of the edge, a challenge": Row(lambda: Blocked("challenge"), BlockedError),
    "403 without a body": Row(lambda: Blocked("empty"), BlockedError),
    "425": Row(lambda: EdgeError(425), ArenaAPIError, SAFE),
    "429 of the edge": Row(lambda: EdgeError(429), RateLimitError, KINDS),
    "429 of the edge with Retry-After": Row(
        lambda: EdgeError(429, retry_after=3), RateLimitError, KINDS
    ),
    "520": Row(lambda: EdgeError(520), ServerError, SAFE),
    "520, but executed": Row(lambda: EdgeError(520, after=True), ServerError, SAFE, then=LOST),
    "521": Row(lambda: EdgeError(521), ServerError, KINDS),
    "522": Row(lambda: EdgeError(522), ServerError, SAFE),
    "522, but executed": Row(lambda: EdgeError(522, after=True), ServerError, SAFE, then=LOST),
    "523": Row(lambda: EdgeError(523), ServerError, KINDS),
    "524": Row(lambda: EdgeError(524), ServerError, SAFE),
    "524, but executed": Row(lambda: EdgeError(524, after=True), ServerError, SAFE, then=LOST),
    "525": Row(lambda: EdgeError(525), ServerError, KINDS),
    "526": Row(lambda: EdgeError(526), ServerError),
    "527": Row(lambda: EdgeError(527), ServerError, SAFE),
    "527, but executed": Row(lambda: EdgeError(527, after=True), ServerError, SAFE, then=LOST),
    "529": Row(lambda: EdgeError(529), ServerError, SAFE),
    "529, but executed": Row(lambda: EdgeError(529, after=True), ServerError, SAFE, then=REFUSED),
    "530": Row(lambda: EdgeError(530), ServerError, SAFE),
    "530, but executed": Row(lambda: EdgeError(530, after=True), ServerError, SAFE, then=LOST),
    "body cut short": Row(CutBody, ArenaConnectionError, ANSWERED, BODILESS),
    "chunks cut short": Row(CutChunks, ArenaConnectionError, ANSWERED, BODILESS),
    "Content-Length too low": Row(WrongLength, ArenaConnectionError, ANSWERED, BODILESS),
    "Content-Length too high": Row(
        lambda: WrongLength(5), ArenaTimeoutError, ANSWERED, BODILESS, SOON
    ),
    "JSON cut short": Row(TruncatedJSON, DecodeError, ANSWERED, BODILESS),
    "200 with text": Row(PlainText, DecodeError, SAFE),
    "200 with HTML": Row(HTMLPage, DecodeError, SAFE),
    "gzip bomb": Row(lambda: GzipBomb(2 * MAX_BODY), DecodeError),
    "JSON nested too deeply": Row(DeepJSON, DecodeError),
    "redirect": Row(lambda: Redirect("https://elsewhere.example/v3/me"), ArenaAPIError),
}


def outcome(row: Row, kind: str) -> str:
    """Return the documented result of a fault that occurs once."""
    if kind in row.untouched or row.error is None:
        return "unaffected"
    if kind in row.then:
        return f"retried, then `{row.then[kind].__name__}`"
    if kind in row.again:
        return "retried"
    return f"`{row.error.__name__}`"


def as_markdown() -> str:
    """Return the table for the documentation."""
    lines = ["| fault | " + " | ".join(KINDS) + " |", "| --- " * (len(KINDS) + 1) + "|"]
    for name, row in FAULTS.items():
        lines.append(f"| {name} | " + " | ".join(outcome(row, kind) for kind in KINDS) + " |")
    return "\n".join(lines) + "\n"
