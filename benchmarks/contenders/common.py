"""Parts that all contenders share: arguments, counts and output."""

import argparse
import asyncio
import gc
import hashlib
import importlib
import json
import resource
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, NoReturn, Protocol

from attrs import define, frozen

__all__ = ["PER", "TOKEN", "Invitation", "Opener", "Reader", "Tally", "cannot_run", "needs", "run"]

PER = 100
TOKEN = "benchmark"  # noqa: S105 - the server takes any
WARM_UP = "warm-500"
MIB = 1024 * 1024
LARGE_BLOCK = 4 * MIB


class Invitation(Protocol):
    """Attributes that are read from each item that is an object."""

    @property
    def id(self) -> int: ...  # noqa: D102

    @property
    def invitee_email(self) -> str | None: ...  # noqa: D102

    @property
    def created_at(self) -> object: ...  # noqa: D102


@define
class Tally:
    """Count of the items that a reader has read; the same three values are read from each.

    ``proof`` is filled in the warm-up only, to show that all read the same items.
    """

    items: int = 0
    ids: int = 0
    characters: int = 0
    latest: object = None
    proof: list[tuple[int, str | None]] | None = None

    def objects(self, page: Iterable[Invitation]) -> None:
        """Count a page of objects."""
        items = ids = characters = 0
        latest, proof = self.latest, self.proof
        for item in page:
            items += 1
            ids += item.id
            characters += len(item.invitee_email or "")
            latest = item.created_at
            if proof is not None:
                proof.append((item.id, item.invitee_email))
        self.add(items, ids, characters, latest)

    def dicts(self, page: Iterable[dict[str, Any]]) -> None:
        """Count a page of dicts."""
        items = ids = characters = 0
        latest, proof = self.latest, self.proof
        for item in page:
            items += 1
            ids += item["id"]
            characters += len(item["invitee_email"] or "")
            latest = item["created_at"]
            if proof is not None:
                proof.append((item["id"], item["invitee_email"]))
        self.add(items, ids, characters, latest)

    def add(self, items: int, ids: int, characters: int, latest: object) -> None:
        """Add the counts of another tally."""
        self.items += items
        self.ids += ids
        self.characters += characters
        self.latest = latest

    def digest(self) -> str:
        """Return a digest of the items of the warm-up, in their order."""
        lines = "".join(f"{number} {email or ''}\n" for number, email in self.proof or ())
        return hashlib.sha256(lines.encode()).hexdigest()


Reader = Callable[[str, Tally], Awaitable[None]]
Opener = Callable[[str], AbstractAsyncContextManager[Reader]]


@frozen
class Usage:
    """CPU and wall time in seconds."""

    cpu: float
    wall: float

    @classmethod
    def now(cls) -> "Usage":
        """Return the usage since a moment in the past."""
        used = resource.getrusage(resource.RUSAGE_SELF)
        return cls(used.ru_utime + used.ru_stime, time.perf_counter())


def needs(*modules: str) -> None:
    """Exit with the reason unless all ``modules`` can be imported."""
    for name in modules:
        try:
            importlib.import_module(name)
        except ImportError:
            cannot_run(f"{name} is not installed")


def cannot_run(reason: str) -> NoReturn:
    """Print why this contender cannot run, and exit."""
    print(json.dumps({"cannot_run": reason}))
    raise SystemExit(0)


def parser() -> argparse.ArgumentParser:
    """Return a parser with the arguments of every contender."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--url", required=True)
    arguments.add_argument("--items", type=int, required=True)
    arguments.add_argument("--repeat", type=int, default=1)
    return arguments


def run(opener: Opener, arguments: argparse.Namespace) -> None:
    """Read as ``arguments`` say, and print the usage as one line of JSON."""
    print(json.dumps(asyncio.run(_measure(opener, arguments))))


async def _measure(opener: Opener, arguments: argparse.Namespace) -> dict[str, object]:
    async with opener(arguments.url) as read:
        warm = Tally(proof=[])
        await read(WARM_UP, warm)
        digest = warm.digest()
        del warm
        _warm_up_allocator()
        tally, resident, begin = Tally(), _resident(), Usage.now()
        for repetition in range(arguments.repeat):
            await read(f"list-{arguments.items}-{repetition}", tally)
        end = Usage.now()
    peak = _peak()
    return {
        "items": tally.items,
        "checksum": f"{digest}:{tally.ids}:{tally.characters}",
        "cpu": end.cpu - begin.cpu,
        "wall": end.wall - begin.wall,
        "peak_rss": peak,
        "rss_growth": max(0.0, peak - resident),
    }


def _warm_up_allocator() -> None:
    """Bring the allocator into the state of a process that has run for a while.

    Until a large block has been freed, glibc may return memory to the system after each page and
    request it again for the next. It depends on the layout of the heap, and can cost a fifth of
    everything else.
    """
    bytes(LARGE_BLOCK)  # never written to, so that it takes no memory
    gc.collect()


def _resident() -> float:
    """Return the MiB in memory, or the peak if the system reports only that."""
    return _status("VmRSS") or _most()


def _peak() -> float:
    """Return the peak MiB. On Linux ``ru_maxrss`` is inherited, so it comes second."""
    return _status("VmHWM") or _most()


def _status(name: str) -> float | None:
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    values = [line.split()[1] for line in lines if line.startswith(f"{name}:")]
    return int(values[0]) / 1024 if values else None


def _most() -> float:
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / MIB if sys.platform == "darwin" else most / 1024
