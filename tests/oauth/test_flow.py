"""Authorization requests, callbacks and arguments, without a server."""

import copy
import hashlib
import pickle
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote_plus, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import MultiDict

from arena_groups.oauth import (
    AuthorizationCode,
    AuthorizationRequest,
    CallbackError,
    OAuthClient,
    OAuthError,
    Scope,
)
from tests.support.django_settings import configure_django
from tests.support.traces import shown_by

CALLBACK_URL = "https://app.example.org/callback"
SECRET = "s3cret-41aa"
STATE = "st4te-77"
ISSUER = "https://www.are.na"
VERIFIER = "v3rifier-" * 6
REQUEST = AuthorizationRequest(
    "https://www.are.na/oauth/authorize?…", STATE, VERIFIER, CALLBACK_URL
)


def app(**options: Any) -> OAuthClient:
    options.setdefault("redirect_uri", CALLBACK_URL)
    return OAuthClient("an-app", **options)


def query_of(request: AuthorizationRequest) -> dict[str, str]:
    pairs = parse_qsl(urlsplit(request.url).query, keep_blank_values=True, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


class TestRequest:
    @pytest.mark.parametrize("secret", [None, SECRET])
    def test_authorize_url_requests_a_code_with_pkce(self, secret: str | None) -> None:
        request = app(client_secret=secret).authorize_url()
        assert request.url.startswith("https://www.are.na/oauth/authorize?")
        digest = hashlib.sha256(request.verifier.encode()).digest()
        assert query_of(request) == {
            "response_type": "code",
            "client_id": "an-app",
            "redirect_uri": CALLBACK_URL,
            "scope": "read",
            "state": request.state,
            "code_challenge": urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        assert re.fullmatch(r"[A-Za-z0-9._~-]{43,128}", request.verifier)
        assert request.redirect_uri == CALLBACK_URL
        assert SECRET not in request.url
        assert request.verifier not in request.url

    def test_authorize_url_is_different_each_time(self) -> None:
        client = app()
        requests = [client.authorize_url() for _ in range(50)]
        assert len({each.state for each in requests}) == 50
        assert len({each.verifier for each in requests}) == 50

    @pytest.mark.parametrize(
        ("scopes", "sent"),
        [
            ([Scope.READ, Scope.WRITE], "read write"),
            (("write", "write"), "write"),
            ("read write", "read write"),
            (iter(["tomorrow"]), "tomorrow"),
        ],
    )
    def test_authorize_url_sends_each_scope_once(self, scopes: Any, sent: str) -> None:
        assert query_of(app().authorize_url(scopes))["scope"] == sent

    @pytest.mark.parametrize("scopes", [(), "", [""], ["read write"], ['"'], ["é"], ["a\n"]])
    def test_authorize_url_with_bad_scope_raises(self, scopes: Any) -> None:
        with pytest.raises(ValueError, match="scope"):
            app().authorize_url(scopes)

    @pytest.mark.parametrize(
        ("base", "start"),
        [
            ("https://arena.example/", "https://arena.example/oauth/authorize?"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/oauth/authorize?"),
            ("http://[::1]:8080/at/", "http://[::1]:8080/at/oauth/authorize?"),
        ],
    )
    def test_authorize_url_uses_authorize_base_url(self, base: str, start: str) -> None:
        request = app(authorize_base_url=base).authorize_url()
        assert request.url.startswith(start)
        assert query_of(request)["state"] == request.state

    @pytest.mark.parametrize(
        ("base_url", "variable", "start"),
        [
            (None, "", "https://www.are.na"),
            ("https://api.are.na/", "", "https://www.are.na"),
            (None, "http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
            ("https://arena.example", "", "https://arena.example"),
            ("https://api.are.na", "http://127.0.0.1:8080", "https://www.are.na"),
        ],
    )
    def test_authorize_url_without_authorize_base_url_belongs_to_the_api(
        self, monkeypatch: pytest.MonkeyPatch, base_url: str | None, variable: str, start: str
    ) -> None:
        monkeypatch.setenv("ARENA_BASE_URL", variable)
        request = app(base_url=base_url).authorize_url()
        assert request.url.startswith(f"{start}/oauth/authorize?")

    def test_authorize_url_without_redirect_uri_raises(self) -> None:
        with pytest.raises(ValueError, match="redirect_uri"):
            app(redirect_uri=None).authorize_url()


class TestArguments:
    @pytest.mark.parametrize(
        "options",
        [
            {"client_id": ""},
            {"client_id": "an app"},
            {"client_secret": ""},
            {"client_secret": f"{SECRET}\n"},
            {"base_url": "http://api.example"},
            {"base_url": "nowhere"},
            {"authorize_base_url": "http://www.example"},
            {"authorize_base_url": "https://www.example/?a=b"},
            {"redirect_uri": "http://app.example/callback"},
            {"redirect_uri": "/callback"},
            {"redirect_uri": "https:///callback"},
            {"redirect_uri": "https://app.example/#callback"},
            {"redirect_uri": "https://app.example/call back"},
            {"redirect_uri": "https://äpp.example/"},
            {"redirect_uri": "https://[app.example/"},
            {"redirect_uri": "http://evil.example\\@127.0.0.1/callback"},
            {"redirect_uri": "https://me@app.example/"},
            {"redirect_uri": "http://app.localhost/callback"},
            {"redirect_uri": "http://127.0.0.1:65536/callback"},
            {"redirect_uri": "http://127.0.0.1:port/callback"},
            {"redirect_uri": "http://127.0.0.1:/callback"},
            {"redirect_uri": "http://127.0.0.1:0/callback"},
            {"redirect_uri": "http://2130706433/callback"},
            {"redirect_uri": "http://[::ffff:127.0.0.1]/callback"},
            {"issuer": ""},
        ],
    )
    def test_bad_argument_raises_without_showing_the_secret(self, options: dict[str, Any]) -> None:
        (name,) = options
        given = {"client_id": "an-app", "client_secret": SECRET, **options}
        with pytest.raises(ValueError, match=name) as caught:
            OAuthClient(given.pop("client_id"), **given)
        assert SECRET not in shown_by(caught.value)

    @pytest.mark.parametrize("secret", [[SECRET], 7, SECRET.encode()])
    def test_secret_of_another_type_raises_without_showing_it(self, secret: Any) -> None:
        with pytest.raises(TypeError, match="client_secret") as caught:
            app(client_secret=secret)
        assert SECRET not in shown_by(caught.value)

    @pytest.mark.parametrize(
        "redirect_uri",
        [
            "http://127.0.0.1:8000/callback",
            "http://localhost:8000",
            "http://[::1]:8000/callback?from=arena",
            "com.example.app:/callback",
            "https://app.example/",
        ],
    )
    def test_redirect_uri_is_sent_as_given(self, redirect_uri: str) -> None:
        request = app(redirect_uri=redirect_uri).authorize_url()
        assert query_of(request)["redirect_uri"] == request.redirect_uri == redirect_uri

    def test_insecure_http_allows_http_urls(self) -> None:
        urls = dict.fromkeys(("base_url", "authorize_base_url", "redirect_uri"), "http://a.example")
        assert app(insecure_http=True, **urls).authorize_url().url.startswith("http://a.example/")

    async def test_client_credentials_without_secret_raises(self) -> None:
        async with app() as client:
            with pytest.raises(ValueError, match="client_secret"):
                await client.client_credentials()

    async def test_client_is_closed_by_async_with(self) -> None:
        client = app(client_secret=SECRET)
        assert (repr(client), client.closed) == ("<OAuthClient open>", False)
        async with client:
            pass
        await client.aclose()
        assert (repr(client), client.closed) == ("<OAuthClient closed>", True)


class ListOfEach(dict[str, str]):
    """The query of a web framework: a mapping of the last values, which has the others too."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        super().__init__(pairs)
        self._pairs = pairs

    def getlist(self, name: str) -> list[str]:
        return [value for key, value in self._pairs if key == name]


def parsed(callback: Any) -> AuthorizationCode | CallbackError:
    return app().parse_callback(callback, REQUEST)


def refused(callback: Any) -> CallbackError:
    found = parsed(callback)
    assert isinstance(found, CallbackError)
    return found


class TestCallback:
    @pytest.mark.parametrize(
        "callback",
        [
            f"{CALLBACK_URL}?code=c0de&state={STATE}",
            f"{CALLBACK_URL}?code=c0de&state={STATE}#fragment",
            f"/callback?state={STATE}&code=c0de&iss=https%3A%2F%2Fwww.are.na",
            f"?code=c0de&state={STATE}",
            f"code=c0de&state={STATE}",
            {"code": "c0de", "state": STATE},
            MultiDict([("code", "c0de"), ("state", STATE), ("a", "1"), ("a", "2")]),
            ListOfEach([("code", "c0de"), ("state", STATE), ("a", "1"), ("a", "2")]),
        ],
    )
    def test_callback_with_code_returns_it(self, callback: Any) -> None:
        assert parsed(callback) == AuthorizationCode("c0de")

    @pytest.mark.parametrize(
        "callback",
        [
            f"{CALLBACK_URL}?code=c0de",
            f"{CALLBACK_URL}?code=c0de&state=",
            f"{CALLBACK_URL}?code=c0de&state=other",
            f"{CALLBACK_URL}?code=c0de&state={STATE}x",
            f"{CALLBACK_URL}?code=c0de&state={STATE[:-1]}",
            f"{CALLBACK_URL}?code=c0de&state={STATE.upper()}",
            f"{CALLBACK_URL}?error=access_denied&state=other",
            {"code": "c0de", "state": "\ud800"},
            "",
            CALLBACK_URL,
        ],
    )
    def test_callback_with_wrong_state_is_a_mismatch(self, callback: Any) -> None:
        assert refused(callback).error == "state_mismatch"

    @pytest.mark.parametrize(
        "issuer",
        [
            "https%3A%2F%2Fwww.are.na%2F", "https%3A%2F%2Fevil.example", "",
            "http%3A%2F%2Fwww.are.na",
            "https%3A%2F%2Fwww.are.na.evil", "HTTPS%3A%2F%2FWWW.ARE.NA", "www.are.na",
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("outcome", ["code=c0de", "error=access_denied"])
    def test_callback_of_another_issuer_is_refused(self, issuer: str, outcome: str) -> None:
        error = refused(f"?{outcome}&state={STATE}&iss={issuer}")
        assert error.error == "issuer_mismatch"
        assert "c0de" not in str(error)

    def test_issuer_of_another_state_is_a_mismatch_of_the_state(self) -> None:
        assert refused("?code=c0de&state=other&iss=https%3A%2F%2Fx").error == "state_mismatch"

    @pytest.mark.parametrize(
        ("options", "issuer"),
        [
            ({"authorize_base_url": "https://a.example:8443/are.na"}, "https://a.example:8443"),
            ({"issuer": "https://issuer.example/tenant"}, "https://issuer.example/tenant"),
        ],
    )
    def test_issuer_is_the_origin_or_the_argument(
        self, options: dict[str, Any], issuer: str
    ) -> None:
        query = {"code": "c0de", "state": STATE, "iss": issuer}
        assert app(**options).parse_callback(query, REQUEST) == AuthorizationCode("c0de")
        query["iss"] = ISSUER
        assert isinstance(app(**options).parse_callback(query, REQUEST), CallbackError)

    @pytest.mark.parametrize(
        "library", ["starlette.datastructures", "django.http", "multidict", "httpx"]
    )
    @pytest.mark.parametrize("name", ["code", "state", "iss", "error"])
    def test_parameter_that_comes_twice_is_refused_in_each_framework(
        self, library: str, name: str
    ) -> None:
        module = pytest.importorskip(library)
        values = {"code": "c0de", "state": STATE, "iss": ISSUER, "error": ""}
        once = list(values.items())
        pairs = [*once, (name, values[name])]
        if library == "multidict":
            query, single = module.MultiDict(pairs), module.MultiDict(once)
        elif library == "django.http":
            configure_django()
            query, single = module.QueryDict(urlencode(pairs)), module.QueryDict(urlencode(once))
        else:
            query, single = module.QueryParams(pairs), module.QueryParams(once)
        assert parsed(single) == AuthorizationCode("c0de")
        assert refused(query).error == "malformed_callback"

    def test_empty_state_matches_nothing(self) -> None:
        request = AuthorizationRequest("https://x", "", VERIFIER, CALLBACK_URL)
        found = app().parse_callback("?code=c0de&state=", request)
        assert isinstance(found, CallbackError)
        assert found.error == "state_mismatch"

    def test_callback_of_person_who_denies_has_denied_set(self) -> None:
        error = refused(f"?error=access_denied&error_description=No%0Athanks&state={STATE}")
        assert error.denied
        assert (error.error, error.description, error.status) == (
            "access_denied",
            "No thanks",
            None,
        )
        assert str(error) == "access_denied: No thanks"

    def test_callback_with_error_and_code_is_an_error(self) -> None:
        error = refused(f"?error=invalid_scope&code=c0de&state={STATE}")
        assert (error.error, error.denied) == ("invalid_scope", False)

    @pytest.mark.parametrize("code", ["", "&code=", "&code=%20", "&code=a%0Ab", "&code=%C3%A9"])
    def test_callback_without_usable_code_is_missing_code(self, code: str) -> None:
        assert refused(f"?state={STATE}{code}").error == "missing_code"

    @pytest.mark.parametrize(
        "callback",
        [
            f"?code=c0de&state={STATE}&code=c0de",
            f"?code=c0de&state={STATE}&state={STATE}",
            MultiDict([("code", "c0de"), ("state", STATE), ("state", "other")]),
            {"code": ["c0de"], "state": STATE},
            ListOfEach([("code", "c0de"), ("state", STATE), ("code", "c0de")]),
            ListOfEach([("code", "c0de"), ("state", "other"), ("state", STATE)]),
            ListOfEach([("code", "c0de"), ("state", STATE), ("iss", ISSUER), ("iss", ISSUER)]),
            {"code": b"c0de", "state": STATE},
            f"?code={'c' * 20_000}&state={STATE}",
            f"?code=c0de&state={STATE}{'&a=1' * 200}",
            None,
            7,
            b"code=c0de",
            [("code", "c0de")],
        ],
    )
    def test_callback_that_is_malformed_is_an_error(self, callback: Any) -> None:
        assert refused(callback).error == "malformed_callback"

    def test_callback_mapping_that_raises_is_an_error(self) -> None:
        class Broken(dict[str, str]):
            def items(self) -> Any:
                raise RuntimeError("broken")

        assert refused(Broken()).error == "malformed_callback"

    def test_error_description_is_one_line_without_secrets(self) -> None:
        said = f"\x1b[31mred {STATE} {VERIFIER} c0de-91\r\n" + "x" * 900
        url = f"?error=bad%1b&code=c0de-91&error_description={quote_plus(said)}&state={STATE}"
        error = refused(url)
        assert error.error == "bad"
        assert error.description.startswith("[31mred [secret] [secret] [secret] xxx")
        assert len(error.description) == 500

    @given(
        st.one_of(
            st.text(),
            st.text().map(lambda text: f"?state={STATE}&{text}"),
            st.dictionaries(st.text(), st.text()),
            st.dictionaries(st.sampled_from(["code", "error", "error_description"]), st.text()).map(
                lambda found: {**found, "state": STATE}
            ),
            st.none() | st.binary() | st.integers() | st.lists(st.text()),
        )
    )
    def test_parse_callback_never_raises(self, callback: object) -> None:
        found = parsed(callback)
        assert isinstance(found, AuthorizationCode | CallbackError)
        if isinstance(found, AuthorizationCode):
            assert re.fullmatch(r"[!-~]+", found.code)
        else:
            assert str(found).isprintable()

    def test_callback_may_be_any_mapping(self) -> None:
        class Frozen(Mapping[str, str]):
            def __getitem__(self, key: str) -> str:
                return {"code": "c0de", "state": STATE}[key]

            def __iter__(self) -> Any:
                return iter(("code", "state"))

            def __len__(self) -> int:
                return 2

        assert parsed(Frozen()) == AuthorizationCode("c0de")


class TestErrors:
    def test_text_of_an_error_has_status_name_description_and_hint(self) -> None:
        error = OAuthError(
            "invalid_grant", description="It was used.", status=400, hint="start again"
        )
        assert str(error) == "400 invalid_grant: It was used. (start again)"
        assert str(OAuthError("invalid_grant", status=400)) == "400 invalid_grant"

    @pytest.mark.parametrize(
        "error",
        [
            OAuthError("invalid_client", description="No.", status=401, request_id="r", hint="h"),
            CallbackError("access_denied", description="No."),
        ],
    )
    def test_error_survives_pickling_and_copying(self, error: OAuthError) -> None:
        error.attempts = 2
        for again in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error)):
            assert type(again) is type(error)
            assert vars(again) == vars(error)
            assert str(again) == str(error)
