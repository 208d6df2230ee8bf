"""Official client of the Model Context Protocol, in the same process as a server."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final, Literal

from mcp import Client
from mcp.client import ClientRequestContext
from mcp.server import MCPServer
from mcp_types import ElicitRequestParams, ElicitResult, TextContent

HANDSHAKE: Final = "legacy"
PER_REQUEST: Final = "2026-07-28"
ERAS: Final = (HANDSHAKE, PER_REQUEST)
"""Both eras of the protocol: with a session and requests to the client, and without either."""

Action = Literal["accept", "decline", "cancel"]


class Host:
    """User at a host that can ask: an answer for each question.

    Attributes:
        questions: The messages of the questions so far.
    """

    def __init__(self, action: Action = "accept", content: dict[str, Any] | None = None) -> None:
        self.action: Action = action
        self.content: dict[str, Any] = {"confirm": True} if content is None else content
        self.questions: list[str] = []

    async def __call__(
        self, context: ClientRequestContext, params: ElicitRequestParams
    ) -> ElicitResult:
        """Answer a question."""
        del context
        self.questions.append(params.message)
        content = self.content if self.action == "accept" else None
        return ElicitResult(action=self.action, content=content)


def connect(server: MCPServer[Any], era: str = PER_REQUEST, host: Host | None = None) -> Client:
    """Return a client for ``async with``; without ``host``, it cannot ask its user."""
    return Client(server, mode=era, elicitation_callback=host, cache=None)


async def call(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """Return the structured answer of a tool, which must not fail."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, text_of(result.content)
    assert result.structured_content is not None
    return result.structured_content


async def failing_call(client: Client, tool: str, **arguments: Any) -> str:
    """Return the message of a tool that must fail."""
    result = await client.call_tool(tool, arguments)
    assert result.is_error
    return text_of(result.content)


async def apply_when_free(client: Client, code: str) -> dict[str, Any]:
    """Apply a plan, as soon as a call that was cancelled has ended, and return the answer."""
    while True:
        result = await client.call_tool("apply_plan", {"code": code})
        if not result.is_error:
            answer: dict[str, Any] = result.structured_content
            return answer
        assert "being applied now" in text_of(result.content)
        await asyncio.sleep(0)


def text_of(content: Sequence[object]) -> str:
    """Return the texts of an answer."""
    return "\n".join(each.text for each in content if isinstance(each, TextContent))
