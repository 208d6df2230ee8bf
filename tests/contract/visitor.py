"""Somebody who sends plain HTTP requests to a sandbox, and keeps what is answered."""

from collections.abc import Mapping
from typing import Final, TypedDict, Unpack

import aiohttp
from attrs import Factory, define, field

from arena_groups.sandbox import Sandbox
from tests.contract.answers import Exchange, body_of
from tests.contract.differences import Difference
from tests.contract.document import JSON, JSONObject, as_object

__all__ = ["GUEST", "NOBODY", "Places", "Visitor"]

GUEST: Final = "guest"
NOBODY: Final = "a token nobody has"

Places = Mapping[str, str | int]


class More(TypedDict, total=False):
    """What a request may have besides: `content` is a body as it is, `body` one to encode."""

    query: Mapping[str, str | int]
    body: JSON
    content: bytes
    headers: Mapping[str, str]
    about: str


@define
class Visitor:
    """Sends plain HTTP requests as somebody, and keeps what was answered."""

    http: aiohttp.ClientSession
    sandbox: Sandbox
    exchanges: list[Exchange] = Factory(list[Exchange])
    differences: list[Difference] = Factory(list[Difference])
    _tokens: dict[str, str] = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        tokens = self.sandbox.tokens
        self._tokens = {
            "owner": tokens.owner,
            "member": tokens.member,
            "follower": tokens.follower,
            "read_only": tokens.read_only,
            "stranger": tokens.stranger,
            "limited": tokens.limited,
            NOBODY: "nobody-has-this-token",
        }

    def admit(self, name: str, user: int) -> None:
        """Let a user of the sandbox send requests, under this name."""
        self._tokens[name] = self.sandbox.token_for(user)

    async def ask(
        self,
        expected: int,
        method: str,
        path: str,
        who: str,
        places: Places | None = None,
        **more: Unpack[More],
    ) -> Exchange:
        """One request that must be answered with the expected status."""
        exchange = await self.send(method, path, who, places, **more)
        if exchange.status != expected:
            self.differences.append(Difference(str(exchange), f"{expected} was to be expected"))
        return exchange

    async def send(
        self,
        method: str,
        path: str,
        who: str,
        places: Places | None = None,
        **more: Unpack[More],
    ) -> Exchange:
        """One request, whatever comes of it."""
        token = {} if who == GUEST else {"Authorization": f"Bearer {self._tokens[who]}"}
        kind = {"Content-Type": "application/json"} if "content" in more else {}
        async with self.http.request(
            method,
            self.sandbox.url + path.format_map(places or {}),
            params=more.get("query"),
            json=more.get("body"),
            data=more.get("content"),
            headers={**token, **kind, **more.get("headers", {})},
        ) as response:
            exchange = Exchange(
                method=method,
                path=path,
                label=", ".join(filter(None, (who, more.get("about")))),
                status=response.status,
                headers={name.lower(): value for name, value in response.headers.items()},
                body=await response.read(),
            )
        self.exchanges.append(exchange)
        return exchange

    async def object(
        self,
        expected: int,
        method: str,
        path: str,
        who: str,
        places: Places | None = None,
        **more: Unpack[More],
    ) -> JSONObject:
        """The body of an answer that must have the expected status."""
        exchange = await self.ask(expected, method, path, who, places, **more)
        return as_object(body_of(exchange), str(exchange))
