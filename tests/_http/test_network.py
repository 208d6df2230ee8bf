"""Network settings of a client: address of the API, proxy, certificates."""

import pytest

from arena_groups import ArenaClient
from tests.support.clients import single
from tests.support.documents import TOKEN
from tests.support.servers import PONG, serving


class TestBaseUrl:
    @pytest.mark.parametrize(
        ("end", "target"),
        [("", "/v3/ping"), ("/", "/v3/ping"), ("/arena", "/arena/v3/ping"),
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
            ("https://api.are.na:99999", "absolute http or https URL"),
            (f"https://ada:{TOKEN}@api.are.na:x", "absolute http or https URL"),
            ("https://[::1", "absolute http or https URL"),
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
