"""Control of ``asyncio.timeout``, and of the time of the event loop."""

import asyncio

import pytest


def use_timeout(monkeypatch: pytest.MonkeyPatch, kind: type[asyncio.Timeout]) -> None:
    """Let ``asyncio.timeout`` return objects of another class."""

    def timeout(delay: float | None) -> asyncio.Timeout:
        return kind(None if delay is None else asyncio.get_running_loop().time() + delay)

    monkeypatch.setattr("asyncio.timeout", timeout)


def advance_loop_time(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let the time of the running event loop jump ahead, so that its timers are due."""
    loop = asyncio.get_running_loop()
    before = loop.time
    monkeypatch.setattr(loop, "time", lambda: before() + seconds)
