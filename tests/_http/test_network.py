"""Network settings of a client: address of the API, proxy, certificates."""

import ssl
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from arena_groups import ArenaClient, AuthenticationError
from arena_groups._api import Secret
from arena_groups._http.network import checked_network
from arena_groups.oauth import OAuthClient
from arena_groups.sandbox import Sandbox
from tests.support.clients import single
from tests.support.documents import TOKEN
from tests.support.mock_api import MockAPI
from tests.support.servers import PONG, http, serving
from tests.support.traces import shown_by


class TestBaseUrl:
    @pytest.mark.parametrize(
        ("end", "target"),
        [("", "/v3/ping"), ("/", "/v3/ping"), ("/arena", "/arena/v3/ping"),
         ("/arena/v3", "/arena/v3/v3/ping"),
         ("/a%20b//", "/a%20b/v3/ping")],
    )  # fmt: skip
    async def test_path_of_the_base_url_comes_before_the_route(self, end: str, target: str) -> None:
        async with serving(PONG) as server, single(base_url=server.url + end) as arena:
            await arena.ping()
            assert server.requests[0].target == target

    @pytest.mark.parametrize(
        ("url", "problem"),
        [
            ("", "absolute http or https URL"),
            ("api.are.na", "absolute http or https URL"),
            ("/v3", "absolute http or https URL"),
            ("ftp://api.are.na", "absolute http or https URL"),
            ("http://", "absolute http or https URL"),
            ("https://api\0.are.na", "absolute http or https URL"),
            ("https://api\ud800.are.na", "absolute http or https URL"),
            (f"https://ada:{TOKEN}@api.are.na", "user name or a password"),
            ("https://ada@api.are.na", "user name or a password"),
            (f"https://api.are.na/?token={TOKEN}", "query or a fragment"),
            (f"https://api.are.na/#{TOKEN}", "query or a fragment"),
            ("https://api.are.na/v3", "must not end in /v3: the client adds it"),
            ("http://127.0.0.1:8080/v3//", "must not end in /v3: the client adds it"),
            ("https://api.are.na:99999", "absolute http or https URL"),
            (f"https://ada:{TOKEN}@api.are.na:x", "absolute http or https URL"),
            ("https://[::1", "absolute http or https URL"),
            ("https://xn--are-na", "absolute http or https URL"),
        ],
    )
    def test_invalid_base_url_raises_value_error_without_the_token(
        self, url: str, problem: str
    ) -> None:
        with pytest.raises(ValueError, match=problem) as caught:
            single(base_url=url)
        assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://api.are.na", "http://10.0.0.1", "http://127.0.0.1.nip.io", "http://a.localhost",
        "http://localhost.example", "http://localhost.", "http://0.0.0.0", "http://[::]",
        "http://[::ffff:127.0.0.1]", "http://128.0.0.1",
    ],
)  # fmt: skip
def test_plain_http_to_another_host_needs_insecure_http(url: str) -> None:
    with pytest.raises(ValueError, match="insecure_http=True"):
        ArenaClient(base_url=url)
    ArenaClient(base_url=url, insecure_http=True)


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:1",
        "http://LOCALHOST",
        "http://127.9.9.9",
        "http://[::1]:80",
        "http://[0::1]",
    ],
)  # fmt: skip
def test_plain_http_to_this_machine_is_accepted(url: str) -> None:
    ArenaClient(base_url=url)


class TestBaseUrlOfTheEnvironment:
    async def test_client_without_base_url_uses_the_variable(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with serving(PONG) as server:
            monkeypatch.setenv("ARENA_BASE_URL", f"{server.url}/")
            async with single() as arena:
                await arena.ping()
        assert server.requests[0].target == "/v3/ping"

    async def test_argument_is_preferred(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ARENA_BASE_URL", "nonsense")
        async with serving(PONG) as server, single(base_url=server.url) as arena:
            await arena.ping()
        assert len(server.requests) == 1

    @pytest.mark.parametrize("value", [None, ""])
    async def test_empty_variable_and_none_mean_the_api_itself(
        self, monkeypatch: pytest.MonkeyPatch, mock_api: MockAPI, value: str | None
    ) -> None:
        if value is not None:
            monkeypatch.setenv("ARENA_BASE_URL", value)
        mock_api.get("https://api.are.na/v3/ping", payload={"status": "ok"})
        async with single() as arena:
            await arena.ping()

    @pytest.mark.parametrize("make", [ArenaClient, partial(OAuthClient, "an-app")])
    @pytest.mark.parametrize("value", ["api.are.na", "http://api.are.na", "https://a:b@api.are.na"])
    def test_invalid_value_raises_with_the_name_of_the_variable(
        self, monkeypatch: pytest.MonkeyPatch, make: Callable[[], object], value: str
    ) -> None:
        monkeypatch.setenv("ARENA_BASE_URL", value)
        with pytest.raises(ValueError, match=r"^ARENA_BASE_URL must"):
            make()

    def test_plain_http_to_another_host_needs_insecure_http(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ARENA_BASE_URL", "http://arena:8080")
        ArenaClient(insecure_http=True)


class TestTokensOfOtherServers:
    async def sent(self, variable: str, token: str, **options: Any) -> str | None:
        """Return the header that a server gets from a client without a token of its own."""
        async with serving(PONG) as server:
            with pytest.MonkeyPatch.context() as environment:
                environment.setenv("ARENA_TOKEN", token)
                if variable:
                    environment.setenv("ARENA_BASE_URL", variable.replace("SERVER", server.url))
                async with single(base_url=server.url, **options) as arena:
                    await arena.ping()
        return server.requests[0].headers.get("authorization")

    @pytest.mark.parametrize("variable", ["", "SERVER", "SERVER/"])
    async def test_token_of_the_environment_is_sent_to_its_server(self, variable: str) -> None:
        assert await self.sent(variable, TOKEN) == f"Bearer {TOKEN}"

    @pytest.mark.parametrize("variable", ["https://api.are.na", "http://localhost:1", "nonsense"])
    async def test_token_of_the_environment_is_not_sent_to_another_server(
        self, variable: str
    ) -> None:
        assert await self.sent(variable, TOKEN) is None

    async def test_401_says_why_the_token_was_not_sent(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ARENA_TOKEN", TOKEN)
        monkeypatch.setenv("ARENA_BASE_URL", "https://api.are.na")
        async with (
            serving(http({"error": "Unauthorized", "code": 401}, "401 Unauthorized")) as server,
            single(base_url=server.url) as arena,
        ):
            with pytest.raises(AuthenticationError, match="ARENA_TOKEN was not sent") as caught:
                await arena.me()
        assert TOKEN not in str(caught.value)

    @pytest.mark.parametrize("base_url", [None, "https://api.are.na/", "https://www.are.na"])
    @pytest.mark.parametrize("how", ["argument", "environment"])
    async def test_token_of_a_sandbox_is_refused_for_production(
        self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, base_url: str | None, how: str
    ) -> None:
        token: str | None = sandbox.tokens.owner
        if how == "environment":
            monkeypatch.setenv("ARENA_TOKEN", sandbox.tokens.owner)
            token = None
        with pytest.raises(ValueError, match="that of a sandbox: set ARENA_BASE_URL") as caught:
            ArenaClient(token, base_url=base_url)
        assert sandbox.tokens.owner not in shown_by(caught.value)

    async def test_token_of_a_sandbox_from_a_provider_is_refused_for_production(
        self, sandbox: Sandbox
    ) -> None:
        async with single(lambda: sandbox.tokens.owner) as arena:
            with pytest.raises(ValueError, match="the token provider is that of a sandbox"):
                await arena.ping()

    async def test_token_that_a_sandbox_creates_later_is_refused_for_production(
        self, sandbox: Sandbox
    ) -> None:
        with pytest.raises(ValueError, match="sandbox"):
            ArenaClient(sandbox.token_for(sandbox.users.member.id))


class TestContexts:
    @pytest.mark.parametrize("make", [ArenaClient, partial(OAuthClient, "an-app")])
    def test_context_that_does_not_verify_the_server_is_refused(
        self, make: Callable[..., object]
    ) -> None:
        unverified, unnamed = ssl.create_default_context(), ssl.create_default_context()
        unverified.check_hostname = unnamed.check_hostname = False
        unverified.verify_mode = ssl.CERT_NONE
        server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        for context in (unverified, unnamed, server):
            with pytest.raises(ValueError, match="ssl must verify the server's certificate"):
                make(ssl=context)

    @pytest.mark.parametrize(
        ("name", "content", "problem"),
        [
            ("SSL_CERT_FILE", None, "No such file"),
            ("SSL_CERT_FILE", "", "has no certificate"),
            ("SSL_CERT_FILE", "no PEM", "has no certificate"),
            ("SSL_CERT_DIR", None, "is none"),
        ],
    )
    def test_variable_with_a_wrong_path_raises_with_its_name(
        self,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
        name: str,
        content: str | None,
        problem: str,
    ) -> None:
        path = tmp_path / "authority.pem"
        if content is not None:
            path.write_text(content)
        monkeypatch.setenv(name, str(path))
        with pytest.raises(ValueError, match=f"^{name} must name .*{problem}"):
            ArenaClient(trust_env=True)
        ArenaClient()
        ArenaClient(trust_env=True, ssl=ssl.create_default_context())
        ArenaClient(trust_env=True, base_url="http://127.0.0.1:1")


class TestProxyArguments:
    @pytest.mark.parametrize(
        "address",
        [
            "socks5://house:s3cret@127.0.0.1:1080",
            "ftp://house:s3cret@127.0.0.1:1",
            "http://house:s3cret@127.0.0.1:99999",
            "http://house:s3cret@127.0.0.1:0",
            "http://house:s3cret@127.0.0.1:port",
            "http://house:s3cret@:3128",
            "http://house:s3cret@a b:3128",
            "http://house:s3cret@127.0.0.1:3128/path",
            "http://house:s3cret@127.0.0.1:3128?query",
            "house:s3cret@127.0.0.1",
            "//house:s3cret@127.0.0.1:3128",
        ],
    )
    @pytest.mark.parametrize("make", [ArenaClient, partial(OAuthClient, "an-app")])
    @pytest.mark.parametrize("how", ["proxy", "HTTPS_PROXY", "all_proxy"])
    def test_invalid_address_raises_value_error_that_hides_it(
        self,
        monkeypatch: pytest.MonkeyPatch,
        make: Callable[..., object],
        how: str,
        address: str,
    ) -> None:
        options: dict[str, Any] = {"trust_env": True}
        if how == "proxy":
            options = {"proxy": address}
        else:
            monkeypatch.setenv(how, address)
        with pytest.raises(ValueError, match=f"^{how} must be http://host:port") as caught:
            make(**options)
        assert "s3cret" not in shown_by(caught.value)

    @pytest.mark.parametrize("make", [ArenaClient, partial(OAuthClient, "an-app")])
    @pytest.mark.parametrize(
        "options",
        [
            {"proxy": "http://house:s3cret@127.0.0.1:1"},
            {"ssl": ssl.create_default_context()},
            {"trust_env": True},
        ],
    )
    async def test_option_beside_an_external_session_raises_value_error(
        self, make: Callable[..., object], options: dict[str, Any]
    ) -> None:
        (name,) = options
        async with aiohttp.ClientSession() as session:
            with pytest.raises(ValueError, match=f"^{name}= cannot be used with") as caught:
                make(session=session, **options)
        assert "s3cret" not in shown_by(caught.value)


API = "https://api.are.na"
ELSEWHERE = "http://127.0.0.1:1"


class TestProxyOfTheEnvironment:
    def proxy(self, base_url: str, **variables: str) -> str:
        """Return the variable that sets the proxy, and its address; empty without a proxy."""
        with pytest.MonkeyPatch.context() as environment:
            for name, value in variables.items():
                environment.setenv(name, value)
            network = checked_network(base_url, session=None, proxy=None, tls=None, trust_env=True)
        return f"{network.proxy.setting} {network.proxy.url}" if network.proxy else ""

    @pytest.mark.parametrize(
        ("base_url", "variables", "found"),
        [
            (API, {"HTTPS_PROXY": ELSEWHERE}, f"HTTPS_PROXY {ELSEWHERE}"),
            (API, {"https_proxy": f"{ELSEWHERE}/"}, f"https_proxy {ELSEWHERE}"),
            (API, {"https_proxy": ELSEWHERE, "HTTPS_PROXY": "http://b:2"},
             f"https_proxy {ELSEWHERE}"),
            (API, {"https_proxy": "", "HTTPS_PROXY": ELSEWHERE}, ""),
            (API, {"HTTPS_PROXY": "127.0.0.1:1"}, f"HTTPS_PROXY {ELSEWHERE}"),
            (API, {"HTTPS_PROXY": f" {ELSEWHERE}\n"}, f"HTTPS_PROXY {ELSEWHERE}"),
            (API, {"HTTPS_PROXY": "http://proxy"}, "HTTPS_PROXY http://proxy"),
            (API, {"HTTPS_PROXY": "https://proxy:1"}, "HTTPS_PROXY https://proxy:1"),
            (API, {"HTTPS_PROXY": "http://a:b@[::1]:1"}, "HTTPS_PROXY http://[::1]:1"),
            (API, {"HTTP_PROXY": ELSEWHERE}, ""),
            (API, {"ALL_PROXY": ELSEWHERE}, f"ALL_PROXY {ELSEWHERE}"),
            (API, {"ALL_PROXY": "socks5://a:1", "HTTPS_PROXY": ELSEWHERE},
             f"HTTPS_PROXY {ELSEWHERE}"),
            (API, {"HTTPS_PROXY": "", "all_proxy": ELSEWHERE}, f"all_proxy {ELSEWHERE}"),
            ("http://arena:80", {"HTTP_PROXY": ELSEWHERE}, f"HTTP_PROXY {ELSEWHERE}"),
            ("http://arena:80", {"HTTPS_PROXY": ELSEWHERE}, ""),
            ("http://arena:80", {"HTTP_PROXY": ELSEWHERE, "REQUEST_METHOD": "GET"}, ""),
            ("http://arena:80", {"http_proxy": ELSEWHERE, "REQUEST_METHOD": "GET"},
             f"http_proxy {ELSEWHERE}"),
        ],
    )  # fmt: skip
    def test_variable_of_the_scheme_is_used(
        self, base_url: str, variables: dict[str, str], found: str
    ) -> None:
        assert self.proxy(base_url, **variables) == found

    @pytest.mark.parametrize(
        "base_url",
        ["http://127.0.0.1:8080", "http://localhost:1", "http://127.9.9.9", "http://[::1]:80",
         "https://localhost", "https://LOCALHOST:8443", "https://127.0.0.2"],
    )  # fmt: skip
    def test_loopback_is_never_proxied(self, base_url: str) -> None:
        names = ("http_proxy", "https_proxy", "all_proxy")
        assert not self.proxy(base_url, **dict.fromkeys(names, ELSEWHERE))
        assert not self.proxy(base_url, **dict.fromkeys(names, "nonsense"))

    @pytest.mark.parametrize(
        ("base_url", "excluded", "proxied"),
        [
            (API, "*", False), (API, "a, *", False), (API, "api.are.na", False),
            (API, "are.na", False), (API, ".are.na", False), (API, "*.are.na", False),
            (API, "API.ARE.NA", False), (API, "x.y are.na", False), (API, "are.na:443", False),
            (API, " x ,,api.are.na ", False),
            (API, "", True), (API, "re.na", True), (API, "x.are.na", True),
            (API, "are.na:8443", True), (API, "www.are.na", True), (API, ".", True),
            (API, "are.na.example", True), (API, "10.0.0.0/8", True),
            ("https://10.1.2.3:8443", "10.0.0.0/8", False),
            ("https://10.1.2.3:8443", "10.1.2.3", False),
            ("https://10.1.2.3:8443", "10.1.2.3:8443", False),
            ("https://10.1.2.3:8443", "10.1.2.3:443", True),
            ("https://10.1.2.3:8443", "192.168.0.0/16,fe80::/10", True),
            ("https://[fe80::1]", "fe80::/10", False), ("https://[fe80::1]", "[fe80::1]", False),
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
    def test_no_proxy_excludes_hosts_domains_and_networks(
        self, base_url: str, excluded: str, name: str, *, proxied: bool
    ) -> None:
        found = self.proxy(base_url, HTTPS_PROXY=ELSEWHERE, **{name: excluded})
        assert bool(found) == proxied

    def test_lower_case_no_proxy_is_preferred(self) -> None:
        assert self.proxy(API, HTTPS_PROXY=ELSEWHERE, no_proxy="", NO_PROXY="*")

    def test_argument_is_preferred(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HTTPS_PROXY", "nonsense")
        monkeypatch.setenv("NO_PROXY", "*")
        network = checked_network(
            API, session=None, proxy=Secret(ELSEWHERE), tls=None, trust_env=True
        )
        assert network.proxy is not None
        assert (network.proxy.setting, str(network.proxy.url)) == ("proxy=", ELSEWHERE)

    def test_environment_is_not_read_without_trust_env(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HTTPS_PROXY", "nonsense")
        monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")
        ArenaClient()
