"""Health of a running watch: its state as JSON and as Prometheus metrics, served over HTTP."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

import arena_groups
from arena_groups.cli.errors import CliError

if TYPE_CHECKING:
    from aiohttp import web

    from arena_groups.webhooks import Backlog

# ruff: noqa: PLC0415 - keeps --help fast

LATE_INTERVALS = 5
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
LOOPBACK = "127.0.0.1"
PREFIX = "arena_groups_"
_ADDRESS = re.compile(r"(?:(?P<host>[^:\[\]]+|\[[0-9A-Fa-f:.]+\]):)?(?P<port>\d{1,5})")


@dataclass(kw_only=True)
class WatchState:
    """State of a watch at one moment, without secrets.

    Attributes:
        time: Unix time of this state.
        interval: Seconds between two polls of a group.
        groups: The polls of each group.
        events: How many events of each kind there were since the start.
        list_late_by: Seconds for which a watch of all groups has been waiting for the first list.
        backlog: What waits for each endpoint.
        limit: The rate limit; ``None`` if it is not known yet.
        used: How many requests were sent in the window, as far as this process knows.
    """

    time: float
    interval: float
    groups: Sequence[arena_groups.WatchedGroup] = ()
    events: Mapping[str, int] = field(default_factory=Counter[str])
    list_late_by: float = 0.0
    backlog: Sequence[Backlog] = ()
    limit: int | None = None
    used: int = 0

    @property
    def healthy(self) -> bool:
        """Whether no poll has been due for more than some intervals."""
        late = max((each.late_by for each in self.groups), default=0.0)
        return max(late, self.list_late_by) <= LATE_INTERVALS * self.interval


def health_document(state: WatchState) -> dict[str, object]:
    """Return the state, ready for JSON."""
    remaining = None if state.limit is None else max(state.limit - state.used, 0)
    return {
        "status": "ok" if state.healthy else "late",
        "interval": state.interval,
        "groups": [
            {
                "group": each.group,
                "id": each.group_id,
                "watched_here": each.watched_here,
                "last_poll": _time(state, each.poll_age),
                "late_by": round(each.late_by, 3),
                "failures": each.failures,
            }
            for each in state.groups
        ],
        "deliveries": [
            {
                "endpoint": target,
                "waiting": sum(each.waiting for each in found),
                "dead": sum(each.dead for each in found),
                "failing": any(each.failing_since is not None for each in found),
            }
            for target, found in _by_target(state.backlog).items()
        ],
        "quota": {"limit": state.limit, "remaining": remaining},
    }


def render_metrics(state: WatchState) -> str:
    """Return the state in the text format of Prometheus, version 0.0.4."""
    groups = [({"group": str(each.group), "id": str(each.group_id or "")}, each)
              for each in state.groups]  # fmt: skip
    targets = [({"endpoint": target}, found) for target, found in _by_target(state.backlog).items()]
    metrics = [
        _metric("watch_healthy", "gauge", "1 if no poll is late, else 0.",
                [({}, float(state.healthy))]),
        _metric("watch_interval_seconds", "gauge", "Time between two polls of a group.",
                [({}, state.interval)]),
        _metric("watch_group_watched", "gauge", "1 if this process polls the group, else 0.",
                [(labels, float(each.watched_here)) for labels, each in groups]),
        _metric("watch_last_poll_timestamp_seconds", "gauge", "Time of the last successful poll.",
                [(labels, state.time - each.poll_age) for labels, each in groups
                 if each.poll_age is not None]),
        _metric("watch_late_seconds", "gauge", "Time for which a poll has been due.",
                [(labels, each.late_by) for labels, each in groups]),
        _metric("watch_poll_failures", "gauge", "Polls in a row that have failed.",
                [(labels, float(each.failures)) for labels, each in groups]),
        _metric("watch_events_total", "counter", "Events since the start.",
                [({"kind": kind}, float(count)) for kind, count in sorted(state.events.items())]),
        _metric("webhook_delivered_total", "counter", "Events delivered since the start.",
                [(labels, float(sum(each.delivered for each in found)))
                 for labels, found in targets]),
        _metric("webhook_waiting", "gauge", "Events that wait for the endpoint.",
                [(labels, float(sum(each.waiting for each in found)))
                 for labels, found in targets]),
        _metric("webhook_dead_letters", "gauge", "Events that were given up.",
                [(labels, float(sum(each.dead for each in found))) for labels, found in targets]),
        _metric("webhook_oldest_timestamp_seconds", "gauge", "Time of the oldest waiting event.",
                [(labels, min(times)) for labels, found in targets
                 if (times := [each.oldest for each in found if each.oldest is not None])]),
        _metric("quota_limit", "gauge", "Requests that a window allows.",
                [] if state.limit is None else [({}, float(state.limit))]),
        _metric("quota_used", "gauge", "Requests sent in the window, as far as known.",
                [({}, float(state.used))]),
    ]  # fmt: skip
    return "".join(metrics)


def parse_address(text: str) -> tuple[str, int]:
    """Return host and port of ``HOST:PORT``, ``[::1]:PORT`` or ``PORT``, which is loopback.

    Raises:
        ValueError: It is something else.
    """
    match = _ADDRESS.fullmatch(text.strip())
    if match is None or int(match["port"]) > 65_535:
        raise ValueError(f"invalid address {text!r}: use HOST:PORT, for example 127.0.0.1:8081")
    return (match["host"] or LOOPBACK).strip("[]"), int(match["port"])


def as_address(
    _context: click.Context, _option: click.Parameter, text: str | None
) -> tuple[str, int] | None:
    """Return host and port in an option."""
    try:
        return None if text is None else parse_address(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@asynccontextmanager
async def serving_health(
    host: str, port: int, state: Callable[[], WatchState]
) -> AsyncGenerator[str, None]:
    """Serve ``/health`` and ``/metrics`` while the block runs; yield the URL.

    Raises:
        CliError: The port is taken, or the host is not of this machine.
    """
    from aiohttp import web

    async def health(_: web.Request) -> web.Response:
        found = state()
        status = 200 if found.healthy else 503
        return web.json_response(health_document(found), status=status)

    async def metrics(_: web.Request) -> web.Response:
        body = render_metrics(state()).encode()
        return web.Response(body=body, headers={"Content-Type": METRICS_TYPE})

    app = web.Application()
    app.add_routes([web.get("/health", health), web.get("/metrics", metrics)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        yield await _listen(runner, host, port)
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, host: str, port: int) -> str:
    from aiohttp import web

    shown = f"[{host}]" if ":" in host else host
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else "unknown host"
        message = f"cannot listen on {shown}:{port}: {reason[:1].lower()}{reason[1:]}"
        raise CliError("system", message, hint="choose another address with --health") from None
    return f"http://{shown}:{runner.addresses[0][1]}"


Sample = tuple[Mapping[str, str], float]


def _metric(name: str, kind: str, text: str, samples: Iterable[Sample]) -> str:
    lines = [f"# HELP {PREFIX}{name} {text}", f"# TYPE {PREFIX}{name} {kind}"]
    lines += [f"{PREFIX}{name}{_labels(labels)} {value!r}" for labels, value in samples]
    return "\n".join(lines) + "\n" if len(lines) > 2 else ""


def _labels(labels: Mapping[str, str]) -> str:
    pairs = ",".join(f'{name}="{_escape(value)}"' for name, value in labels.items())
    return f"{{{pairs}}}" if pairs else ""


def _escape(value: str) -> str:
    escaped = value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
    return escaped.encode("utf-8", "replace").decode()


def _by_target(backlog: Iterable[Backlog]) -> dict[str, list[Backlog]]:
    """Return the endpoints by scheme and host, as nothing else of their URLs may be shown."""
    found: dict[str, list[Backlog]] = {}
    for each in backlog:
        found.setdefault(each.target, []).append(each)
    return found


def _time(state: WatchState, age: float | None) -> str | None:
    if age is None:
        return None
    from datetime import UTC, datetime

    return datetime.fromtimestamp(state.time - age, UTC).isoformat(timespec="seconds")
