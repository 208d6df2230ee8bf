"""A clock that jumps: nobody waits."""

import asyncio


class FakeClock:
    """Monotonic and Unix time in one; a wait lets others run, then moves the time on."""

    def __init__(self, time: float = 1_700_000_000.0) -> None:
        self.time = time
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.time

    def now(self) -> float:
        return self.time

    async def wait(self, event: asyncio.Event, seconds: float | None) -> None:
        if seconds is None:
            await event.wait()
            return
        self.waits.append(seconds)
        until = self.time + seconds
        for _ in range(10):
            await asyncio.sleep(0)
            if event.is_set():
                return
        self.time = max(self.time, until)
