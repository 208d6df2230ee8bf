"""Writing results, and showing how far the work has come."""

import sys
from collections.abc import AsyncIterable, Generator, Iterable
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

from rich.console import Console

from arena_groups.cli import streams
from arena_groups.cli.notes import note
from arena_groups.cli.output import Writer, item_writer, list_writer
from arena_groups.cli.settings import Settings
from arena_groups.cli.views import View

T = TypeVar("T")

Noun = tuple[str, str]
"""What one result is called, and several."""


class Progress(Protocol):
    """Something that shows how far the work has come."""

    def update(self, status: str) -> None:
        """Show another text."""


class _Silent:
    def update(self, status: str) -> None:
        """Show nothing."""


class Results(Generic[T]):
    """A list of results that goes out one by one."""

    def __init__(self, settings: Settings, view: View[T], noun: Noun) -> None:
        stream = streams.results()
        self._writer: Writer[T] = list_writer(
            settings.chosen_format(terminal=stream.isatty()), stream, view
        )
        self._settings = settings
        self._noun = noun
        self.count = 0

    def write(self, item: T) -> None:
        """Write one result."""
        self._writer.write(item)
        self.count += 1

    def close(self) -> None:
        """Write what belongs after the last result, and tell people how many there were."""
        self._writer.close()
        if streams.is_terminal(sys.stderr) and not self._settings.quiet:
            streams.tell(counted(self.count, self._noun))


async def write_all(
    settings: Settings,
    view: View[T],
    items: AsyncIterable[T],
    noun: Noun,
    *,
    limit: int | None = None,
) -> None:
    """Write results as they arrive, but no more than ``limit``."""
    results = Results(settings, view, noun)
    if limit != 0:
        # Where the results themselves scroll by, they are the progress.
        with progress(settings, beside_results=True) as shown:
            async for item in items:
                results.write(item)
                shown.update(f"{results.count} so far")
                if results.count == limit:
                    break
    results.close()


def write_each(settings: Settings, view: View[T], items: Iterable[T], noun: Noun) -> None:
    """Write results that are all there."""
    results = Results(settings, view, noun)
    for item in items:
        results.write(item)
    results.close()


def write_one(settings: Settings, view: View[T], item: T) -> None:
    """Write a result that stands alone."""
    stream = streams.results()
    chosen = settings.chosen_format(terminal=stream.isatty())
    writer = item_writer(chosen, stream, view)
    writer.write(item)
    writer.close()


async def gather(settings: Settings, items: AsyncIterable[T]) -> list[T]:
    """Return all items of a walk, with its progress shown."""
    found: list[T] = []
    with progress(settings) as shown:
        async for item in items:
            found.append(item)
            shown.update(f"{len(found)} so far")
    return found


@contextmanager
def progress(
    settings: Settings, *, beside_results: bool = False
) -> Generator[Progress, None, None]:
    """Show how far something has come: at a terminal, unless it shows other things then."""
    console = progress_console(settings)
    if console is None or (beside_results and streams.is_terminal(sys.stdout)):
        yield _Silent()
        return
    with console.status("asking") as status:
        yield status


def progress_console(settings: Settings) -> Console | None:
    """Where progress can be shown, if it can and may be."""
    if settings.quiet or settings.verbose or not streams.is_terminal(sys.stderr):
        return None
    console = Console(stderr=True)
    return None if console.is_dumb_terminal else console  # nothing can be drawn over there


def counted(count: int, noun: Noun) -> str:
    """Return a number and what it counts."""
    return f"{count} {noun[count != 1]}"


def note_none(settings: Settings, text: str) -> None:
    """Tell people why there is no result."""
    if streams.is_terminal(sys.stderr):
        note(settings, text)
