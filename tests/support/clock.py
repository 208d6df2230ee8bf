"""A clock that jumps: nobody waits."""

import asyncio


class FakeClock:
    """Monotonic and Unix time in one; a wait lets others run, then moves the time on.

    ``waits`` are those that were waited to their end. Of several at once the shortest moves
    the time; one that is cut short by its event moves nothing.
    """

    def __init__(self, time: float = 1_700_000_000.0) -> None:
        self.time = time
        self.waits: list[float] = []
        self._ends: list[float] = []

    def __call__(self) -> float:
        return self.time

    def now(self) -> float:
        return self.time

    async def wait(self, event: asyncio.Event, seconds: float | None) -> None:
        if seconds is None:
            await event.wait()
            return
        end = self.time + seconds
        self._ends.append(end)
        try:
            while not await self._happens_soon(event):
                if self.time >= end or end <= min(self._ends):
                    self.waits.append(seconds)
                    self.time = max(self.time, end)
                    return
        finally:
            self._ends.remove(end)

    async def _happens_soon(self, event: asyncio.Event) -> bool:
        for _ in range(10):
            await asyncio.sleep(0)
            if event.is_set():
                return True
        return False
