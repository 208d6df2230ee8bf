"""Server that stands for Discord: the REST API and the gateway that a bot with commands uses."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.support.waiting import HANG_TIMEOUT

BOT_TOKEN: Final = "MTA.bot.token"
APPLICATION: Final = "1000"
EPHEMERAL: Final = 1 << 6
DEFERRED: Final = 5
IDENTIFY: Final = 2
USER: Final = {"id": "7", "username": "ada", "discriminator": "0", "avatar": None}
BOT_USER: Final = {
    "id": "8", "username": "bot", "discriminator": "0", "avatar": None, "bot": True,
}  # fmt: skip


def reply(data: object, status: int = 200) -> web.Response:
    """Return a response of JSON, without a charset, which discord.py does not expect."""
    headers = {"Content-Type": "application/json"}
    return web.Response(body=json.dumps(data).encode(), status=status, headers=headers)


class DiscordServer:
    """One bot can log in, and a person can use its commands."""

    def __init__(self) -> None:
        self.commands: list[dict[str, Any]] = []
        self.deferred: list[dict[str, Any]] = []
        self.messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.ready = asyncio.Event()
        self._to_bot: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._count = 100

    def app(self) -> web.Application:
        """Return the application with the routes that the bot calls."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/api/users/@me", self._me),
                web.get("/api/oauth2/applications/@me", self._application),
                web.put(f"/api/applications/{APPLICATION}/commands", self._sync),
                web.post("/api/interactions/{id}/{token}/callback", self._callback),
                web.post(f"/api/webhooks/{APPLICATION}/{{token}}", self._followup),
                web.get("/gateway/", self._gateway),
            ]
        )
        return app

    async def use(self, command: str) -> dict[str, Any]:
        """Use a command as a person in a server does, and return the bot's message."""
        async with asyncio.timeout(HANG_TIMEOUT):
            await self.ready.wait()
            self._count += 1
            data = {"id": "1", "name": command, "type": 1}
            await self._to_bot.put(
                {
                    "id": str(self._count), "application_id": APPLICATION, "type": 2, "version": 1,
                    "token": f"interaction-{self._count}", "data": data, "user": USER,
                    "channel": {"id": "5", "type": 1, "last_message_id": None, "recipients": []},
                    "channel_id": "5", "locale": "en-US", "app_permissions": "0",
                    "entitlements": [], "attachment_size_limit": 1,
                }
            )  # fmt: skip
            return await self.messages.get()

    async def _me(self, request: web.Request) -> web.Response:
        if request.headers["Authorization"] != f"Bot {BOT_TOKEN}":
            return reply({"message": "401: Unauthorized", "code": 0}, status=401)
        return reply(BOT_USER)

    async def _application(self, _: web.Request) -> web.Response:
        return reply(
            {
                "id": APPLICATION, "name": "bot", "description": "", "icon": None, "flags": 0,
                "bot_public": False, "bot_require_code_grant": False, "verify_key": "00",
                "owner": USER, "rpc_origins": [], "team": None, "hook": True,
            }
        )  # fmt: skip

    async def _sync(self, request: web.Request) -> web.Response:
        self.commands = await request.json()
        same = {"application_id": APPLICATION, "version": "1", "nsfw": False}
        answer = [{"id": str(n), **same, **each} for n, each in enumerate(self.commands, start=1)]
        return reply(answer)

    async def _callback(self, request: web.Request) -> web.Response:
        self.deferred.append(await request.json())
        identity = {"id": request.match_info["id"], "type": 2, "response_message_loading": True}
        return reply({"interaction": identity})

    async def _followup(self, request: web.Request) -> web.Response:
        message = await request.json()
        await self.messages.put(message)
        return reply(
            {
                "id": "9", "channel_id": "5", "author": BOT_USER, "content": message["content"],
                "timestamp": "2026-03-09T22:02:26+00:00", "edited_timestamp": None, "tts": False,
                "mention_everyone": False, "mentions": [], "mention_roles": [], "attachments": [],
                "embeds": [], "pinned": False, "type": 0, "flags": EPHEMERAL,
                "webhook_id": APPLICATION,
            }
        )  # fmt: skip

    async def _gateway(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"op": 10, "d": {"heartbeat_interval": 60_000}})
        identity = None
        while identity is None:
            message = json.loads((await socket.receive()).data)
            identity = message["d"] if message["op"] == IDENTIFY else None  # after heartbeats
        assert identity["token"] == BOT_TOKEN
        await socket.send_json(
            {
                "op": 0, "t": "READY", "s": 1,
                "d": {
                    "v": 10, "user": BOT_USER, "guilds": [], "session_id": "s",
                    "resume_gateway_url": str(request.url), "private_channels": [],
                    "application": {"id": APPLICATION, "flags": 0},
                },
            }
        )  # fmt: skip
        self.ready.set()
        sending = asyncio.create_task(self._dispatch(socket))
        async for _ in socket:  # heartbeats
            pass
        sending.cancel()
        return socket

    async def _dispatch(self, socket: web.WebSocketResponse) -> None:
        for number in range(2, 1000):
            interaction = await self._to_bot.get()
            await socket.send_json(
                {"op": 0, "t": "INTERACTION_CREATE", "s": number, "d": interaction}
            )


@asynccontextmanager
async def running_discord(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DiscordServer]:
    """Run the server, to which discord.py then connects."""
    import yarl
    from discord.gateway import DiscordWebSocket
    from discord.http import Route

    discord = DiscordServer()
    async with TestServer(discord.app()) as server:
        monkeypatch.setattr(Route, "BASE", str(server.make_url("/api")))
        gateway = yarl.URL(f"ws://{server.host}:{server.port}/gateway/")
        monkeypatch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", gateway)
        yield discord
