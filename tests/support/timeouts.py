"""Control of the deadlines that ``asyncio.timeout`` sets."""

import asyncio

import pytest


def use_timeout(monkeypatch: pytest.MonkeyPatch, kind: type[asyncio.Timeout]) -> None:
    """Let ``asyncio.timeout`` return objects of another class."""

    def timeout(delay: float | None) -> asyncio.Timeout:
        return kind(None if delay is None else asyncio.get_running_loop().time() + delay)

    monkeypatch.setattr("asyncio.timeout", timeout)


def record_timeouts(monkeypatch: pytest.MonkeyPatch) -> list[asyncio.Timeout]:
    """Return a list to which each deadline is added as its block is entered."""
    recorded: list[asyncio.Timeout] = []

    class RecordedTimeout(asyncio.Timeout):
        async def __aenter__(self) -> asyncio.Timeout:
            if self.when() is not None:
                recorded.append(self)
            return await super().__aenter__()

    use_timeout(monkeypatch, RecordedTimeout)
    return recorded
