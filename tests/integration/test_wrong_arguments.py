"""Wrong arguments: each error names its argument, and nothing is sent."""

import math
import ssl
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import aiohttp
import pytest

from arena_groups import (
    ArenaClient,
    MemoryCache,
    MemoryStore,
    QuotaPacer,
    RetryPolicy,
    SQLiteStore,
    Timeout,
    from_dict,
    invite_many,
    remove_many,
    revoke_many,
    watch,
)
from arena_groups.models import Group, User
from arena_groups.oauth import AuthorizationCode, OAuthClient
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.fake_clock import AutoAdvanceClock
from tests.support import documents
from tests.support.clients import connected, single


async def async_hook(_: object) -> None:
    raise NotImplementedError


class Empty:
    """An object with no method that matters."""


NOT_NUMBERS: tuple[object, ...] = (True, None, "10", Decimal(10), [10], float)
NOT_POSITIVE = (0, -1, -0.5, math.nan, math.inf)
NOT_COUNTS: tuple[object, ...] = (True, None, "3", 3.0, Decimal(3), math.nan)
NOT_FLAGS: tuple[object, ...] = (0, 1, None, "no", "")
NOT_TEXTS: tuple[object, ...] = (None, b"x", 7, True, str)
NOT_HOOKS: tuple[object, ...] = (True, 7, "print", async_hook, lambda: None, Empty())
NOT_CLOCKS: tuple[object, ...] = (False, 0, "now", Empty(), AutoAdvanceClock)
NOT_STORES: tuple[object, ...] = (False, "x.db", {}, Empty(), MemoryStore)
NOT_CLIENTS: tuple[object, ...] = (None, "a-token", ArenaClient)
NOT_GROUPS: tuple[object, ...] = (None, 1.5, True, b"g", ["g"], Decimal(1))
NOT_LISTS: tuple[object, ...] = (7, True, "7", b"7", list)
NO_SLUGS = ("a\0b", "\ud800", "studio\n")

Make = Callable[..., object]


def client(**options: Any) -> ArenaClient:
    return ArenaClient("a-token", **options)


def oauth(**options: Any) -> OAuthClient:
    return OAuthClient("an-app", **options)


def invite(**options: Any) -> object:
    return invite_many(
        options.pop("arena", ARENA), options.pop("group", "g"),
        options.pop("targets", [1]), **options,
    )  # fmt: skip


def revoke(**options: Any) -> object:
    return revoke_many(options.pop("arena", ARENA), options.pop("group", "g"), **options)


def remove(**options: Any) -> object:
    return remove_many(options.pop("arena", ARENA), options.pop("group", "g"), **options)


def watching(**options: Any) -> object:
    return watch(options.pop("arena", ARENA), options.pop("group", "g"), **options)


def sqlite(**options: Any) -> object:
    return SQLiteStore(options.pop("path", "x.db"), **options)


def sandbox(**options: Any) -> object:
    return Sandbox(**options)


ARENA = single("a-token")

TYPE_ERRORS: dict[tuple[Make, str], tuple[object, ...]] = {
    (client, "timeout"): (True, None, "10", Decimal(10), aiohttp.ClientTimeout(10), Timeout),
    (client, "retry"): (True, 0, 3, "3", 2.5, RetryPolicy, Empty()),
    (client, "session"): ("x", True, 7, aiohttp.ClientSession, Empty()),
    (client, "pacer"): (True, False, 0.2, "quota", QuotaPacer, Empty()),
    (client, "cache"): (True, False, 7, {}, MemoryCache, Empty()),
    (client, "on_request"): NOT_HOOKS,
    (client, "clock"): NOT_CLOCKS,
    (client, "base_url"): NOT_TEXTS[1:],
    (client, "app"): (b"x", 7, True, str),
    (client, "max_body"): NOT_COUNTS,
    (client, "insecure_http"): NOT_FLAGS,
    (client, "trace_configs"): (aiohttp.TraceConfig(), "x", True, ["x"], [None]),
    (client, "proxy"): NOT_TEXTS[1:],
    (client, "ssl"): (True, False, "x", 7, ssl.SSLContext),
    (client, "trust_env"): NOT_FLAGS,
    **{(Timeout, name): NOT_NUMBERS for name in ("connect", "read", "total")},
    (RetryPolicy, "attempts"): NOT_COUNTS,
    **{
        (RetryPolicy, name): NOT_NUMBERS
        for name in ("total", "backoff", "max_backoff", "max_retry_after")
    },
    (RetryPolicy, "statuses"): (None, 409, "409", ["409"], [True], [None]),
    (QuotaPacer, "write_spacing"): NOT_NUMBERS,
    (QuotaPacer, "clock"): NOT_CLOCKS,
    (MemoryCache, "max_entries"): (True, None, "3", 3.5, Decimal(3)),
    (MemoryCache, "max_bytes"): (True, None, "3", 3.5, Decimal(3)),
    (sqlite, "path"): (None, True, 7, b"x.db"),
    (sqlite, "timeout"): NOT_NUMBERS,
    (oauth, "timeout"): (True, None, "10", Timeout),
    (oauth, "session"): ("x", True, aiohttp.ClientSession),
    (oauth, "insecure_http"): NOT_FLAGS,
    (oauth, "app"): (b"x", 7, True, str),
    (oauth, "base_url"): NOT_TEXTS[1:],
    (oauth, "proxy"): NOT_TEXTS[1:],
    (oauth, "ssl"): (True, False, "x", 7, ssl.SSLContext),
    (oauth, "trust_env"): NOT_FLAGS,
    (oauth, "redirect_uri"): NOT_TEXTS[1:],
    (oauth, "issuer"): NOT_TEXTS[1:],
    (oauth, "authorize_base_url"): NOT_TEXTS[1:],
    (invite, "arena"): NOT_CLIENTS,
    (invite, "group"): NOT_GROUPS,
    (invite, "targets"): (None, 7, True, "ada@example.org", b"x"),
    (invite, "store"): NOT_STORES,
    (invite, "journal"): NOT_TEXTS,
    (invite, "concurrency"): NOT_COUNTS,
    (invite, "dry_run"): NOT_FLAGS,
    (invite, "claim_timeout"): NOT_NUMBERS,
    (invite, "on_claim_wait"): NOT_HOOKS,
    (invite, "clock"): NOT_CLOCKS,
    (revoke, "arena"): NOT_CLIENTS,
    (revoke, "invitations"): NOT_LISTS,
    (revoke, "older_than"): (30, "30d", True, Decimal(30)),
    (revoke, "where"): NOT_HOOKS,
    (revoke, "dry_run"): NOT_FLAGS,
    (remove, "arena"): NOT_CLIENTS,
    (remove, "users"): NOT_LISTS,
    (remove, "where"): NOT_HOOKS,
    (remove, "dry_run"): NOT_FLAGS,
    (watching, "arena"): NOT_CLIENTS,
    (watching, "group"): NOT_GROUPS,
    (watching, "interval"): NOT_NUMBERS,
    (watching, "store"): NOT_STORES,
    (watching, "name"): NOT_TEXTS,
    (watching, "replay"): NOT_FLAGS,
    (watching, "once"): NOT_FLAGS,
    (watching, "shared"): NOT_FLAGS,
    (watching, "concurrency"): NOT_COUNTS,
    (watching, "on_failure"): NOT_HOOKS,
    (sandbox, "port"): NOT_COUNTS,
    (sandbox, "seed"): NOT_COUNTS,
    (sandbox, "host"): NOT_TEXTS,
    (sandbox, "allowed_hosts"): (None, 7, True, "arena", b"arena", [7]),
    (sandbox, "window"): NOT_COUNTS,
    (sandbox, "limit"): (True, "3", 3.0, Decimal(3), math.nan),
    (sandbox, "clock"): (None, 0, "now"),
    (sandbox, "sleep"): (None, 0, "now"),
}
VALUE_ERRORS: dict[tuple[Make, str], tuple[object, ...]] = {
    (client, "timeout"): NOT_POSITIVE,
    (client, "base_url"): ("", " ", "api.are.na"),
    (client, "app"): ("", "\n", "a\nb", "my bot/1/2", "bot (", "b\xf6t"),
    (oauth, "app"): ("", "my\r\nbot"),
    (client, "proxy"): ("", " ", "127.0.0.1:3128", "socks5://127.0.0.1:1080", "http://127.0.0.1:0"),
    (oauth, "proxy"): ("", "nonsense", "socks5h://127.0.0.1:1080", "http://a:b@127.0.0.1:99999"),
    (client, "max_body"): (0, -1),
    **{(Timeout, name): NOT_POSITIVE for name in ("connect", "read", "total")},
    (RetryPolicy, "attempts"): (0, -1),
    (RetryPolicy, "total"): (0, -1, math.nan),
    (RetryPolicy, "backoff"): (-1, math.nan, math.inf),
    (RetryPolicy, "max_backoff"): (-1, math.nan),
    (RetryPolicy, "max_retry_after"): (-0.1, math.nan),
    (RetryPolicy, "statuses"): ([399], [600], [-1]),
    (QuotaPacer, "write_spacing"): (-0.1, math.nan, math.inf),
    (MemoryCache, "max_entries"): (0, -1),
    (MemoryCache, "max_bytes"): (0, -1),
    (sqlite, "timeout"): (-1, math.nan, math.inf),
    (oauth, "timeout"): NOT_POSITIVE,
    (invite, "group"): ("", "a/b", 0, -1, *NO_SLUGS),
    (invite, "journal"): ("", " "),
    (invite, "concurrency"): (0, -1),
    (invite, "on_error"): ("", "ignore", None, [], True),
    (invite, "claim_timeout"): NOT_POSITIVE,
    (revoke, "older_than"): (timedelta(seconds=-1),),
    (revoke, "group"): NO_SLUGS,
    (remove, "group"): NO_SLUGS,
    (watching, "group"): NO_SLUGS,
    (watching, "interval"): NOT_POSITIVE,
    (watching, "concurrency"): (0, -1),
    (watching, "name"): ("", " ", "a/b"),
    (sandbox, "port"): (-1, 65_536),
    (sandbox, "host"): ("", " "),
    (sandbox, "tier"): ("gold", "", 3, True, []),
    (sandbox, "window"): (0, -1),
    (sandbox, "limit"): (-1,),
}


def cases(table: dict[tuple[Make, str], tuple[object, ...]]) -> list[Any]:
    return [
        pytest.param(make, name, value, id=f"{make.__name__}-{name}-{number}")
        for (make, name), values in table.items()
        for number, value in enumerate(values)
    ]


@pytest.mark.parametrize(("make", "name", "value"), cases(TYPE_ERRORS))
def test_argument_of_a_wrong_type_raises_type_error_with_its_name(
    make: Make, name: str, value: object
) -> None:
    with pytest.raises(TypeError, match=name):
        make(**{name: value})


@pytest.mark.parametrize(("make", "name", "value"), cases(VALUE_ERRORS))
def test_argument_out_of_range_raises_value_error_with_its_name(
    make: Make, name: str, value: object
) -> None:
    with pytest.raises(ValueError, match=name):
        make(**{name: value})


@pytest.mark.parametrize(
    ("argument", "advice"),
    [
        ({"retry": 3}, r"RetryPolicy\(attempts=3\)"),
        ({"retry": 0}, r"RetryPolicy\(attempts=1\)"),
        ({"retry": RetryPolicy}, "not the class RetryPolicy itself"),
        ({"timeout": None}, r"Timeout\(total=10\)"),
        ({"pacer": QuotaPacer}, r"QuotaPacer\(\), not the class QuotaPacer itself"),
        ({"cache": False}, "None to send no ETags"),
        ({"trace_configs": aiohttp.TraceConfig()}, "put the TraceConfig in a list"),
        ({"on_request": async_hook}, "not an async one"),
    ],
    ids=str,
)
def test_error_of_an_argument_says_what_to_pass(argument: dict[str, Any], advice: str) -> None:
    with pytest.raises(TypeError, match=advice):
        client(**argument)


@pytest.mark.parametrize("call", ["get", "delete", "members", "invitations", "leave"])
@pytest.mark.parametrize("group", NOT_GROUPS)
async def test_group_of_a_wrong_type_raises_type_error(call: str, group: Any) -> None:
    with pytest.raises(TypeError, match="group"):
        await getattr(ARENA.groups, call)(group)


@pytest.mark.parametrize("slug", NO_SLUGS)
async def test_slug_with_a_character_that_none_has_raises_before_anything_is_sent(
    slug: str,
) -> None:
    async with connected() as (arena, server):
        for call in (arena.groups.get, arena.groups.members, arena.groups.delete):
            with pytest.raises(ValueError, match="group holds a character"):
                await call(slug)
        with pytest.raises(ValueError, match="user holds a character"):
            await arena.users.groups(slug)
    assert server.requests == []


async def test_model_of_another_kind_raises_type_error_that_names_what_is_accepted() -> None:
    group, user = from_dict(Group, documents.group()), from_dict(User, documents.user())
    with pytest.raises(TypeError, match=r"^group must be a slug, .*not User$"):
        await ARENA.groups.get(user)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^user must be a slug, .*not Group$"):
        await ARENA.users.get(group)  # type: ignore[arg-type]


@pytest.mark.parametrize("scopes", [None, 7, True, b"read", list])
async def test_scopes_of_a_wrong_type_raise_type_error(scopes: Any) -> None:
    app = oauth(redirect_uri="https://app.example/callback", client_secret="secret")
    with pytest.raises(TypeError, match="scopes must be an iterable"):
        app.authorize_url(scopes)
    with pytest.raises(TypeError, match="scopes must be an iterable"):
        await app.client_credentials(scopes)


async def test_callback_in_place_of_its_code_raises_type_error_before_sending() -> None:
    app = oauth(redirect_uri="https://app.example/callback")
    request = app.authorize_url()
    denied: Any = app.parse_callback(f"?state={request.state}&error=access_denied", request)
    with pytest.raises(TypeError, match="code must be an AuthorizationCode, not CallbackError"):
        await app.exchange_code(denied, request)
    with pytest.raises(TypeError, match="request must be an AuthorizationRequest, not str"):
        await app.exchange_code(AuthorizationCode("abc"), request.url)  # type: ignore[arg-type]


@pytest.mark.parametrize("token", [str.encode, RetryPolicy.next_delay])
def test_token_provider_that_needs_an_argument_raises_type_error(token: Any) -> None:
    with pytest.raises(TypeError, match=r"the token provider must be a function .* no arguments"):
        ArenaClient(token)
