"""Receiver of webhooks for tests: it verifies and collects what a program sends."""

import json
import threading
from collections.abc import Callable, Mapping
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import socket
from socketserver import BaseServer
from types import TracebackType
from typing import Final, Self, cast

from attrs import field, frozen

from arena_groups._arguments import check_range, check_seconds
from arena_groups._exports import set_public_module
from arena_groups._types import hidden
from arena_groups.errors import WebhookVerificationError
from arena_groups.webhooks.signature import SIGNATURE_HEADER, generate_secret, verify

__all__ = ["ReceivedWebhook", "WebhookReceiver"]

Receive = Callable[[Mapping[str, str], bytes], tuple[int, float | None]]

MAX_BODY: Final = 1 << 20
LOOPBACK: Final = "127.0.0.1"
WAIT: Final = 10.0
READ_TIMEOUT: Final = 5.0


@frozen(kw_only=True)
class ReceivedWebhook:
    """One request that a :class:`WebhookReceiver` has answered."""

    id: str | None
    """Header ``webhook-id``, the ``key`` of the event; ``None`` for chat services."""
    body: object = field(repr=hidden)
    """The body, parsed from JSON."""
    status: int
    """Status of the response."""
    headers: Mapping[str, str] = field(repr=hidden, hash=False)
    """Headers of the request, with names in lower case."""

    @property
    def accepted(self) -> bool:
        """Whether the response says that the webhook was received."""
        return 200 <= self.status < 300

    @property
    def type(self) -> str | None:
        """Type of the event, such as ``"member.joined"``; ``None`` for chat services."""
        found = self._field("type")
        return found if isinstance(found, str) else None

    @property
    def data(self) -> dict[str, object]:
        """The event, as ``to_dict`` returns it; empty for chat services."""
        found = self._field("data")
        return cast("dict[str, object]", found) if isinstance(found, dict) else {}

    def _field(self, name: str) -> object:
        body: object = self.body
        return cast("dict[str, object]", body).get(name) if isinstance(body, dict) else None


class WebhookReceiver:
    """HTTP server on the loopback interface that verifies and collects webhooks, for tests.

    It runs in threads of its own while its ``with`` block runs, so it works beside any event loop.
    The sender needs ``allow_private=True``, as the receiver has no public address and no TLS.
    A signature that is not valid, or missing in a body with a ``webhook-id``, is answered with 401.

    Args:
        secret: The secret of the sender; ``None`` generates one.

    Raises:
        ValueError: The secret is not valid.
    """

    def __init__(self, secret: str | None = None) -> None:
        self._secret = generate_secret() if secret is None else secret
        self._received: list[ReceivedWebhook] = []
        self._responses: list[tuple[int, float | None]] = []
        self._changed = threading.Condition()
        handler = partial(_Handler, self._receive)
        self._server = ThreadingHTTPServer((LOOPBACK, 0), handler, bind_and_activate=False)
        self._server.daemon_threads = False  # closing waits for the responses in progress
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """URL that receives webhooks, while the block runs."""
        return f"http://{LOOPBACK}:{self._server.server_port}/webhooks"

    @property
    def secret(self) -> str:
        """Secret that the sender has to sign with."""
        return self._secret

    @property
    def requests(self) -> tuple[ReceivedWebhook, ...]:
        """All requests so far, oldest first, those that were refused and repetitions included."""
        with self._changed:
            return tuple(self._received)

    @property
    def webhooks(self) -> tuple[ReceivedWebhook, ...]:
        """The accepted webhooks, oldest first, each id once."""
        found: dict[str | int, ReceivedWebhook] = {}
        for number, each in enumerate(self.requests):
            if each.accepted:
                found.setdefault(number if each.id is None else each.id, each)
        return tuple(found.values())

    def fail(self, times: int = 1, *, status: int = 503, retry_after: float | None = None) -> None:
        """Answer the next requests with an error, to test how the sender tries again.

        Args:
            times: The number of requests.
            status: The status of the responses, 300 to 599.
            retry_after: Seconds in a header ``Retry-After``; ``None`` sends none.

        Raises:
            ValueError: A number is out of range.
            TypeError: An argument has the wrong type.
        """
        check_range(times, "times", 1)
        check_range(status, "status", 300, 599)
        if retry_after is not None:
            check_seconds(retry_after, "retry_after", zero=True)
        with self._changed:
            self._responses += [(status, retry_after)] * times

    def wait(self, count: int = 1, *, timeout: float = WAIT) -> tuple[ReceivedWebhook, ...]:
        """Wait for webhooks, and return all that were accepted so far.

        It blocks the thread: in a coroutine, await ``asyncio.to_thread(receiver.wait, count)``.

        Args:
            count: The number of accepted webhooks to wait for, each id once.
            timeout: The longest wait, in seconds.

        Returns:
            The accepted webhooks, ``count`` or more.

        Raises:
            TimeoutError: There are fewer when the time is up.
        """
        check_range(count, "count", 1)
        check_seconds(timeout, "timeout")
        with self._changed:
            self._changed.wait_for(lambda: len(self.webhooks) >= count, timeout)
        found = self.webhooks
        if len(found) < count:
            raise TimeoutError(f"{len(found)} of {count} webhooks were received in {timeout:g} s")
        return found

    def __enter__(self) -> Self:
        self._server.server_bind()
        self._server.server_activate()
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), name="webhooks", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def __repr__(self) -> str:
        return f"<WebhookReceiver with {len(self.webhooks)} webhooks>"

    def _receive(self, headers: Mapping[str, str], raw: bytes) -> tuple[int, float | None]:
        """Record a request, and return the status of its response and of ``Retry-After``."""
        status, body = self._judge(headers, raw)
        retry_after: float | None = None
        with self._changed:
            if 200 <= status < 300 and self._responses:
                status, retry_after = self._responses.pop(0)
            webhook = ReceivedWebhook(
                id=headers.get("webhook-id"), body=body, status=status, headers=headers
            )
            self._received.append(webhook)
            self._changed.notify_all()
        return status, retry_after

    def _judge(self, headers: Mapping[str, str], raw: bytes) -> tuple[int, object]:
        """Return the status for a request, and its body."""
        try:
            body: object = json.loads(raw)
        except (ValueError, RecursionError):
            return 400, None
        # The formats of chat services have neither an id nor a signature.
        if "webhook-id" in headers or SIGNATURE_HEADER in headers:
            try:
                verify(self._secret, headers, raw)
            except WebhookVerificationError:
                return 401, body
        return 204, body


class _Handler(BaseHTTPRequestHandler):
    timeout = READ_TIMEOUT

    def __init__(
        self, receive: Receive, request: socket, address: tuple[str, int], server: BaseServer
    ) -> None:
        self._receive = receive
        super().__init__(request, address, server)  # answers the request

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not (length.isdecimal() and int(length) <= MAX_BODY):
            self.send_error(413)
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, retry_after = self._receive(headers, self.rfile.read(int(length)))
        self.send_response(status)
        if retry_after is not None:
            self.send_header("Retry-After", f"{retry_after:.3f}".rstrip("0").rstrip("."))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - of the base class
        """Write no log: what a request holds is for the test alone."""


set_public_module(globals(), __all__, "arena_groups.webhooks")
