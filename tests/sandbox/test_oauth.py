"""The provider side of OAuth over plain HTTP: consent page, codes and tokens."""

import hashlib
import re
from base64 import urlsafe_b64encode
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from arena_groups.sandbox import Application, Sandbox, SandboxNotFoundError
from arena_groups.sandbox.oauth import CODE_LIFETIME
from tests.sandbox.api import Api, Reply, reads_only

FORM = "application/x-www-form-urlencoded"
AUTHORIZE = "/oauth/authorize"
HOME = "http://127.0.0.1:4711/callback"
VERIFIER = "v" * 43 + "-._~"
CHALLENGE = urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


def query_of(url: str | None) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url or "").query, keep_blank_values=True))


def asked(app: Application, **changes: str | None) -> dict[str, str]:
    """Return the parameters of a consent request. Those that are None are left out."""
    query = {
        "response_type": "code",
        "client_id": app.client_id,
        "redirect_uri": HOME,
        "scope": "read",
        "state": "s t/a&te",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **changes,
    }
    return {name: value for name, value in query.items() if value is not None}


def page(app: Application, **changes: str | None) -> str:
    return f"/oauth/authorize?{urlencode(asked(app, **changes))}"


async def post(http: Api, path: str, fields: Any, kind: str = FORM) -> Reply:
    data = fields if isinstance(fields, bytes) else urlencode(fields).encode()
    return await http.send("POST", path, data=data, headers={"Content-Type": kind})


async def opened(http: Api, app: Application) -> tuple[dict[str, str], str]:
    """Open the consent page in a new browser; return the fields of its form, and the cookie."""
    reply = await http.get(page(app))
    fields = dict(re.findall(r'type="hidden" name="(\w+)" value="(.*?)"', reply.content.decode()))
    cookie = reply.headers["Set-Cookie"].partition(";")[0]
    return {name: unescape(value) for name, value in fields.items()}, cookie


async def submit(http: Api, fields: Any, cookie: str = "") -> Reply:
    """Send the form of the consent page."""
    headers = {"Content-Type": FORM, **({"Cookie": cookie} if cookie else {})}
    return await http.send("POST", AUTHORIZE, data=urlencode(fields).encode(), headers=headers)


async def token(http: Api, **fields: str | None) -> Reply:
    """Ask the token endpoint. Fields that are None are left out."""
    given = {name: value for name, value in fields.items() if value is not None}
    return await post(http, "/v3/oauth/token", given)


def code_for(sandbox: Sandbox, app: Application, **changes: str | None) -> str:
    return query_of(sandbox.approve_authorization(f"{sandbox.url}{page(app, **changes)}"))["code"]


def exchange(app: Application, code: str, /, **changes: str | None) -> dict[str, str | None]:
    return {
        "grant_type": "authorization_code",
        "client_id": app.client_id,
        "client_secret": app.client_secret,
        "code": code,
        "redirect_uri": HOME,
        "code_verifier": VERIFIER,
        **changes,
    }


def assert_refused(reply: Reply, status: int, error: str) -> None:
    assert (reply.status, reply.body["error"]) == (status, error)
    assert reply.body.keys() == {"error", "error_description"}
    assert reply.body["error_description"]
    assert reply.headers["Cache-Control"] == "no-store"
    assert reply.headers["Content-Type"].startswith("application/json")


@pytest.fixture(params=["public", "confidential"])
def app(sandbox: Sandbox, request: pytest.FixtureRequest) -> Application:
    found: Application = getattr(sandbox.applications, request.param)
    return found


class TestPage:
    async def test_page_shows_app_and_scopes(self, http: Api, app: Application) -> None:
        reply = await http.get(page(app, scope="read write"))
        assert reply.status == 200
        assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
        assert reply.headers["Cache-Control"] == "no-store"
        assert reply.headers["X-Frame-Options"] == "DENY"
        shown = reply.content.decode()
        assert app.name in shown
        assert shown.count("<li>") == 2
        assert "Ada Osei" in shown

    async def test_page_form_repeats_parameters(self, http: Api, app: Application) -> None:
        shown = (await http.get(page(app))).content.decode()
        hidden = re.findall(r'type="hidden" name="(\w+)" value="(.*?)"', shown)
        fields = {name: unescape(value) for name, value in hidden}
        assert fields.pop("form_token")
        assert fields == asked(app)

    async def test_page_replaces_what_utf_8_cannot_encode(
        self, sandbox: Sandbox, http: Api
    ) -> None:
        app = sandbox.add_application("half a \ud800 pair", "http://127.0.0.1/callback")
        assert "half a ? pair" in (await http.get(page(app))).content.decode()

    async def test_page_escapes_app_name_and_state(self, sandbox: Sandbox, http: Api) -> None:
        app = sandbox.add_application("<script>", HOME)
        shown = (await http.get(page(app, state='"><script>'))).content.decode()
        assert "<script>" not in shown
        assert "&lt;script&gt;" in shown

    async def test_allow_redirects_with_code(self, http: Api, app: Application) -> None:
        fields, cookie = await opened(http, app)
        reply = await submit(http, {**fields, "user": "2", "decision": "allow"}, cookie)
        assert reply.status == 303
        assert reply.headers["Location"].startswith(f"{HOME}?")
        returned = query_of(reply.headers["Location"])
        assert returned.keys() == {"code", "state"}
        assert returned["state"] == "s t/a&te"
        granted = await token(http, **exchange(app, returned["code"]))
        me = await http.get("/v3/me", granted.body["access_token"])
        assert me.body["id"] == 2

    async def test_deny_redirects_with_error(self, http: Api, app: Application) -> None:
        fields, cookie = await opened(http, app)
        reply = await submit(http, {**fields, "user": "2", "decision": "deny"}, cookie)
        returned = query_of(reply.headers["Location"])
        assert returned.keys() == {"error", "error_description", "state"}
        assert returned["error"] == "access_denied"

    async def test_two_pages_of_one_browser_both_work(self, http: Api, app: Application) -> None:
        _, cookie = await opened(http, app)
        reply = await http.get(page(app, state="second"), headers={"Cookie": cookie})
        assert reply.headers["Set-Cookie"].partition(";")[0] == cookie

    @pytest.mark.parametrize("decision", ["allow", "deny"])
    @pytest.mark.parametrize(
        "forge",
        [
            lambda fields, cookie: ({**fields, "form_token": ""}, cookie),
            lambda fields, cookie: ({**fields, "form_token": "0" * 64}, cookie),
            lambda fields, cookie: ({**fields, "form_token": "\u00e9"}, cookie),
            lambda fields, cookie: (fields, ""),
            lambda fields, cookie: (fields, "sandbox_consent="),
            lambda fields, cookie: (fields, "sandbox_consent=sandbox_form_00"),
            lambda fields, cookie: ({**fields, "state": "mine"}, cookie),
            lambda fields, cookie: ({**fields, "scope": "read write"}, cookie),
        ],
        ids=["none", "guessed", "not-ascii", "no-cookie", "empty", "other", "state", "scope"],
    )
    async def test_form_from_elsewhere_is_refused(
        self, http: Api, app: Application, forge: Any, decision: str
    ) -> None:
        fields, cookie = forge(*await opened(http, app))
        reply = await submit(http, {**fields, "user": "2", "decision": decision}, cookie)
        assert (reply.status, reply.headers.get("Location")) == (403, None)

    @reads_only
    async def test_cookie_is_kept_from_scripts_and_other_sites(
        self, http: Api, app: Application
    ) -> None:
        attributes = (await http.get(page(app))).headers["Set-Cookie"].split("; ")[1:]
        assert attributes == ["Path=/oauth/authorize", "HttpOnly", "SameSite=Strict"]

    @reads_only
    async def test_policy_lets_the_form_lead_only_to_the_app(
        self, http: Api, app: Application
    ) -> None:
        policy = (await http.get(page(app))).headers["Content-Security-Policy"].split("; ")
        assert set(policy) >= {
            "default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'",
            "form-action 'self' http://127.0.0.1:4711",
        }  # fmt: skip
        refused = await http.get(page(app, client_id="somebody"))
        assert "form-action 'none'" in refused.headers["Content-Security-Policy"]

    @reads_only
    async def test_browsers_send_the_form_with_their_origin(
        self, http: Api, app: Application
    ) -> None:
        # With "no-referrer" it would be "null", as for pages of another site.
        assert (await http.get(page(app))).headers["Referrer-Policy"] == "same-origin"

    @pytest.mark.parametrize(
        ("redirect_uri", "target"),
        [
            ("https://app.example.org/callback", "https://app.example.org"),
            ("https://app.example.org:8443/callback", "https://app.example.org:8443"),
            ("http://[::1]/callback", "http:"),
            ("com.example.app:/callback", "com.example.app:"),
        ],
    )
    async def test_policy_names_the_redirect_uri_of_any_kind(
        self, sandbox: Sandbox, http: Api, redirect_uri: str, target: str
    ) -> None:
        app = sandbox.add_application("Any", redirect_uri)
        reply = await http.get(page(app, redirect_uri=redirect_uri))
        assert f"form-action 'self' {target};" in reply.headers["Content-Security-Policy"]

    @reads_only
    @pytest.mark.parametrize(
        "changes",
        [{"user": ""}, {"user": "99999"}, {"decision": ""}, {"decision": "perhaps"}],
    )
    async def test_incomplete_form_does_not_redirect(
        self, http: Api, app: Application, changes: dict[str, str]
    ) -> None:
        fields = {**asked(app), "user": "2", "decision": "allow", **changes}
        reply = await post(http, "/oauth/authorize", fields)
        assert (reply.status, reply.headers.get("Location")) == (400, None)

    @reads_only
    @pytest.mark.parametrize(
        "changes",
        [
            {"client_id": None},
            {"client_id": "somebody"},
            {"redirect_uri": None},
            {"redirect_uri": "https://evil.example/callback"},
            {"redirect_uri": "http://127.0.0.1.evil.example/callback"},
            {"redirect_uri": "http://127.0.0.1:4711/other"},
            {"redirect_uri": "http://localhost:4711/callback"},
            {"redirect_uri": "https://app.example.org:444/callback"},
            {"redirect_uri": "http://[::1/callback"},
            {"redirect_uri": "http://evil.example\\@127.0.0.1/callback"},
            {"redirect_uri": "http://evil.example@127.0.0.1/callback"},
            {"redirect_uri": "http://evil.example:80@127.0.0.1/callback"},
            {"redirect_uri": "http://127.0.0.1\\.evil.example/callback"},
            {"redirect_uri": "http://127.0.0.1:4711\\@evil.example/callback"},
            {"redirect_uri": "http://127.0.0.1:80\t@evil.example/callback"},
            {"redirect_uri": "http://127.0.0.1\n/callback"},
            {"redirect_uri": "\x00http://127.0.0.1/callback"},
            {"redirect_uri": " http://127.0.0.1/callback"},
            {"redirect_uri": "http://127.0.0.1/callback "},
            {"redirect_uri": "http://127.0.0.1:/callback"},
            {"redirect_uri": "http://127.0.0.1:0/callback"},
            {"redirect_uri": "http://127.0.0.1:080/callback"},
            {"redirect_uri": "http://127.0.0.1:65536/callback"},
            {"redirect_uri": "http://127.0.0.1:-1/callback"},
            {"redirect_uri": "http://127.0.0.1:\u0664\u0667/callback"},
            {"redirect_uri": "http://127.0.0.1/callback#code"},
            {"redirect_uri": "http://127.0.0.1/callback#"},
            {"redirect_uri": "http://127.0.0.1/callback?"},
            {"redirect_uri": "http://127.0.0.1/other/../callback"},
            {"redirect_uri": "http://127.0.0.1/callback/../other"},
            {"redirect_uri": "http://127.0.0.1/%63allback"},
            {"redirect_uri": "HTTP://127.0.0.1/callback"},
            {"redirect_uri": "http://127.1/callback"},
            {"redirect_uri": "http://2130706433/callback"},
            {"redirect_uri": "http://0x7f000001/callback"},
            {"redirect_uri": "http://017700000001/callback"},
            {"redirect_uri": "http://[::ffff:127.0.0.1]/callback"},
            {"redirect_uri": "http://[::1%25lo]/callback"},
            {"redirect_uri": "http://127%2e0.0.1/callback"},
            {"redirect_uri": "http:/127.0.0.1/callback"},
            {"redirect_uri": "http:127.0.0.1/callback"},
            {"redirect_uri": "http:///callback"},
            {"redirect_uri": "http://\uff11\uff12\uff17.0.0.1/callback"},
        ],
    )
    async def test_unregistered_redirect_uri_does_not_redirect(
        self, sandbox: Sandbox, http: Api, app: Application, changes: dict[str, str | None]
    ) -> None:
        reply = await http.get(page(app, **changes))
        assert (reply.status, reply.headers.get("Location")) == (400, None)
        fields = {**asked(app, **changes), "user": "1", "decision": "allow"}
        reply = await post(http, "/oauth/authorize", fields)
        assert (reply.status, reply.headers.get("Location")) == (400, None)
        with pytest.raises(ValueError, match=r"app|redirect_uri"):
            sandbox.approve_authorization(sandbox.url + page(app, **changes))

    @pytest.mark.parametrize(
        "redirect_uri",
        [
            "http://127.0.0.1/callback",
            "http://127.0.0.1:1/callback",
            "http://[::1]:65535/callback",
            "https://app.example.org/callback",
        ],
    )
    async def test_loopback_redirect_uri_may_have_any_port(
        self, sandbox: Sandbox, app: Application, redirect_uri: str
    ) -> None:
        url = sandbox.approve_authorization(sandbox.url + page(app, redirect_uri=redirect_uri))
        assert url.startswith(f"{redirect_uri}?code=")

    @reads_only
    @pytest.mark.parametrize(
        ("changes", "error"),
        [
            ({"response_type": None}, "unsupported_response_type"),
            ({"response_type": "token"}, "unsupported_response_type"),
            ({"scope": "read admin"}, "invalid_scope"),
            ({"code_challenge": "short"}, "invalid_request"),
            ({"code_challenge_method": "S512"}, "invalid_request"),
            ({"code_challenge_method": "plain"}, "invalid_request"),
            ({"code_challenge_method": "s256"}, "invalid_request"),
            ({"code_challenge_method": None}, "invalid_request"),
            ({"code_challenge": None}, "invalid_request"),
        ],
    )
    async def test_invalid_request_redirects_with_error(
        self,
        sandbox: Sandbox,
        http: Api,
        app: Application,
        changes: dict[str, str | None],
        error: str,
    ) -> None:
        reply = await http.get(page(app, **changes))
        assert reply.status == 303
        returned = query_of(reply.headers["Location"])
        assert (returned["error"], returned["state"]) == (error, "s t/a&te")
        assert (
            query_of(sandbox.approve_authorization(sandbox.url + page(app, **changes)))["error"]
            == error
        )

    async def test_public_app_needs_challenge(self, sandbox: Sandbox) -> None:
        without = {"code_challenge": None, "code_challenge_method": None}
        url = sandbox.approve_authorization(
            sandbox.url + page(sandbox.applications.public, **without)
        )
        assert query_of(url)["error"] == "invalid_request"
        assert code_for(sandbox, sandbox.applications.confidential, **without)

    @reads_only
    @pytest.mark.parametrize("name", ["client_id", "redirect_uri", "state", "scope"])
    async def test_repeated_parameter_does_not_redirect(
        self, sandbox: Sandbox, http: Api, app: Application, name: str
    ) -> None:
        twice = f"{page(app)}&{name}={asked(app)[name]}"
        reply = await http.get(twice.replace(" ", "+"))
        assert (reply.status, reply.headers.get("Location")) == (400, None)
        with pytest.raises(ValueError, match="repeated"):
            sandbox.approve_authorization(sandbox.url + twice)

    async def test_request_without_state_gets_none_back(
        self, sandbox: Sandbox, app: Application
    ) -> None:
        assert query_of(sandbox.deny_authorization(sandbox.url + page(app, state=None))).keys() == {
            "error",
            "error_description",
        }

    async def test_redirect_uri_keeps_its_query(self, sandbox: Sandbox) -> None:
        app = sandbox.add_application("With a query", "https://a.example/?page=cb")
        url = sandbox.approve_authorization(
            sandbox.url + page(app, redirect_uri="https://a.example/?page=cb")
        )
        assert url.startswith("https://a.example/?page=cb&code=")


class TestCodes:
    async def test_code_is_exchanged_for_token(
        self, sandbox: Sandbox, http: Api, app: Application
    ) -> None:
        reply = await token(http, **exchange(app, code_for(sandbox, app, scope="read write")))
        assert reply.status == 200
        assert reply.body.keys() == {"access_token", "token_type", "scope", "created_at"}
        assert reply.body["token_type"] == "Bearer"
        assert reply.body["scope"] == "read write"
        assert reply.body["created_at"] == int(sandbox.now.timestamp())
        assert reply.headers["Cache-Control"] == "no-store"

    @pytest.mark.parametrize(
        ("scope", "status"),
        [("write", 201), ("read", 403), (None, 403), (" ", 403), ("read write", 201)],
    )
    async def test_token_has_granted_scope(
        self, sandbox: Sandbox, http: Api, app: Application, scope: str | None, status: int
    ) -> None:
        reply = await token(http, **exchange(app, code_for(sandbox, app, scope=scope)))
        granted = reply.body["access_token"]
        assert (await http.get("/v3/me", granted)).status == 200
        assert (await http.post("/v3/groups", granted, {"name": "New"})).status == status

    async def test_code_works_once(self, sandbox: Sandbox, http: Api, app: Application) -> None:
        fields = exchange(app, code_for(sandbox, app))
        assert (await token(http, **fields)).status == 200
        assert_refused(await token(http, **fields), 400, "invalid_grant")

    async def test_expired_code_is_invalid(
        self, sandbox: Sandbox, http: Api, app: Application
    ) -> None:
        early, late = code_for(sandbox, app), code_for(sandbox, app)
        sandbox.advance(CODE_LIFETIME.total_seconds() - 5)
        assert (await token(http, **exchange(app, early))).status == 200
        sandbox.advance(5)
        assert_refused(await token(http, **exchange(app, late)), 400, "invalid_grant")

    @pytest.mark.parametrize(
        ("changes", "status", "error"),
        [
            ({"code": "sandbox_code_000"}, 400, "invalid_grant"),
            ({"code": None}, 400, "invalid_request"),
            ({"redirect_uri": "http://127.0.0.1:4712/callback"}, 400, "invalid_grant"),
            ({"redirect_uri": None}, 400, "invalid_request"),
            ({"code_verifier": "w" * 43}, 400, "invalid_grant"),
            ({"code_verifier": "short"}, 400, "invalid_request"),
            ({"code_verifier": None}, 400, "invalid_request"),
            ({"client_id": None}, 401, "invalid_client"),
            ({"client_id": "somebody"}, 401, "invalid_client"),
            ({"client_secret": "guessed"}, 401, "invalid_client"),
            ({"grant_type": None}, 400, "invalid_request"),
            ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ],
    )
    async def test_wrong_parameter_keeps_code_valid(
        self,
        sandbox: Sandbox,
        http: Api,
        app: Application,
        changes: dict[str, str | None],
        status: int,
        error: str,
    ) -> None:
        code = code_for(sandbox, app)
        assert_refused(await token(http, **exchange(app, code, **changes)), status, error)
        assert (await token(http, **exchange(app, code))).status == 200

    async def test_code_of_other_app_is_invalid(self, sandbox: Sandbox, http: Api) -> None:
        apps = sandbox.applications
        code = code_for(sandbox, apps.public)
        reply = await token(http, **exchange(apps.confidential, code))
        assert_refused(reply, 400, "invalid_grant")

    async def test_confidential_app_needs_secret(self, sandbox: Sandbox, http: Api) -> None:
        app = sandbox.applications.confidential
        reply = await token(http, **exchange(app, code_for(sandbox, app), client_secret=None))
        assert_refused(reply, 401, "invalid_client")

    async def test_code_without_challenge_needs_no_verifier(
        self, sandbox: Sandbox, http: Api
    ) -> None:
        app = sandbox.applications.confidential
        code = code_for(sandbox, app, code_challenge=None, code_challenge_method=None)
        assert (await token(http, **exchange(app, code, code_verifier=None))).status == 200

    @pytest.mark.parametrize("verifier", [VERIFIER, ""])
    async def test_verifier_without_challenge_is_refused(
        self, sandbox: Sandbox, http: Api, verifier: str
    ) -> None:
        app = sandbox.applications.confidential
        code = code_for(sandbox, app, code_challenge=None, code_challenge_method=None)
        reply = await token(http, **exchange(app, code, code_verifier=verifier))
        assert_refused(reply, 400, "invalid_grant")

    async def test_replayed_code_revokes_its_token(
        self, sandbox: Sandbox, http: Api, app: Application
    ) -> None:
        fields = exchange(app, code_for(sandbox, app))
        granted = (await token(http, **fields)).body["access_token"]
        other = (await token(http, **exchange(app, code_for(sandbox, app)))).body["access_token"]
        assert (await http.get("/v3/me", granted)).status == 200
        assert_refused(await token(http, **fields), 400, "invalid_grant")
        assert (await http.get("/v3/me", granted)).status == 401
        assert (await http.get("/v3/me", other)).status == 200
        assert_refused(await token(http, **fields), 400, "invalid_grant")

    async def test_code_replayed_after_it_expired_revokes_its_token(
        self, sandbox: Sandbox, http: Api, app: Application
    ) -> None:
        fields = exchange(app, code_for(sandbox, app))
        granted = (await token(http, **fields)).body["access_token"]
        sandbox.advance(CODE_LIFETIME.total_seconds() + 1)
        assert_refused(await token(http, **fields), 400, "invalid_grant")
        assert (await http.get("/v3/me", granted)).status == 401

    async def test_code_sent_by_another_app_revokes_nothing(
        self, sandbox: Sandbox, http: Api
    ) -> None:
        apps = sandbox.applications
        code = code_for(sandbox, apps.public)
        granted = (await token(http, **exchange(apps.public, code))).body["access_token"]
        assert_refused(await token(http, **exchange(apps.confidential, code)), 400, "invalid_grant")
        assert (await http.get("/v3/me", granted)).status == 200


class TestCredentials:
    @pytest.mark.parametrize("scope", [None, "read", "write"])
    async def test_client_credentials_give_token_of_owner(
        self, sandbox: Sandbox, http: Api, scope: str | None
    ) -> None:
        owner = sandbox.add_user("Ines Park")
        app = sandbox.add_application("Mine", HOME, owner=owner, confidential=True)
        reply = await token(
            http,
            grant_type="client_credentials",
            client_id=app.client_id,
            client_secret=app.client_secret,
            scope=scope,
        )
        assert reply.body["scope"] == (scope or "read")
        granted = reply.body["access_token"]
        assert (await http.get("/v3/me", granted)).body["id"] == owner
        status = 201 if scope == "write" else 403
        assert (await http.post("/v3/groups", granted, {"name": "New"})).status == status

    async def test_client_credentials_of_public_app_are_refused(
        self, sandbox: Sandbox, http: Api
    ) -> None:
        client_id = sandbox.applications.public.client_id
        reply = await token(http, grant_type="client_credentials", client_id=client_id)
        assert_refused(reply, 400, "unauthorized_client")

    @reads_only
    @pytest.mark.parametrize("scope", ["admin", "read admin", " "])
    async def test_client_credentials_with_unknown_scope_are_refused(
        self, sandbox: Sandbox, http: Api, scope: str
    ) -> None:
        app = sandbox.applications.confidential
        reply = await token(
            http,
            grant_type="client_credentials",
            client_id=app.client_id,
            client_secret=app.client_secret,
            scope=scope,
        )
        assert_refused(reply, 400, "invalid_request")


class TestForms:
    @reads_only
    @pytest.mark.parametrize(
        ("body", "kind"),
        [
            (b'{"grant_type": "client_credentials"}', "application/json"),
            (b"grant_type=client_credentials", "text/plain"),
            (b"", FORM),
            (b"\xff\xfe", FORM),
            (b"grant_type=%ff", FORM),
            (b"grant_type=a&grant_type=b", FORM),
        ],
    )
    async def test_body_other_than_form_is_bad_request(
        self, http: Api, body: bytes, kind: str
    ) -> None:
        assert_refused(await post(http, "/v3/oauth/token", body, kind), 400, "invalid_request")

    @reads_only
    async def test_wrong_method_on_oauth_path_is_not_allowed(self, http: Api) -> None:
        assert (await http.get("/v3/oauth/token")).status == 405
        assert (await http.delete("/oauth/authorize")).status == 405

    async def test_bearer_token_is_ignored(
        self, sandbox: Sandbox, http: Api, app: Application
    ) -> None:
        data = urlencode({k: v for k, v in exchange(app, "x").items() if v}).encode()
        reply = await http.send(
            "POST", "/v3/oauth/token", "nobody", data=data, headers={"Content-Type": FORM}
        )
        assert_refused(reply, 400, "invalid_grant")


class TestApplications:
    async def test_describe_has_applications(self, sandbox: Sandbox) -> None:
        apps = sandbox.applications
        described: Any = sandbox.describe()["applications"]
        assert described["public"] == {
            "client_id": apps.public.client_id,
            "client_secret": None,
            "redirect_uri": "http://127.0.0.1/callback",
        }
        assert described["confidential"]["client_secret"] == apps.confidential.client_secret

    async def test_repr_shows_no_secret(self, sandbox: Sandbox, app: Application) -> None:
        code = code_for(sandbox, app)
        shown = repr([app, sandbox.applications, *vars(sandbox).values()])
        assert code not in shown
        assert str(sandbox.applications.confidential.client_secret) not in shown

    def test_same_seed_gives_same_applications(self) -> None:
        assert Sandbox(seed=3).applications == Sandbox(seed=3).applications
        assert Sandbox(seed=3).applications != Sandbox(seed=4).applications

    def test_add_application_with_invalid_argument_raises(self) -> None:
        sandbox = Sandbox()
        with pytest.raises(ValueError, match="redirect URI"):
            sandbox.add_application("Nowhere")
        for uri in (
            "https://a.example\\@b.example/",
            "https://me@a.example/",
            "/callback",
            "https:",
        ):
            with pytest.raises(ValueError, match="is not a redirect URI"):
                sandbox.add_application("Odd", HOME, uri)
        with pytest.raises(SandboxNotFoundError):
            sandbox.add_application("Nobody's", HOME, owner="no-such-user")
        app = sandbox.applications.public
        with pytest.raises(SandboxNotFoundError):
            sandbox.approve_authorization(f"http://127.0.0.1{page(app)}", user="no-such-user")
