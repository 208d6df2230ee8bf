"""Every route of the control surface: what it does, and what it refuses."""

from typing import Any

import pytest

from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.control_api import ROUTES, ControlRoute
from tests.sandbox.api import Api, Reply

GROUP = "blank-page"
WRITES = [route for route in ROUTES if route.method == "POST"]
WITH_FIELDS = [route for route in WRITES if route.required]
BY_USER = [route for route in WITH_FIELDS if next(iter(route.fields or ())) == "user"]
IN_PATH = [route for route in ROUTES if "{" in route.template]


def path_of(template: str, *, group: object = GROUP, user: object = 4, number: object = 1) -> str:
    filled = template.format(group=group, user=user, id=number)
    return f"/__sandbox__{filled}"


async def control(http: Api, method: str, path: str, body: Any = None) -> Any:
    """Send a request that succeeds, and return its data."""
    reply = await (
        http.send(method, f"/__sandbox__{path}")
        if body is None
        else http.send(method, f"/__sandbox__{path}", body=body)
    )
    assert reply.status == 200, reply.body
    return reply.body


def problem(reply: Reply) -> tuple[int, str]:
    assert list(reply.body) == ["error"]
    return reply.status, reply.body["error"]


# What each route does


async def test_groups_are_listed_and_added(http: Api, sandbox: Sandbox) -> None:
    added = await control(
        http,
        "POST",
        "/groups",
        {
            "name": "Relay",
            "slug": "relay",
            "owner": "tomasz-whetu",
            "private": True,
            "description": "*Fast*",
            "members": 3,
            "followers": 2,
            "invitations": 4,
        },
    )
    assert added == {
        "id": sandbox.groups["relay"],
        "slug": "relay",
        "name": "Relay",
        "private": True,
        "description": "*Fast*",
        "owner": {"id": 4, "slug": "tomasz-whetu", "name": "Tomasz Whetu"},
        "member_count": 4,
        "pending_count": 4,
        "follower_count": 2,
    }
    listed = (await control(http, "GET", "/groups"))["groups"]
    assert {each["slug"]: each["id"] for each in listed} == sandbox.groups
    assert listed[-1] == added


async def test_group_has_members_and_pending_invitations(http: Api, sandbox: Sandbox) -> None:
    found = await control(http, "GET", "/groups/research-studio")
    assert [each["id"] for each in found["members"]] == sandbox.members("research-studio")
    assert [each["role"] for each in found["members"][:2]] == ["owner", "member"]
    pending = sandbox.pending_invitations("research-studio")
    assert [each["id"] for each in found["pending"]] == pending
    first = found["pending"][0]
    assert first["link"] == sandbox.invitation_link(pending[0])
    assert {each["invitee"] is None for each in found["pending"]} == {True, False}
    assert first == await control(http, "GET", f"/invitations/{pending[0]}")
    short = await control(http, "GET", "/groups/1001?limit=2")
    assert (len(short["members"]), len(short["pending"])) == (2, 2)
    assert short["pending_count"] == len(pending)


async def test_join_transfer_and_leave_change_a_group(http: Api, sandbox: Sandbox) -> None:
    owner, stranger = sandbox.users.owner.id, sandbox.users.stranger.id
    joined = await control(http, "POST", f"/groups/{GROUP}/join", {"user": "tomasz-whetu"})
    assert (joined["member_count"], sandbox.members(GROUP)) == (2, [owner, stranger])
    moved = await control(http, "POST", f"/groups/{GROUP}/transfer", {"user": stranger})
    assert (moved["owner"]["id"], sandbox.members(GROUP)) == (stranger, [stranger, owner])
    await control(http, "POST", f"/groups/{GROUP}/leave", {"user": owner})
    assert sandbox.members(GROUP) == [stranger]


async def test_members_followers_and_invitations_are_added(http: Api, sandbox: Sandbox) -> None:
    members = (await control(http, "POST", f"/groups/{GROUP}/members", {"count": 3}))["users"]
    assert sandbox.members(GROUP)[1:] == members[::-1]
    followers = (await control(http, "POST", f"/groups/{GROUP}/followers", {"count": 2}))["users"]
    listed = await http.every_page(f"/v3/groups/{GROUP}/followers", sandbox.tokens.owner)
    assert {each["id"] for each in listed} == {*followers}
    added = await control(http, "POST", f"/groups/{GROUP}/invitations", {"count": 5})
    assert sandbox.pending_invitations(GROUP) == added["invitations"][::-1]


async def test_users_are_listed_added_and_changed(http: Api, sandbox: Sandbox) -> None:
    added = await control(
        http,
        "POST",
        "/users",
        {
            "name": "Ona Łoś",
            "email": "ona@example.org",
            "tier": "premium",
            "confirmed": False,
            "follows": ["ada-osei"],
        },
    )
    assert added == {
        "id": added["id"],
        "slug": "ona-los",
        "name": "Ona Łoś",
        "email": "ona@example.org",
        "tier": "premium",
        "confirmed": False,
        "may_invite_new_addresses": False,
    }
    assert (await control(http, "GET", "/users/ona-los")) == added
    assert (await control(http, "GET", "/users"))["users"][-1] == added
    allowed = await control(http, "POST", "/users/ona-los/inviting", {"allowed": True})
    assert allowed["may_invite_new_addresses"] is True
    renamed = await control(http, "POST", "/users/ona-los/rename", {"name": "Ona", "slug": "ona"})
    assert (renamed["name"], renamed["slug"]) == ("Ona", "ona")
    token = (await control(http, "POST", "/users/ona/token"))["token"]
    assert (await http.get("/v3/me", token)).body["id"] == added["id"]
    reader = (await control(http, "POST", "/users/ona/token", {"write": False}))["token"]
    assert (await http.post("/v3/groups", reader, {"name": "X"})).status == 403


async def test_follow_and_unfollow_decide_the_outcome_of_an_invitation(
    http: Api, sandbox: Sandbox
) -> None:
    path, token = "/v3/groups/1001/invitations", sandbox.tokens.owner
    await control(http, "POST", "/users/tomasz-whetu/follow", {"user": "ada-osei"})
    await control(http, "POST", "/users/noor-halvorsen/unfollow", {"user": 1})
    assert (await http.post(path, token, {"user_id": 4})).body["outcome"] == "added"
    assert (await http.post(path, token, {"user_id": 3})).body["outcome"] == "invited"


async def test_email_shows_what_becomes_of_its_invitation(http: Api, sandbox: Sandbox) -> None:
    path, token = f"/v3/groups/{GROUP}/invitations", sandbox.tokens.owner
    for name in ("first", "second", "third"):
        await http.post(path, token, {"email": f"{name}@example.org"})
    first, second, third = (each.invitation_id for each in sandbox.emails)
    await control(http, "POST", f"/invitations/{first}/accept")
    declined = await control(http, "POST", f"/invitations/{second}/decline")
    assert declined["state"] == "declined"
    await http.delete(f"{path}/{third}", token)
    emails = (await control(http, "GET", "/emails"))["emails"]
    assert [each["state"] for each in emails] == ["accepted", "declined", "revoked"]
    assert emails[0] == {
        "id": first,
        "invitation_id": first,
        "address": "first@example.org",
        "group": {"id": sandbox.groups[GROUP], "slug": GROUP, "name": "Blank Page"},
        "inviter": {"id": 1, "name": "Ada Osei"},
        "subject": "Ada Osei invites you to the group Blank Page",
        "sent_at": emails[0]["sent_at"],
        "state": "accepted",
        "link": sandbox.invitation_link(first),
    }
    await http.delete(f"/v3/groups/{GROUP}", token)
    gone = (await control(http, "GET", "/emails"))["emails"][0]
    assert (gone["state"], gone["group"]["slug"]) == ("deleted", None)


async def test_app_is_registered_and_its_requests_are_answered(http: Api, sandbox: Sandbox) -> None:
    uri = "http://127.0.0.1/callback"
    fields = {"name": "Extra", "redirect_uris": [uri], "owner": 4, "confidential": True}
    app = await control(http, "POST", "/applications", fields)
    assert (app["name"], app["redirect_uris"], app["owner"]) == ("Extra", [uri], 4)
    assert app["client_secret"].startswith("sandbox_secret_")
    query = f"client_id={app['client_id']}&redirect_uri={uri}&response_type=code&state=s"
    consent = {"url": f"{sandbox.url}/oauth/authorize?{query}"}
    approved = await control(http, "POST", "/authorizations/approve", {**consent, "user": 4})
    assert approved["location"].startswith(f"{uri}?code=")
    denied = await control(http, "POST", "/authorizations/deny", consent)
    assert "error=access_denied" in denied["location"]


async def test_clock_is_advanced(http: Api, sandbox: Sandbox) -> None:
    before = sandbox.now
    answered = await control(http, "POST", "/advance", {"seconds": 3600.5})
    assert (sandbox.now - before).total_seconds() >= 3600.5
    assert answered["now"][:16] == sandbox.now.isoformat()[:16]


async def test_faults_are_added_listed_and_removed(http: Api, sandbox: Sandbox) -> None:
    first = await control(http, "POST", "/faults", {"spec": "server-failure:status=503,times=1"})
    second = await control(
        http,
        "POST",
        "/faults",
        {"fault": "churn", "group": "night-shift", "keep": [7, 5], "operation": "getGroup"},
    )
    assert first == {
        "id": first["id"],
        "fault": "server-failure",
        "options": {"after": False, "html": False, "retry_after": None, "status": 503},
        "operation": None,
        "method": None,
        "route": None,
        "times": 1,
        "skip": 0,
        "probability": 1.0,
        "call_count": 0,
    }
    assert (second["options"]["keep"], second["operation"]) == ([5, 7], "getGroup")
    assert (await http.get("/v3/ping")).status == 503
    listed = (await control(http, "GET", "/faults"))["faults"]
    assert [(each["id"], each["call_count"]) for each in listed] == [
        (first["id"], 1),
        (second["id"], 0),
    ]
    left = await control(http, "DELETE", f"/faults/{first['id']}")
    assert [each["id"] for each in left["faults"]] == [second["id"]]
    assert await control(http, "DELETE", "/faults") == {"faults": []}
    assert len(sandbox.faults) == 0


async def test_available_faults_are_those_of_the_guide(http: Api) -> None:
    found = await control(http, "GET", "/faults/available")
    latency = found["faults"][0]
    assert (latency["name"], latency["options"]) == ("latency", ["seconds=1.0", "after"])
    assert {"operation", "times"} <= {*found["common_options"]}


async def test_requests_are_listed_after_a_number(http: Api, sandbox: Sandbox) -> None:
    await http.get("/v3/ping?x=1")
    await http.get("/v3/nothing")
    found = await control(http, "GET", "/requests")
    assert (found["newest"], [each["status"] for each in found["requests"]]) == (2, [200, 404])
    assert found["requests"][0] == {
        "number": 1,
        "received_at": found["requests"][0]["received_at"],
        "method": "GET",
        "path": "/v3/ping",
        "query": {"x": "1"},
        "operation": "getPing",
        "status": 200,
        "executed": True,
        "faults": [],
        "finished": True,
    }
    later = await control(http, "GET", "/requests?after=1")
    assert [each["number"] for each in later["requests"]] == [2]
    assert await control(http, "DELETE", "/requests") == {"requests": [], "newest": 2}
    await http.get("/v3/ping")
    assert [each.number for each in sandbox.requests] == [3]


async def test_reset_returns_to_the_start(http: Api, sandbox: Sandbox) -> None:
    before = await control(http, "GET", "/state")
    await control(http, "POST", "/groups", {"name": "Relay"})
    await control(http, "POST", "/faults", {"spec": "hang"})
    again = await control(http, "POST", "/reset")
    assert {**again, "now": ""} == {**before, "now": ""}
    assert len(sandbox.faults) == 0
    other = await control(http, "POST", "/reset", {"seed": 7})
    assert other["tokens"] == before["tokens"]
    assert other["groups"] != before["groups"]
    assert (await http.get("/v3/me", sandbox.tokens.stranger)).body["slug"] == "tomasz-whetu"


# What each route refuses


@pytest.mark.parametrize("route", IN_PATH, ids=lambda each: f"{each.method} {each.template}")
@pytest.mark.parametrize("unknown", ["nobody", "99999999", "%00"])
async def test_unknown_record_is_404(http: Api, route: ControlRoute, unknown: str) -> None:
    path = path_of(route.template, group=unknown, user=unknown, number=unknown)
    body = dict.fromkeys(list(route.fields or ())[: route.required], 1)
    body |= {"name": "X"} if "name" in body else {}
    body |= {"allowed": True} if "allowed" in body else {}
    reply = await http.send(route.method, path, body=body if route.method == "POST" else {})
    status, message = problem(reply)
    assert (status, message[:12]) == (404, "There is no ")


@pytest.mark.parametrize("route", BY_USER, ids=lambda each: each.template)
async def test_unknown_user_in_the_body_is_404(http: Api, route: ControlRoute) -> None:
    reply = await http.post(path_of(route.template), body={"user": "nobody"})
    assert problem(reply) == (404, "There is no user 'nobody' in the sandbox.")


@pytest.mark.parametrize("template", sorted({route.template for route in ROUTES}))
async def test_other_method_is_405(http: Api, template: str) -> None:
    reply = await http.put(path_of(template), body={})
    allowed = {route.method for route in ROUTES if route.template == template}
    status, message = problem(reply)
    assert status == 405
    assert allowed <= {*reply.headers["Allow"].split(", ")}
    assert reply.headers["Allow"] in message


@pytest.mark.parametrize("route", WRITES, ids=lambda each: each.template)
@pytest.mark.parametrize(
    ("data", "content_type", "expected"),
    [
        (b"{", "application/json", (400, "The body is not valid JSON.")),
        (b"\xff", "application/json", (400, "The body is not valid JSON.")),
        (b"[" * 100_000, "application/json", (400, "The body is not valid JSON.")),
        (b'{"seconds": NaN}', "application/json", (400, "The body is not valid JSON.")),
        (b"[]", "application/json", (400, "The body must be a JSON object.")),
        (b"{}", "text/plain", (415, "Send the body as application/json.")),
        (b"a=b", "application/x-www-form-urlencoded", (415, "Send the body as application/json.")),
        (b"{}", None, (415, "Send the body as application/json.")),
        (b" " * (1024**2 + 1), "application/json", (413, "The request body is too large.")),
    ],
)
async def test_unreadable_body_is_refused(
    http: Api, route: ControlRoute, data: bytes, content_type: str | None, expected: tuple[int, str]
) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    first = http.sandbox.pending_invitations("research-studio")[0]
    path = path_of(route.template, number=first)
    assert problem(await http.send("POST", path, data=data, headers=headers)) == expected


@pytest.mark.parametrize("route", WITH_FIELDS, ids=lambda each: each.template)
async def test_missing_unknown_and_null_fields_are_400(http: Api, route: ControlRoute) -> None:
    name = next(iter(route.fields or ()))
    path = path_of(route.template)
    missing = (400, f"The field {name} is required.")
    assert problem(await http.post(path, body={})) == missing
    assert problem(await http.post(path, body={name: None})) == missing
    status, message = problem(await http.post(path, body={"nonsense": 1}))
    assert (status, message[:34]) == (400, "Unknown field 'nonsense': use one ")


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("/groups", {"name": 1}, "The field name must be a text."),
        ("/groups", {"name": "X", "private": 1}, "The field private must be true or false."),
        ("/groups", {"name": "X", "owner": True}, "The field owner must be an id or a slug."),
        ("/groups", {"name": " "}, "Name must not be empty."),
        ("/groups", {"name": "X", "slug": "a b"}, "The slug 'a b' is taken or invalid."),
        (
            f"/groups/{GROUP}/members",
            {"count": 100_001},
            "The field count must be a whole number from 0 to 100000.",
        ),
        (
            f"/groups/{GROUP}/invitations",
            {"count": -1},
            "The field count must be a whole number from 0 to 100000.",
        ),
        (
            f"/groups/{GROUP}/followers",
            {"count": 1.5},
            "The field count must be a whole number from 0 to 100000.",
        ),
        (f"/groups/{GROUP}/join", {"user": [4]}, "The field user must be an id or a slug."),
        ("/users", {"name": "X", "email": "nobody"}, "Email must be an email address."),
        (
            "/users",
            {"name": "X", "tier": "guest"},
            "The field tier must be one of free, premium, supporter.",
        ),
        (
            "/users",
            {"name": "X", "follows": "ada-osei"},
            "The field follows must be a list of ids or slugs.",
        ),
        ("/users", {"name": "X", "follows": [None]}, "The field follows must be an id or a slug."),
        ("/users/4/rename", {"name": " "}, "Name must not be empty."),
        ("/users/4/token", {"write": "no"}, "The field write must be true or false."),
        ("/applications", {"name": "X", "redirect_uris": []}, "An app needs a redirect URI."),
        (
            "/applications",
            {"name": "X", "redirect_uris": "http://x"},
            "The field redirect_uris must be a list of texts.",
        ),
        ("/authorizations/approve", {"url": 1}, "The field url must be a text."),
        ("/authorizations/approve", {"url": "x"}, "No app has this client_id."),
        ("/authorizations/deny", {"url": "http://[/"}, "Invalid IPv6 URL."),
        ("/advance", {"seconds": "1"}, "The field seconds must be a number."),
        (
            "/advance",
            {"seconds": -1},
            "The sandbox's clock only moves forward, by a finite number of seconds.",
        ),
        ("/advance", {"seconds": 1e18}, "The sandbox's clock ends with the year 8999."),
        ("/reset", {"seed": "x"}, "The field seed must be a whole number."),
        ("/reset", {"when": 1}, "Unknown field 'when': use one of seed."),
        ("/faults", {}, "Name a fault: as spec alone, or as fault with options."),
        ("/faults", {"spec": 1}, "Name a fault: as spec alone, or as fault with options."),
        (
            "/faults",
            {"spec": "hang", "times": 1},
            "Name a fault: as spec alone, or as fault with options.",
        ),
        ("/faults", {"spec": "latency:seconds=x"}, "Invalid seconds 'x'."),
        (
            "/faults",
            {"fault": "server-failure", "status": "503"},
            "Status must be a whole number, not '503'.",
        ),
        ("/faults", {"fault": "redirect"}, "The option location is required."),
        ("/faults", {"fault": "churn", "keep": [[1]]}, "The field keep must be a list of ids."),
    ],
)
async def test_wrong_value_is_400(http: Api, path: str, body: object, message: str) -> None:
    assert problem(await http.post(f"/__sandbox__{path}", body=body)) == (400, message)


@pytest.mark.parametrize(
    "body",
    [{"fault": "nonsense"}, {"fault": "hang", "self": 1}, {"fault": "hang", "name": 1}],
)
async def test_unknown_fault_or_option_is_400(http: Api, body: object) -> None:
    assert (await http.post("/__sandbox__/faults", body=body)).status == 400


@pytest.mark.parametrize("query", ["after=x", "after=-1", "after=", "after=1.5", "nonsense=1"])
async def test_invalid_query_is_400(http: Api, query: str) -> None:
    assert (await http.get(f"/__sandbox__/requests?{query}")).status == 400


async def test_conflict_with_the_state_is_409(http: Api, sandbox: Sandbox) -> None:
    first = sandbox.pending_invitations("research-studio")[0]
    await control(http, "POST", f"/invitations/{first}/decline")
    for path, body, message in [
        (f"/invitations/{first}/accept", {}, "The invitation is not pending but declined."),
        (f"/invitations/{first}/decline", {}, "The invitation is not pending but declined."),
        (f"/groups/{GROUP}/join", {"user": 1}, "User 1 is in the group already."),
        (
            f"/groups/{GROUP}/leave",
            {"user": 1},
            "User 1 is the owner or not a member: cannot leave.",
        ),
        (f"/groups/{GROUP}/transfer", {"user": 4}, "User 4 is not a member of the group."),
    ]:
        assert problem(await http.post(f"/__sandbox__{path}", body=body)) == (409, message)


async def test_head_is_answered_like_get_without_a_body(http: Api) -> None:
    for path in ("/state", "/events", "/groups/1001"):
        reply = await http.send("HEAD", f"/__sandbox__{path}")
        assert (reply.status, reply.content) == (200, b"")
