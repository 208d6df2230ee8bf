"""Plain HTTP client for a sandbox that records all exchanges."""

from collections.abc import Mapping
from typing import Final, TypedDict, Unpack

import aiohttp
from attrs import Factory, define, field

from arena_groups.sandbox import Sandbox
from tests.contract.differences import Difference
from tests.contract.document import JSON, JSONObject, as_object
from tests.contract.responses import Exchange, body_of

__all__ = ["GUEST", "INVALID", "PathParams", "SandboxClient"]

GUEST: Final = "guest"
INVALID: Final = "an invalid token"

PathParams = Mapping[str, str | int]


class RequestParts(TypedDict, total=False):
    """Optional parts of a request: `content` is a raw body, `body` one to encode."""

    query: Mapping[str, str | int]
    body: JSON
    content: bytes
    headers: Mapping[str, str]
    about: str


@define
class SandboxClient:
    """Sender of plain HTTP requests with the tokens of a sandbox, which records the exchanges."""

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
            INVALID: "an-invalid-token",
        }

    def admit(self, name: str, user: int) -> None:
        """Allow requests of another user of the sandbox, under this name."""
        self._tokens[name] = self.sandbox.token_for(user)

    async def ask(
        self,
        expected: int,
        method: str,
        path: str,
        who: str,
        path_params: PathParams | None = None,
        **parts: Unpack[RequestParts],
    ) -> Exchange:
        """Send a request whose response must have the expected status."""
        exchange = await self.send(method, path, who, path_params, **parts)
        if exchange.status != expected:
            self.differences.append(Difference(str(exchange), f"{expected} was expected"))
        return exchange

    async def send(
        self,
        method: str,
        path: str,
        who: str,
        path_params: PathParams | None = None,
        **parts: Unpack[RequestParts],
    ) -> Exchange:
        """Send a request, and record its response of any status."""
        token = {} if who == GUEST else {"Authorization": f"Bearer {self._tokens[who]}"}
        kind = {"Content-Type": "application/json"} if "content" in parts else {}
        async with self.http.request(
            method,
            self.sandbox.url + path.format_map(path_params or {}),
            params=parts.get("query"),
            json=parts.get("body"),
            data=parts.get("content"),
            headers={**token, **kind, **parts.get("headers", {})},
        ) as response:
            exchange = Exchange(
                method=method,
                path=path,
                label=", ".join(filter(None, (who, parts.get("about")))),
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
        path_params: PathParams | None = None,
        **parts: Unpack[RequestParts],
    ) -> JSONObject:
        """Send a request, and return the body of its response of the expected status."""
        exchange = await self.ask(expected, method, path, who, path_params, **parts)
        return as_object(body_of(exchange), str(exchange))
