"""Clients behind a proxy that asks for credentials, over real connections and TLS."""

import asyncio
import gc
import logging
import os
import shutil
import ssl
import subprocess
import warnings
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from arena_groups import ArenaAPIError, ArenaClient, ArenaConnectionError, RetryPolicy, Timeout
from arena_groups.oauth import OAuthClient
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.fake_clock import AutoAdvanceClock
from tests.support.clients import single
from tests.support.documents import EMAIL, STUDIO, TOKEN
from tests.support.leaks import no_warning
from tests.support.proxies import (
    HOST,
    PASSWORD,
    USER,
    Proxy,
    authority,
    authority_file,
    client_context,
    other_authority,
    proxied,
    proxying,
    requiring_certificates,
    server_context,
    terminating_tls,
)
from tests.support.servers import PONG, SHORT, http, serving
from tests.support.traces import shown_by

SECURE, PLAIN = f"https://{HOST}", f"http://{HOST}"
TUNNEL = f"CONNECT {HOST}:443"
schemes = pytest.mark.parametrize("base_url", [SECURE, PLAIN], ids=["https", "http"])


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """Sandbox that answers to the name that only the proxy knows."""
    async with Sandbox(allowed_hosts=[HOST]) as running:
        yield running


def behind(proxy: Proxy, token: str | None = TOKEN, **options: Any) -> ArenaClient:
    """Return a client of ``https://HOST`` behind the proxy."""
    options = {"base_url": SECURE, "address": proxy.address, "ssl": client_context(), **options}
    return single(token, proxy=options.pop("address"), insecure_http=True, **options)


@asynccontextmanager
async def speaking(greeting: bytes) -> AsyncIterator[str]:
    """Run a server that greets and hangs up; yield its URL."""

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


class TestRequests:
    @schemes
    async def test_operations_pass_through(self, sandbox: Sandbox, base_url: str) -> None:
        with no_warning():
            async with (
                proxied(sandbox.url) as proxy,
                behind(proxy, sandbox.tokens.owner, base_url=base_url) as arena,
            ):
                pending = await arena.groups.invitations(STUDIO).collect()
                await arena.groups.invite(STUDIO, email=EMAIL)
                await arena.groups.revoke_invitation(STUDIO, pending[0].id)
                assert len(await arena.groups.invitations(STUDIO).collect()) == len(pending)
        assert len(pending) == 480
        assert all(proxy.logins)

    async def test_reads_share_a_tunnel_and_each_invitation_has_its_own(
        self, sandbox: Sandbox
    ) -> None:
        async with proxied(sandbox.url) as proxy, behind(proxy, sandbox.tokens.owner) as arena:
            for _ in range(3):
                await arena.me()
            assert proxy.requests == [TUNNEL]
            for number in range(2):
                await arena.groups.invite(STUDIO, email=f"{number}{EMAIL}")
            await arena.me()
        assert proxy.requests == [TUNNEL] * 3

    async def test_proxy_gets_its_own_credentials_only(self) -> None:
        async with serving(PONG) as server, proxied(server.url) as proxy, behind(proxy) as arena:
            await arena.ping()
        assert TOKEN not in proxy.heads[0]
        assert "authorization" in server.requests[0].headers
        assert "proxy-authorization" not in server.requests[0].headers

    @schemes
    async def test_proxy_that_speaks_tls_is_used(self, base_url: str) -> None:
        with no_warning():
            async with (
                serving(PONG) as server,
                proxied(server.url, tls=server_context("127.0.0.1")) as proxy,
                behind(proxy, base_url=base_url) as arena,
            ):
                await arena.ping()
                await arena.ping()
        assert len(server.requests) == 2
        assert proxy.url.startswith("https:")

    async def test_lists_with_several_pages_at_a_time_pass_through(self, sandbox: Sandbox) -> None:
        async with proxied(sandbox.url) as proxy, behind(proxy, sandbox.tokens.owner) as arena:
            pages = arena.groups.invitations(STUDIO, per=50, concurrency=4)
            assert len(await pages.collect()) == 480

    @pytest.mark.parametrize("base_url", [SECURE, PLAIN], ids=["https", "http"])
    async def test_environment_sets_proxy_and_authority(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, base_url: str
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", authority_file(tmp_path))
        async with serving(PONG) as server, proxied(server.url) as proxy:
            for name in ("HTTPS_PROXY", "HTTP_PROXY"):
                monkeypatch.setenv(name, proxy.address)
            async with single(
                TOKEN, base_url=base_url, trust_env=True, insecure_http=True
            ) as arena:
                await arena.ping()
        assert len(server.requests) == len(proxy.requests) == 1

    @pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is missing")
    async def test_folder_of_authorities_is_used(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        folder = tmp_path / "authorities"
        folder.mkdir()
        authority_file(folder)
        rehash = ["openssl", "rehash", folder]
        await asyncio.to_thread(subprocess.run, rehash, check=True, capture_output=True)
        monkeypatch.setenv("SSL_CERT_DIR", f"{tmp_path}{os.pathsep}{folder}")
        async with (
            serving(PONG) as server,
            terminating_tls(server.url, server_context("localhost")) as url,
            single(TOKEN, base_url=url, trust_env=True) as arena,
        ):
            await arena.ping()

    async def test_loopback_is_reached_without_the_proxy_of_the_environment(
        self, monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox
    ) -> None:
        async with proxied(sandbox.url) as proxy:
            for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
                monkeypatch.setenv(name, proxy.address)
            async with single(sandbox.tokens.owner, base_url=sandbox.url, trust_env=True) as arena:
                await arena.me()
        assert proxy.requests == []

    @schemes
    async def test_netrc_is_not_read(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, base_url: str
    ) -> None:
        netrc = tmp_path / "netrc"
        netrc.write_text(
            f"machine {HOST} login a password b\nmachine 127.0.0.1 login {USER} password {PASSWORD}"
        )
        netrc.chmod(0o600)
        monkeypatch.setenv("NETRC", str(netrc))
        async with serving(PONG) as server, proxied(server.url) as proxy:
            for name in ("HTTPS_PROXY", "HTTP_PROXY"):
                monkeypatch.setenv(name, proxy.address)
            options = {"trust_env": True, "base_url": base_url, "address": None}
            async with behind(proxy, **options) as arena, behind(proxy, None, **options) as guest:
                await arena.ping()
                await guest.ping()
            async with behind(proxy, **(options | {"address": proxy.url})) as stranger:
                with pytest.raises(ArenaConnectionError, match="407"):
                    await stranger.ping()
        sent = [request.headers.get("authorization") for request in server.requests]
        assert sent == [f"Bearer {TOKEN}", None]

    async def test_oauth_client_passes_through(
        self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        app = sandbox.applications.confidential
        async with proxied(sandbox.url) as proxy:
            options: dict[str, Any] = {"client_secret": app.client_secret, "base_url": SECURE}
            async with OAuthClient(
                app.client_id, proxy=proxy.address, ssl=client_context(), **options
            ) as oauth:
                assert (await oauth.client_credentials()).access_token
            monkeypatch.setenv("HTTPS_PROXY", proxy.address)
            monkeypatch.setenv("SSL_CERT_FILE", authority_file(tmp_path))
            async with OAuthClient(app.client_id, trust_env=True, **options) as oauth:
                assert (await oauth.client_credentials()).access_token
        assert proxy.requests == [TUNNEL] * 2


class TestFailures:
    """Each failure of the proxy says what it is, hides the credentials, and sent nothing."""

    async def failure(
        self, arena: ArenaClient, *, retryable: bool = False, attempts: int = 1
    ) -> str:
        """Return the text of the error of an invitation."""
        async with arena:
            with pytest.raises(ArenaConnectionError) as caught:
                await arena.groups.invite(STUDIO, email=EMAIL)
        error = caught.value
        assert (error.request_sent, error.outcome_unknown) == (False, False)
        assert (error.retryable, error.attempts) == (retryable, attempts)
        shown = shown_by(error)
        assert not [secret for secret in (PASSWORD, "aG91c2U6", TOKEN, EMAIL) if secret in shown]
        return str(error)

    @schemes
    @pytest.mark.parametrize("login", ["", "house:wrong@"])
    async def test_proxy_that_wants_other_credentials(self, base_url: str, login: str) -> None:
        async with serving(PONG) as server, proxied(server.url) as proxy:
            address = proxy.url.replace("://", f"://{login}")
            arena = behind(proxy, base_url=base_url, address=address, retry=RetryPolicy())
            text = await self.failure(arena)
        assert text.startswith(
            f"the proxy {proxy.name} refused to connect (407 Proxy Authentication Required): "
            "check the user name and the password in proxy= ["
        )
        assert (len(proxy.requests), server.requests) == (1, [])

    async def test_proxy_of_a_variable_is_named_with_it(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with serving(PONG) as server, proxied(server.url) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", proxy.url)
            text = await self.failure(single(TOKEN, base_url=SECURE, trust_env=True))
        assert "check the user name and the password in HTTPS_PROXY [" in text

    async def test_forwarding_proxy_of_an_external_session_that_wants_credentials(self) -> None:
        async with (
            serving(PONG) as server,
            proxied(server.url) as proxy,
            aiohttp.ClientSession(proxy=proxy.url) as session,
        ):
            arena = single(TOKEN, base_url=PLAIN, insecure_http=True, session=session)
            text = await self.failure(arena)
        assert "the password in the aiohttp session [" in text

    async def test_407_of_the_server_itself_is_its_own_error(self) -> None:
        async with serving(http({"error": "x", "code": 407}, "407 Odd")) as server:
            async with single(TOKEN, base_url=server.url) as arena:
                with pytest.raises(ArenaAPIError, match=r"^407"):
                    await arena.ping()
            async with proxied(server.url) as proxy, behind(proxy) as arena:
                with pytest.raises(ArenaAPIError, match=r"^407"):
                    await arena.ping()

    async def test_proxy_that_does_not_allow_the_host(self) -> None:
        async with proxying() as proxy:
            text = await self.failure(behind(proxy, retry=RetryPolicy()))
        assert f"(403 Forbidden): it may not allow connections to {HOST}:443 [" in text
        assert proxy.requests == [TUNNEL]

    async def test_proxy_that_cannot_reach_the_host_is_asked_again(
        self, sandbox: Sandbox, clock: AutoAdvanceClock
    ) -> None:
        async with proxied(sandbox.url) as proxy:
            proxy.refusals += ["502 Bad Gateway", "504 Gateway Timeout"]
            async with behind(
                proxy, sandbox.tokens.owner, clock=clock, retry=RetryPolicy()
            ) as arena:
                await arena.groups.invite(STUDIO, email=EMAIL)
            proxy.refusals += ["503 Service Unavailable"] * 3
            arena = behind(proxy, clock=clock, retry=RetryPolicy(attempts=3))
            text = await self.failure(arena, retryable=True, attempts=3)
        assert f"the proxy {proxy.name} refused to connect (503 Service Unavailable)" in text
        assert len(sandbox.requests) == 1

    async def test_proxy_that_is_not_there_is_tried_again(self, clock: AutoAdvanceClock) -> None:
        async with proxying() as proxy:
            pass
        arena = behind(proxy, clock=clock, retry=RetryPolicy(attempts=2))
        text = await self.failure(arena, retryable=True, attempts=2)
        assert text.startswith(f"cannot connect to the proxy {proxy.name} (")
        assert "): check proxy= [POST" in text

    async def test_proxy_whose_name_cannot_be_resolved(self) -> None:
        async with proxying() as proxy:
            address = f"http://{USER}:{PASSWORD}@proxy.invalid:3128"
            text = await self.failure(behind(proxy, address=address), retryable=True)
        assert text.startswith("cannot connect to the proxy proxy.invalid:3128 (")

    async def test_host_with_a_certificate_of_an_unknown_authority(self) -> None:
        async with (
            serving(PONG) as server,
            proxied(server.url, context=server_context(issuer=other_authority())) as proxy,
        ):
            text = await self.failure(behind(proxy, retry=RetryPolicy()))
        assert text.startswith(f"the certificate of {HOST} is not trusted (")
        assert f"with ssl= or SSL_CERT_FILE; the proxy {proxy.name} may have one [" in text
        assert server.requests == []

    async def test_host_with_a_certificate_for_another_name(self) -> None:
        async with (
            serving(PONG) as server,
            proxied(server.url, context=server_context("other.example.org")) as proxy,
        ):
            text = await self.failure(behind(proxy))
        assert "Hostname mismatch" in text
        assert "SSL_CERT_FILE" not in text

    async def test_proxy_with_a_certificate_of_an_unknown_authority(self) -> None:
        tls = server_context("127.0.0.1", issuer=other_authority())
        async with serving(PONG) as server, proxied(server.url, tls=tls) as proxy:
            text = await self.failure(behind(proxy))
        assert text.startswith(f"the certificate of the proxy {proxy.name} is not trusted (")

    async def test_proxy_that_does_not_speak_tls(self) -> None:
        async with speaking(b"SSH-2.0\r\n") as url, proxying() as proxy:
            address = url.replace("http://", f"https://{USER}:{PASSWORD}@")
            text = await self.failure(behind(proxy, address=address))
        assert text.startswith("the proxy 127.0.0.1:")
        assert "answers, but not in TLS: check https:// and the port in proxy= [" in text

    async def test_host_that_does_not_speak_tls(self) -> None:
        async with speaking(b"SSH-2.0\r\n") as url, proxying({f"{HOST}:443": url}) as proxy:
            text = await self.failure(behind(proxy))
        assert text.startswith(f"{HOST}:443 answers, but not in TLS: check https://")

    async def test_proxy_that_never_answers(self) -> None:
        async with serving(b"") as silent, proxying() as proxy:
            address = silent.url.replace("://", f"://{USER}:{PASSWORD}@")
            arena = behind(proxy, address=address, timeout=Timeout(total=SHORT))
            text = await self.failure(arena, retryable=True)
        assert ", through the proxy 127.0.0.1:" in text


class TestSecrets:
    async def test_log_and_repr_hide_the_credentials(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        async with serving(PONG) as server, proxied(server.url) as proxy, behind(proxy) as arena:
            await arena.ping()
            proxy.refusals += ["403 Forbidden"]
            with pytest.raises(ArenaConnectionError):
                await arena.groups.invite(STUDIO, email=EMAIL)
            shown = f"{caplog.text} {arena!r} {vars(arena)!r}"
        assert PASSWORD not in shown
        assert "aG91c2U6" not in shown

    async def test_client_that_is_never_closed_hides_the_credentials_in_its_warning(
        self,
    ) -> None:
        contexts: list[str] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: contexts.append(repr(context)))
        async with serving(PONG) as server, proxied(server.url) as proxy:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                arena: ArenaClient | None = behind(proxy)
                assert arena is not None
                await arena.ping()
                arena = None
                gc.collect()
            await asyncio.sleep(0)
        assert contexts
        assert PASSWORD not in "".join(contexts)
        loop.set_exception_handler(None)

    async def test_cancelled_request_hides_the_credentials(self) -> None:
        async with serving(b"") as silent, proxied(silent.url) as proxy, behind(proxy) as arena:
            request = asyncio.ensure_future(arena.ping())
            await silent.wait_for_requests(1)
            request.cancel()
            with pytest.raises(asyncio.CancelledError) as caught:
                await request
        assert PASSWORD not in shown_by(caught.value, within="arena_groups")


class TestCertificates:
    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
    @pytest.mark.parametrize("other", [False, True], ids=["none", "of another authority"])
    @pytest.mark.parametrize("external", [False, True])
    async def test_server_that_wants_another_client_certificate(
        self, version: ssl.TLSVersion, *, other: bool, external: bool
    ) -> None:
        context = client_context(certificate_of=other_authority() if other else None)
        async with AsyncExitStack() as stack:
            options: dict[str, Any] = {"ssl": context}
            if external:
                connector = aiohttp.TCPConnector(ssl=context)
                session = aiohttp.ClientSession(connector=connector)
                options = {"session": await stack.enter_async_context(session)}
            url = stack.enter_context(requiring_certificates(version))
            arena = single(TOKEN, base_url=url, retry=RetryPolicy(), **options)
            await stack.enter_async_context(arena)
            with pytest.raises(ArenaConnectionError, match=r"load_cert_chain\(\)") as caught:
                await arena.groups.invite(STUDIO, email=EMAIL)
        error = caught.value
        assert (error.request_sent, error.outcome_unknown) == (False, False)
        assert (error.retryable, error.attempts) == (False, 1)

    @pytest.mark.parametrize("external", [False, True])
    async def test_client_certificate_is_presented(self, *, external: bool) -> None:
        tls = server_context("localhost", client_certificates=True)
        context = client_context(certificate_of=authority())
        async with serving(PONG) as server, terminating_tls(server.url, tls) as url:
            if external:
                connector = aiohttp.TCPConnector(ssl=context)
                async with (
                    aiohttp.ClientSession(connector=connector) as session,
                    single(TOKEN, base_url=url, session=session) as arena,
                ):
                    await arena.ping()
            else:
                async with single(TOKEN, base_url=url, ssl=context) as arena:
                    await arena.ping()
                    await arena.ping()
        assert server.requests

    async def test_client_certificate_is_presented_through_a_proxy(self) -> None:
        tls = server_context(client_certificates=True)
        context = client_context(certificate_of=authority())
        async with (
            serving(PONG) as server,
            proxied(server.url, context=tls) as proxy,
            behind(proxy, ssl=context) as arena,
        ):
            await arena.ping()
        assert len(server.requests) == 1
