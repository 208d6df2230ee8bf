"""OAuth without a server: what is asked for, what comes back, and what is refused at once."""

import copy
import hashlib
import pickle
import re
import subprocess
import sys
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote_plus, urlsplit

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
from tests.support.traces import shown_by

HOME = "https://app.example.org/callback"
SECRET = "s3cret-41aa"
STATE = "st4te-77"
VERIFIER = "v3rifier-" * 6
REQUEST = AuthorizationRequest("https://www.are.na/oauth/authorize?…", STATE, VERIFIER, HOME)


def app(**options: Any) -> OAuthClient:
    options.setdefault("redirect_uri", HOME)
    return OAuthClient("an-app", **options)


def query_of(request: AuthorizationRequest) -> dict[str, str]:
    pairs = parse_qsl(urlsplit(request.url).query, keep_blank_values=True, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


class TestRequest:
    @pytest.mark.parametrize("secret", [None, SECRET])
    def test_it_asks_for_a_code_with_pkce(self, secret: str | None) -> None:
        request = app(client_secret=secret).authorize_url()
        assert request.url.startswith("https://www.are.na/oauth/authorize?")
        digest = hashlib.sha256(request.verifier.encode()).digest()
        assert query_of(request) == {
            "response_type": "code",
            "client_id": "an-app",
            "redirect_uri": HOME,
            "scope": "read",
            "state": request.state,
            "code_challenge": urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        assert re.fullmatch(r"[A-Za-z0-9._~-]{43,128}", request.verifier)
        assert request.redirect_uri == HOME
        assert SECRET not in request.url
        assert request.verifier not in request.url

    def test_no_two_are_the_same(self) -> None:
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
    def test_scopes(self, scopes: Any, sent: str) -> None:
        assert query_of(app().authorize_url(scopes))["scope"] == sent

    @pytest.mark.parametrize("scopes", [(), "", [""], ["read write"], ['"'], ["é"], ["a\n"]])
    def test_what_can_be_no_scope(self, scopes: Any) -> None:
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
    def test_it_can_lead_elsewhere(self, base: str, start: str) -> None:
        request = app(authorize_base_url=base).authorize_url()
        assert request.url.startswith(start)
        assert query_of(request)["state"] == request.state

    def test_it_can_be_kept_in_a_session(self) -> None:
        request = app().authorize_url()
        kept = request.to_dict()
        assert {type(value) for value in kept.values()} == {str}
        assert AuthorizationRequest.from_dict(kept) == request
        assert pickle.loads(pickle.dumps(request)) == copy.copy(request) == request

    @pytest.mark.parametrize(
        "changes", [{"state": None}, {"verifier": ""}, {"redirect_uri": 7}, {"url": ["x"]}]
    )
    def test_what_was_not_kept_whole_is_refused(self, changes: dict[str, object]) -> None:
        with pytest.raises(ValueError, match="to_dict") as caught:
            AuthorizationRequest.from_dict({**REQUEST.to_dict(), **changes})
        shown = shown_by(caught.value)
        assert STATE not in shown
        assert VERIFIER not in shown

    def test_nothing_secret_shows(self) -> None:
        request = app().authorize_url()
        assert repr(request) == f"AuthorizationRequest(redirect_uri={HOME!r})"
        assert repr(AuthorizationCode("c0de")) == "AuthorizationCode()"

    def test_it_needs_a_way_back(self) -> None:
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
        ],
    )
    def test_what_cannot_be_right(self, options: dict[str, Any]) -> None:
        (name,) = options
        given = {"client_id": "an-app", "client_secret": SECRET, **options}
        with pytest.raises(ValueError, match=name) as caught:
            OAuthClient(given.pop("client_id"), **given)
        assert SECRET not in shown_by(caught.value)

    @pytest.mark.parametrize("secret", [[SECRET], 7, SECRET.encode()])
    def test_a_secret_is_a_string(self, secret: Any) -> None:
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
    def test_ways_back(self, redirect_uri: str) -> None:
        request = app(redirect_uri=redirect_uri).authorize_url()
        assert query_of(request)["redirect_uri"] == request.redirect_uri == redirect_uri

    def test_plain_http_can_be_allowed(self) -> None:
        places = dict.fromkeys(
            ("base_url", "authorize_base_url", "redirect_uri"), "http://a.example"
        )
        assert app(insecure_http=True, **places).authorize_url().url.startswith("http://a.example/")

    async def test_an_app_without_a_secret_has_no_credentials(self) -> None:
        async with app() as client:
            with pytest.raises(ValueError, match="client_secret"):
                await client.client_credentials()

    async def test_it_closes(self) -> None:
        client = app(client_secret=SECRET)
        assert (repr(client), client.closed) == ("<OAuthClient open>", False)
        async with client:
            pass
        await client.aclose()
        assert (repr(client), client.closed) == ("<OAuthClient closed>", True)


def parsed(visited: Any) -> AuthorizationCode | CallbackError:
    return app().parse_callback(visited, REQUEST)


def refused(visited: Any) -> CallbackError:
    found = parsed(visited)
    assert isinstance(found, CallbackError)
    return found


class TestCallback:
    @pytest.mark.parametrize(
        "visited",
        [
            f"{HOME}?code=c0de&state={STATE}",
            f"{HOME}?code=c0de&state={STATE}#fragment",
            f"/callback?state={STATE}&code=c0de&iss=https%3A%2F%2Fwww.are.na",
            f"?code=c0de&state={STATE}",
            f"code=c0de&state={STATE}",
            {"code": "c0de", "state": STATE},
            MultiDict([("code", "c0de"), ("state", STATE), ("a", "1"), ("a", "2")]),
        ],
    )
    def test_a_code(self, visited: Any) -> None:
        assert parsed(visited) == AuthorizationCode("c0de")

    @pytest.mark.parametrize(
        "visited",
        [
            f"{HOME}?code=c0de",
            f"{HOME}?code=c0de&state=",
            f"{HOME}?code=c0de&state=other",
            f"{HOME}?code=c0de&state={STATE}x",
            f"{HOME}?code=c0de&state={STATE[:-1]}",
            f"{HOME}?code=c0de&state={STATE.upper()}",
            f"{HOME}?error=access_denied&state=other",
            {"code": "c0de", "state": "\ud800"},
            "",
            HOME,
        ],
    )
    def test_somebody_elses_visit(self, visited: Any) -> None:
        assert refused(visited).error == "state_mismatch"

    def test_an_empty_state_matches_nothing(self) -> None:
        request = AuthorizationRequest("https://x", "", VERIFIER, HOME)
        found = app().parse_callback("?code=c0de&state=", request)
        assert isinstance(found, CallbackError)
        assert found.error == "state_mismatch"

    def test_somebody_who_says_no(self) -> None:
        error = refused(f"?error=access_denied&error_description=No%0Athanks&state={STATE}")
        assert error.denied
        assert (error.error, error.description, error.status) == (
            "access_denied",
            "No thanks",
            None,
        )
        assert str(error) == "access_denied: No thanks"

    def test_an_error_outweighs_a_code(self) -> None:
        error = refused(f"?error=invalid_scope&code=c0de&state={STATE}")
        assert (error.error, error.denied) == ("invalid_scope", False)

    @pytest.mark.parametrize("code", ["", "&code=", "&code=%20", "&code=a%0Ab", "&code=%C3%A9"])
    def test_no_code(self, code: str) -> None:
        assert refused(f"?state={STATE}{code}").error == "missing_code"

    @pytest.mark.parametrize(
        "visited",
        [
            f"?code=c0de&state={STATE}&code=c0de",
            f"?code=c0de&state={STATE}&state={STATE}",
            MultiDict([("code", "c0de"), ("state", STATE), ("state", "other")]),
            {"code": ["c0de"], "state": STATE},
            {"code": b"c0de", "state": STATE},
            f"?code={'c' * 20_000}&state={STATE}",
            f"?code=c0de&state={STATE}{'&a=1' * 200}",
            None,
            7,
            b"code=c0de",
            [("code", "c0de")],
        ],
    )
    def test_what_no_provider_sends(self, visited: Any) -> None:
        assert refused(visited).error == "malformed_callback"

    def test_a_mapping_that_breaks(self) -> None:
        class Broken(dict[str, str]):
            def items(self) -> Any:
                raise RuntimeError("broken")

        assert refused(Broken()).error == "malformed_callback"

    def test_what_the_provider_says_is_plain_text(self) -> None:
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
    def test_it_never_raises(self, visited: object) -> None:
        found = parsed(visited)
        assert isinstance(found, AuthorizationCode | CallbackError)
        if isinstance(found, AuthorizationCode):
            assert re.fullmatch(r"[!-~]+", found.code)
        else:
            assert str(found).isprintable()

    def test_mappings_may_be_of_any_kind(self) -> None:
        class Frozen(Mapping[str, str]):
            def __getitem__(self, key: str) -> str:
                return {"code": "c0de", "state": STATE}[key]

            def __iter__(self) -> Any:
                return iter(("code", "state"))

            def __len__(self) -> int:
                return 2

        assert parsed(Frozen()) == AuthorizationCode("c0de")


class TestErrors:
    def test_their_text(self) -> None:
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
    def test_they_travel(self, error: OAuthError) -> None:
        error.attempts = 2
        for again in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error)):
            assert type(again) is type(error)
            assert vars(again) == vars(error)
            assert str(again) == str(error)


def test_without_the_extra_the_message_says_what_to_install() -> None:
    program = """
import sys
sys.modules["oauthlib"] = None
import arena_groups
arena_groups.OAuthError
try:
    import arena_groups.oauth
except ImportError as error:
    print(error.name, error)
"""
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=True
    )
    assert run.stdout == (
        "oauthlib arena_groups.oauth needs oauthlib: pip install 'arena-groups[oauth]'\n"
    )


def test_the_package_itself_does_not_load_it() -> None:
    program = "from arena_groups import *\nimport sys\nprint('oauthlib' in sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=True
    )
    assert run.stdout == "False\n"
