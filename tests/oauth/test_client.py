"""Whole flows against the sandbox: tokens, refusals, failures and what they may show."""

import asyncio
import json
import logging
import pickle
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import aiohttp
import pytest

from arena_groups import (
    ArenaAPIError,
    ArenaClient,
    ArenaConnectionError,
    ArenaError,
    ArenaTimeoutError,
    BlockedError,
    ClientStateError,
    DecodeError,
    ForbiddenError,
    NotFoundError,
    RateLimitError,
    ServerError,
    Timeout,
)
from arena_groups.oauth import (
    AuthorizationCode,
    AuthorizationRequest,
    CallbackError,
    OAuthClient,
    OAuthError,
    OAuthToken,
    Scope,
)
from arena_groups.sandbox import Application, Sandbox
from arena_groups.sandbox.fake_clock import AutoAdvanceClock
from arena_groups.sandbox.faults import Disconnect, PlainText, RateLimited, Reset, ServerFailure
from tests.support.servers import http, serving
from tests.support.traces import files_behind, shown_by

CALLBACK_URL = "http://127.0.0.1:4711/callback"
CLIENT_SECRET = "s3cret-41aa"
CODE = "c0de-71be5a"
STATE = "st4te-5fd1"
VERIFIER = "v3rifier-" * 6
TOKEN = "t0ken-9f2c41d7"
SECRETS = (CLIENT_SECRET, CODE, STATE, VERIFIER, TOKEN)
ENDPOINT = "createOAuthToken"
REQUEST = AuthorizationRequest(f"https://x.example/?state={STATE}", STATE, VERIFIER, CALLBACK_URL)
GRANTED: dict[str, object] = {
    "access_token": TOKEN,
    "token_type": "Bearer",
    "scope": "write",
    "created_at": 1_702_900_000,
}
CALLS: dict[str, Callable[[OAuthClient], Awaitable[OAuthToken]]] = {
    "exchange_code": lambda oauth: oauth.exchange_code(AuthorizationCode(CODE), REQUEST),
    "client_credentials": lambda oauth: oauth.client_credentials(["write"]),
}
calls = pytest.mark.parametrize("call", CALLS)


def assert_clean(text: str) -> None:
    for secret in SECRETS:
        assert secret.lower() not in text.lower()


@pytest.fixture(autouse=True)
def logs(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    caplog.set_level(logging.DEBUG)
    yield caplog
    assert_clean(caplog.text)
    for record in caplog.records:
        assert_clean(f"{vars(record)}")


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> AutoAdvanceClock:
    clock = AutoAdvanceClock()
    monkeypatch.setattr("arena_groups.oauth.client.SystemClock", lambda: clock)
    return clock


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture(params=["public", "confidential"])
def app(sandbox: Sandbox, request: pytest.FixtureRequest) -> Application:
    found: Application = getattr(sandbox.applications, request.param)
    return found


def client_of(sandbox: Sandbox, app: Application, **options: Any) -> OAuthClient:
    given = {
        "client_secret": app.client_secret,
        "redirect_uri": CALLBACK_URL,
        "base_url": sandbox.url,
        "authorize_base_url": sandbox.url,
        **options,
    }
    return OAuthClient(app.client_id, **given)


@pytest.fixture
async def oauth(sandbox: Sandbox, app: Application) -> AsyncIterator[OAuthClient]:
    async with client_of(sandbox, app) as client:
        yield client


def approved(
    oauth: OAuthClient, sandbox: Sandbox, **options: Any
) -> tuple[AuthorizationCode, AuthorizationRequest]:
    request = oauth.authorize_url(**options)
    code = oauth.parse_callback(sandbox.approve_authorization(request.url), request)
    assert isinstance(code, AuthorizationCode)
    return code, request


def sent(sandbox: Sandbox) -> int:
    return sum(each.operation == ENDPOINT for each in sandbox.requests)


class TestTokens:
    async def test_authorization_code_flow_returns_a_token_for_the_person(
        self, sandbox: Sandbox, oauth: OAuthClient
    ) -> None:
        request = oauth.authorize_url([Scope.READ, Scope.WRITE])
        kept = json.dumps(request.to_dict())
        jar = aiohttp.CookieJar(unsafe=True)  # which keeps cookies of an address without a name
        async with aiohttp.ClientSession(cookie_jar=jar) as browser:
            async with browser.get(request.url) as page:
                shown = await page.text()
            form = dict(re.findall(r'type="hidden" name="(\w+)" value="(.*?)"', shown))
            form = {name: unescape(value) for name, value in form.items()}
            async with browser.post(
                f"{sandbox.url}/oauth/authorize",
                data={**form, "user": "2", "decision": "allow"},
                allow_redirects=False,
            ) as response:
                callback = response.headers["Location"]
        again = AuthorizationRequest.from_dict(json.loads(kept))
        code = oauth.parse_callback(callback, again)
        assert isinstance(code, AuthorizationCode)
        token = await oauth.exchange_code(code, again)
        assert token.scopes == (Scope.READ, Scope.WRITE)
        assert token.token_type == "Bearer"
        assert token.created_at == sandbox.now.replace(microsecond=0)
        assert token.access_token not in repr(token)
        async with ArenaClient(token.access_token, base_url=sandbox.url) as arena:
            assert (await arena.me()).id == 2
            assert (await arena.groups.create(name="By an app")).name == "By an app"

    async def test_read_token_cannot_write(self, sandbox: Sandbox, oauth: OAuthClient) -> None:
        token = await oauth.exchange_code(*approved(oauth, sandbox))
        assert token.scopes == (Scope.READ,)
        async with ArenaClient(token.access_token, base_url=sandbox.url) as arena:
            assert (await arena.me()).id == sandbox.users.owner.id
            with pytest.raises(ForbiddenError, match="scope write"):
                await arena.groups.create(name="By an app")

    @pytest.mark.parametrize("scope", list(Scope))
    async def test_client_credentials_returns_a_new_token_each_time(
        self, sandbox: Sandbox, scope: Scope
    ) -> None:
        async with client_of(sandbox, sandbox.applications.confidential) as oauth:
            first, second = [await oauth.client_credentials([scope]) for _ in range(2)]
        assert first.scopes == (scope,)
        assert first.access_token != second.access_token
        async with ArenaClient(first.access_token, base_url=sandbox.url) as arena:
            assert (await arena.me()).id == sandbox.users.owner.id

    async def test_concurrent_flows_return_the_token_of_each_person(
        self, sandbox: Sandbox, oauth: OAuthClient
    ) -> None:
        people = [sandbox.add_user(f"Person {number}") for number in range(8)]

        async def sign_in(user: int) -> int:
            request = oauth.authorize_url()
            code = oauth.parse_callback(
                sandbox.approve_authorization(request.url, user=user), request
            )
            assert isinstance(code, AuthorizationCode)
            token = await oauth.exchange_code(code, request)
            async with ArenaClient(token.access_token, base_url=sandbox.url) as arena:
                return (await arena.me()).id

        assert await asyncio.gather(*map(sign_in, people)) == people

    async def test_external_session_stays_open(self, sandbox: Sandbox, app: Application) -> None:
        async with aiohttp.ClientSession() as session:
            async with client_of(sandbox, app, session=session) as oauth:
                await oauth.exchange_code(*approved(oauth, sandbox))
            assert not session.closed


class TestWire:
    @pytest.mark.parametrize("secret", [None, CLIENT_SECRET])
    async def test_exchange_code_sends_a_form(
        self, secret: str | None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ARENA_TOKEN", TOKEN)
        async with (
            serving(http(GRANTED)) as server,
            OAuthClient("an-app", client_secret=secret, base_url=server.url) as oauth,
        ):
            await CALLS["exchange_code"](oauth)
        (received,) = server.requests
        assert (received.method, received.target) == ("POST", "/v3/oauth/token")
        assert received.headers["content-type"] == "application/x-www-form-urlencoded"
        assert received.headers["accept"] == "application/json"
        assert received.headers["user-agent"].startswith("arena-groups/")
        assert "authorization" not in received.headers
        own = {} if secret is None else {"client_secret": secret}
        assert dict(parse_qsl(received.body.decode(), strict_parsing=True)) == {
            "grant_type": "authorization_code",
            "client_id": "an-app",
            "code": CODE,
            "redirect_uri": CALLBACK_URL,
            "code_verifier": VERIFIER,
            **own,
        }

    async def test_client_credentials_sends_a_form(self) -> None:
        odd = "a+b&c=%d"
        async with (
            serving(http(GRANTED)) as server,
            OAuthClient("an-app", client_secret=odd, base_url=server.url) as oauth,
        ):
            token = await oauth.client_credentials(["read", "write"])
        assert dict(parse_qsl(server.requests[0].body.decode(), strict_parsing=True)) == {
            "grant_type": "client_credentials",
            "client_id": "an-app",
            "client_secret": odd,
            "scope": "read write",
        }
        assert token == OAuthToken(
            access_token=TOKEN,
            token_type="Bearer",
            scopes=(Scope.WRITE,),
            created_at=datetime(2023, 12, 18, 11, 46, 40, tzinfo=UTC),
        )

    @calls
    @pytest.mark.parametrize(
        ("changes", "problem"),
        [
            ({"access_token": f"{TOKEN}\n"}, "access_token: holds a space"),
            ({"access_token": ""}, "access_token: is empty"),
            ({"access_token": [TOKEN]}, "access_token: expected string, got array"),
            ({"token_type": "mac"}, "token_type: is not Bearer"),
            ({"scope": None}, "scope: expected string, got null"),
            ({"scope": "read\n"}, "scope: holds a character"),
            ({"scope": "read\twrite"}, "scope: holds a character"),
            ({"scope": "read \x1b[2Jwrite"}, "scope: holds a character"),
            ({"scope": "read\u2028"}, "scope: holds a character"),
            ({"scope": 'read "write"'}, "scope: holds a character"),
            ({"error": "invalid_grant"}, "error: is there beside a token"),
            ({"error": ""}, "error: is there beside a token"),
            ({"error": {"type": "x"}}, "error: expected"),
            ({"created_at": 10**18}, "created_at: is a time that does not exist"),
            ({"created_at": str(TOKEN)}, "created_at: expected integer"),
        ],
    )
    async def test_unusable_token_raises_decode_error(
        self, call: str, changes: dict[str, object], problem: str
    ) -> None:
        async with (
            serving(http({**GRANTED, **changes})) as server,
            OAuthClient("an-app", client_secret=CLIENT_SECRET, base_url=server.url) as oauth,
        ):
            with pytest.raises(DecodeError) as caught:
                await CALLS[call](oauth)
        assert problem in str(caught.value)
        assert caught.value.outcome_unknown
        assert_clean(shown_by(caught.value))
        assert len(server.requests) == 1

    async def test_token_type_is_compared_without_case(self) -> None:
        response = http({**GRANTED, "token_type": "bearer", "scope": "read tomorrow", "more": 1})
        async with (
            serving(response) as server,
            OAuthClient("an-app", base_url=server.url) as oauth,
        ):
            token = await CALLS["exchange_code"](oauth)
        assert token.scopes == (Scope.READ, Scope("tomorrow"))

    @pytest.mark.parametrize(
        ("asked", "granted", "extra"),
        [
            (("read",), "read write", "write"),
            (("read",), "write admin", "write admin"),
            (("write",), "read write", None),
            (("write",), "read", None),
            (("read", "write"), "write", None),
            (("read",), "read", None),
        ],
    )
    async def test_more_scope_than_requested_is_kept_and_logged(
        self,
        caplog: pytest.LogCaptureFixture,
        asked: tuple[str, ...],
        granted: str,
        extra: str | None,
    ) -> None:
        response = http({**GRANTED, "scope": granted})
        async with (
            serving(response) as server,
            OAuthClient(
                "an-app", client_secret="s", redirect_uri=CALLBACK_URL, base_url=server.url
            ) as oauth,
        ):
            request = oauth.authorize_url(asked)
            tokens = [
                await oauth.exchange_code(AuthorizationCode(CODE), request),
                await oauth.client_credentials(asked),
            ]
        assert {token.scopes for token in tokens} == {tuple(map(Scope, granted.split()))}
        warnings = [each for each in caplog.records if each.levelno == logging.WARNING]
        expected = f"the provider granted more than requested: {extra}"
        assert [each.getMessage() for each in warnings] == ([expected] * 2 if extra else [])


class TestRefusals:
    async def test_person_who_denies_returns_access_denied(
        self, sandbox: Sandbox, oauth: OAuthClient
    ) -> None:
        request = oauth.authorize_url()
        result = oauth.parse_callback(sandbox.deny_authorization(request.url), request)
        assert isinstance(result, CallbackError)
        assert result.denied
        with pytest.raises(OAuthError, match="access_denied"):
            raise result

    async def test_callback_of_another_request_is_a_mismatch(
        self, sandbox: Sandbox, oauth: OAuthClient
    ) -> None:
        mine, other = oauth.authorize_url(), oauth.authorize_url()
        result = oauth.parse_callback(sandbox.approve_authorization(other.url), mine)
        assert isinstance(result, CallbackError)
        assert result.error == "state_mismatch"

    async def test_unknown_scope_returns_invalid_scope(
        self, sandbox: Sandbox, oauth: OAuthClient
    ) -> None:
        request = oauth.authorize_url(["admin"])
        result = oauth.parse_callback(sandbox.approve_authorization(request.url), request)
        assert isinstance(result, CallbackError)
        assert result.error == "invalid_scope"

    async def test_code_used_twice_raises_invalid_grant(
        self, sandbox: Sandbox, oauth: OAuthClient
    ) -> None:
        code, request = approved(oauth, sandbox)
        await oauth.exchange_code(code, request)
        with pytest.raises(OAuthError) as caught:
            await oauth.exchange_code(code, request)
        error = caught.value
        assert (error.error, error.status, error.attempts) == ("invalid_grant", 400, 1)
        assert error.description
        assert error.request_id
        assert not error.outcome_unknown
        assert "authorize_url" in str(error)
        assert sent(sandbox) == 2

    async def test_expired_code_raises_invalid_grant(
        self, sandbox: Sandbox, oauth: OAuthClient
    ) -> None:
        code, request = approved(oauth, sandbox)
        sandbox.advance(601)
        with pytest.raises(OAuthError, match="invalid_grant"):
            await oauth.exchange_code(code, request)

    async def test_verifier_of_another_request_raises_invalid_grant(
        self, sandbox: Sandbox, oauth: OAuthClient
    ) -> None:
        code, _ = approved(oauth, sandbox)
        with pytest.raises(OAuthError, match="invalid_grant"):
            await oauth.exchange_code(code, oauth.authorize_url())

    async def test_other_redirect_uri_is_refused(
        self, sandbox: Sandbox, app: Application, oauth: OAuthClient
    ) -> None:
        code, request = approved(oauth, sandbox)
        kept = {**request.to_dict(), "redirect_uri": "http://127.0.0.1:4712/callback"}
        with pytest.raises(OAuthError, match="invalid_grant"):
            await oauth.exchange_code(code, AuthorizationRequest.from_dict(kept))
        async with client_of(sandbox, app, redirect_uri="https://evil.example/") as other:
            with pytest.raises(ValueError, match="redirect_uri"):
                sandbox.approve_authorization(other.authorize_url().url)

    async def test_wrong_secret_raises_invalid_client(self, sandbox: Sandbox) -> None:
        app = sandbox.applications.confidential
        async with client_of(sandbox, app, client_secret=CLIENT_SECRET) as oauth:
            code, request = approved(oauth, sandbox)
            for call in (oauth.exchange_code(code, request), oauth.client_credentials()):
                with pytest.raises(OAuthError) as caught:
                    await call
                assert (caught.value.error, caught.value.status) == ("invalid_client", 401)
                assert "client_secret" in str(caught.value)
                assert_clean(shown_by(caught.value))

    async def test_unregistered_flow_raises_unauthorized_client(self, sandbox: Sandbox) -> None:
        public = sandbox.applications.public
        async with (
            serving(http({"error": "unauthorized_client"}, "400 Bad Request")) as server,
            OAuthClient(public.client_id, client_secret=TOKEN, base_url=server.url) as oauth,
        ):
            with pytest.raises(OAuthError, match="not registered for this flow"):
                await oauth.client_credentials()


class TestFailures:
    @pytest.mark.parametrize("fault", [Disconnect(after=True), Reset(after=True), Disconnect()])
    async def test_lost_connection_does_not_repeat_the_exchange(
        self, sandbox: Sandbox, oauth: OAuthClient, fault: Any
    ) -> None:
        code, request = approved(oauth, sandbox)
        with (
            sandbox.faults.add(fault, operation=ENDPOINT),
            pytest.raises(ArenaConnectionError) as caught,
        ):
            await oauth.exchange_code(code, request)
        assert caught.value.outcome_unknown
        assert "start again with authorize_url" in str(caught.value)
        assert sent(sandbox) == 1

    @pytest.mark.parametrize(
        "fault", [ServerFailure(503), ServerFailure(502, html=True, after=True)]
    )
    async def test_server_error_does_not_repeat_the_exchange(
        self, sandbox: Sandbox, oauth: OAuthClient, fault: Any
    ) -> None:
        code, request = approved(oauth, sandbox)
        with sandbox.faults.add(fault, operation=ENDPOINT), pytest.raises(ServerError) as caught:
            await oauth.exchange_code(code, request)
        assert caught.value.outcome_unknown
        assert sent(sandbox) == 1

    async def test_request_that_was_not_sent_is_retried(
        self, sandbox: Sandbox, oauth: OAuthClient, clock: AutoAdvanceClock
    ) -> None:
        code, request = approved(oauth, sandbox)
        await sandbox.aclose()
        with pytest.raises(ArenaConnectionError) as caught:
            await oauth.exchange_code(code, request)
        assert caught.value.attempts == 3
        assert not caught.value.request_sent
        assert not caught.value.outcome_unknown
        assert len(clock.waits) == 2
        await sandbox.start()
        assert await oauth.exchange_code(code, request)

    async def test_rate_limit_is_raised_without_waiting(
        self, sandbox: Sandbox, oauth: OAuthClient, clock: AutoAdvanceClock
    ) -> None:
        code, request = approved(oauth, sandbox)
        with (
            sandbox.faults.add(RateLimited(retry_after=7), operation=ENDPOINT),
            pytest.raises(RateLimitError) as caught,
        ):
            await oauth.exchange_code(code, request)
        assert caught.value.retry_after == 7
        assert clock.waits == []
        assert await oauth.exchange_code(code, request)

    async def test_text_instead_of_token_raises_decode_error(
        self, sandbox: Sandbox, oauth: OAuthClient
    ) -> None:
        code, request = approved(oauth, sandbox)
        with (
            sandbox.faults.add(PlainText(), operation=ENDPOINT),
            pytest.raises(DecodeError, match="not JSON"),
        ):
            await oauth.exchange_code(code, request)
        assert sent(sandbox) == 1

    @calls
    async def test_silent_server_raises_timeout(self, call: str) -> None:
        async with (
            serving(b"") as server,
            OAuthClient(
                "an-app",
                client_secret=CLIENT_SECRET,
                base_url=server.url,
                timeout=Timeout(total=0.02),
            ) as oauth,
        ):
            with pytest.raises(ArenaTimeoutError) as caught:
                await CALLS[call](oauth)
        assert caught.value.outcome_unknown
        assert_clean(shown_by(caught.value))
        assert len(server.requests) <= 1

    @calls
    async def test_cancelled_call_shows_no_secret(self, call: str) -> None:
        async with (
            serving(b"") as server,
            OAuthClient("an-app", client_secret=CLIENT_SECRET, base_url=server.url) as oauth,
        ):
            task = asyncio.create_task(CALLS[call](oauth))  # type: ignore[arg-type]
            await server.wait_for_requests(1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError) as caught:
                await task
        assert_clean(shown_by(caught.value, within="arena_groups"))

    @calls
    async def test_closed_client_raises_without_showing_a_secret(self, call: str) -> None:
        oauth = OAuthClient("an-app", client_secret=CLIENT_SECRET)
        await oauth.aclose()
        with pytest.raises(ClientStateError) as caught:
            await CALLS[call](oauth)
        assert_clean(shown_by(caught.value))


ECHO = " ".join(SECRETS)
RESPONSES = {
    **{
        f"{status} that repeats everything it received": http(
            {"error": "invalid_grant", "error_description": ECHO, "more": [ECHO]},
            f"{status} No {CODE}",
            X_Request_Id=f"r-{CODE}-{CLIENT_SECRET}",
        )
        for status in (400, 401, 403, 404, 422, 429, 500)
    },
    "a name that is a secret": http({"error": CODE}, "400 No"),
    "a refusal in the API's own shape": http(
        {"error": f"No {CODE}", "code": 401, "details": {"message": CLIENT_SECRET}}, "401 No"
    ),
    "html": http(f"<p>{CODE} {CLIENT_SECRET} {VERIFIER}".encode(), "403 No"),
    "a token that is cut": http(f'{{"access_token": "{TOKEN}'.encode()),
    "half a token": http(f'{{"access_token": "{TOKEN}"'.encode(), length=999),
    "another shape": http({"access_token": {TOKEN: TOKEN}, "token_type": TOKEN, "scope": [TOKEN]}),
    "a token that is none": http({**GRANTED, "access_token": f"{TOKEN} {TOKEN}"}),
    "a redirect": http(b"", "302 Found", Location=f"https://evil.example/{CODE}"),
    "no http": f"{CODE} {TOKEN}\r\n\r\n".encode(),
    "nothing": b"",
}


@calls
@pytest.mark.parametrize("response", RESPONSES)
async def test_failure_shows_no_secret(response: str, call: str) -> None:
    known = {CODE, VERIFIER, CLIENT_SECRET} if call == "exchange_code" else {CLIENT_SECRET}
    # A secret that only a hostile server knows cannot be distinguished from other words.
    raw = RESPONSES[response]
    if "repeats" in response or response == "a name that is a secret" or "own shape" in response:
        for secret in set(SECRETS) - known:
            raw = raw.replace(secret.encode(), b"x" * len(secret))
    async with (
        serving(raw, closing=True) as server,
        OAuthClient("an-app", client_secret=CLIENT_SECRET, base_url=server.url) as oauth,
    ):
        with pytest.raises(ArenaError) as caught:
            await CALLS[call](oauth)
    assert len(server.requests) == 1 or "429" in response
    assert_clean(shown_by(caught.value))
    assert_clean(pickle.dumps(caught.value, 0).decode("latin-1"))
    assert_clean(repr(oauth))
    assert {Path(file).parent.name for file in files_behind(caught.value)} <= {
        "_api",
        "_http",
        "codec",
        "oauth",
    }


@calls
@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (http({"error": "Not Found", "code": 404}, "404 Not Found"), NotFoundError),
        (http(b"<p>No", "403 Forbidden"), BlockedError),
        (http(b"error code: 1010", "403 Forbidden"), BlockedError),
        (http({"title": "Error 1010"}, "403 Forbidden"), BlockedError),
        (http({"error": "access_denied"}, "403 Forbidden"), OAuthError),
        (http({"error": "Bad Request", "code": 400}, "400 Bad Request"), OAuthError),
        (http({"error": "slow_down"}, "418 No"), OAuthError),
        (http(b"", "302 Found", Location="https://evil.example/"), ArenaAPIError),
    ],
)
async def test_error_response_raises_its_class(
    call: str, response: bytes, kind: type[ArenaError]
) -> None:
    async with (
        serving(response) as server,
        OAuthClient("an-app", client_secret=CLIENT_SECRET, base_url=server.url) as oauth,
    ):
        with pytest.raises(kind) as caught:
            await CALLS[call](oauth)
    assert "ARENA_TOKEN" not in str(caught.value)
    assert len(server.requests) == 1
