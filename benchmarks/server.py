"""Server of all contenders: it responds from memory, at the least cost.

Run it with ``python -m benchmarks.server [--latency SECONDS]``. The first line on stdout is one
JSON object with its ``url``; it ends when its stdin does. Any group exists: ``anything`` as one
group, and ``anything-N`` or ``anything-N-anything`` with a list of N invitations, 100 a page.
A group that is named by its id has none, and no group has members. Any email address can be
invited. Each response is sent ``latency`` seconds after its request.
"""

import argparse
import asyncio
import contextlib
import json
import re
import sys
import time
from email.utils import formatdate

from benchmarks.pages import MOST_PAGES, PER, Library

__all__ = ["main"]

ROUTE = re.compile(
    rb"GET /v3/groups/([A-Za-z0-9_-]+)(?:/(invitations|members)(?:\?([^ ]*))?)? HTTP/1\.1\r\n"
)
INVITE = re.compile(rb"POST /v3/groups/[A-Za-z0-9_-]+/invitations HTTP/1\.1\r\n")
EMAIL = re.compile(rb'"email": ?"([^"\\]+)"')
LENGTH = re.compile(rb"\r\ncontent-length: *(\d{1,6})(?:\r\n|$)", re.IGNORECASE)
ITEMS = re.compile(rb"[a-z]+-(\d+)(?:-|$)")
PAGE = re.compile(rb"(?:^|&)page=(\d{1,9})(?:&|$)")
PER_PAGE = re.compile(rb"(?:^|&)per=(\d{1,9})(?:&|$)")
END = b"\r\n\r\n"
WINDOW = 60
LIMIT = 10_000_000
NOBODY = b"nobody-0"
NOT_FOUND = b'{"error":"Not Found","code":404,"details":{"message":"Not Found"}}'
BAD_REQUEST = b'{"error":"Bad Request","code":400,"details":{"message":"Only per=100"}}'
NO_EMAIL = b'{"error":"Bad Request","code":400,"details":{"message":"Only an email"}}'


class Answers:
    """Complete responses, head and body."""

    def __init__(self) -> None:
        self._library = Library()
        self._head = b""
        self._fresh_until = 0.0

    def answer(self, request: bytes, body: bytes = b"") -> bytes:
        """Return the response to a request, given by its line and headers, and its body."""
        if request.startswith(b"POST"):
            return self._invite(request, body)
        found = ROUTE.match(request)
        if found is None:
            return self._whole("404 Not Found", NOT_FOUND)
        group, what, query = found.groups()
        if what is None:
            return self._whole("200 OK", *self._library.group(group.decode()))
        nobody = what == b"members" or group.isdigit()
        return self._page(NOBODY if nobody else group, query or b"")

    def _invite(self, request: bytes, body: bytes) -> bytes:
        if INVITE.match(request) is None:
            return self._whole("404 Not Found", NOT_FOUND)
        email = EMAIL.search(body)
        if email is None:
            return self._whole("400 Bad Request", NO_EMAIL)
        return self._whole("201 Created", *self._library.invited(email[1]))

    def _page(self, group: bytes, query: bytes) -> bytes:
        items, page, per = ITEMS.match(group), PAGE.search(query), PER_PAGE.search(query)
        if items is None or int(items[1]) % PER or int(items[1]) > MOST_PAGES * PER:
            return self._whole("404 Not Found", NOT_FOUND)
        if per is None or int(per[1]) != PER:
            return self._whole("400 Bad Request", BAD_REQUEST)
        number = int(page[1]) if page else 1
        return self._whole("200 OK", *self._library.page(int(items[1]), number))

    def _whole(self, status: str, body: bytes, etag: str = "") -> bytes:
        tag = f"ETag: {etag}\r\n" if etag else ""
        head = f"HTTP/1.1 {status}\r\n{tag}Content-Length: {len(body)}\r\n"
        return b"".join((head.encode(), self._common(), body))

    def _common(self) -> bytes:
        """Return the headers that are the same for a second."""
        now = time.time()
        if now >= self._fresh_until:
            self._fresh_until = int(now) + 1
            self._head = (
                f"Date: {formatdate(now, usegmt=True)}\r\n"
                "Content-Type: application/json; charset=utf-8\r\n"
                "Cache-Control: no-cache\r\n"
                "X-Request-Id: 6d0f6c0e-3e8c-4a49-9d57-0d2f6a6f6f10\r\n"
                f"X-RateLimit-Limit: {LIMIT}\r\n"
                "X-RateLimit-Tier: supporter\r\n"
                f"X-RateLimit-Window: {WINDOW}\r\n"
                f"X-RateLimit-Reset: {(int(now) // WINDOW + 1) * WINDOW}\r\n"
                "\r\n"
            ).encode()
        return self._head


class Connection(asyncio.Protocol):
    """HTTP/1.1 connection that stays open; only a POST has a body."""

    def __init__(self, answers: Answers, latency: float) -> None:
        self._answers = answers
        self._latency = latency
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Respond to every complete request."""
        received = self._received + data if self._received else data
        while (end := received.find(END)) >= 0:
            head, begin = received[:end], end + len(END)
            complete = begin + _length(head)
            if len(received) < complete:
                break
            self._answer(head, received[begin:complete])
            received = received[complete:]
        self._received = received

    def _answer(self, request: bytes, body: bytes) -> None:
        answer = self._answers.answer(request, body)
        if self._latency:
            asyncio.get_running_loop().call_later(self._latency, self._send, answer)
        else:
            self._send(answer)

    def _send(self, answer: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(answer)


def _length(head: bytes) -> int:
    """Return the length of the body that follows."""
    found = LENGTH.search(head) if head.startswith(b"POST") else None
    return int(found[1]) if found else 0


async def serve(latency: float) -> None:
    """Serve until stdin ends."""
    loop = asyncio.get_running_loop()
    answers = Answers()
    server = await loop.create_server(lambda: Connection(answers, latency), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    print(json.dumps({"url": f"http://127.0.0.1:{port}"}), flush=True)
    async with server:
        await loop.run_in_executor(None, sys.stdin.buffer.read)


def main() -> None:
    """Run the server."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.server")
    parser.add_argument("--latency", type=float, default=0.0, metavar="SECONDS")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(parser.parse_args().latency))


if __name__ == "__main__":
    main()
