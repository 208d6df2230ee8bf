"""Results: written as they arrive, with progress meanwhile, and counted at the end."""

import sys
from collections.abc import AsyncIterable, Callable, Generator, Iterable
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

from attrs import evolve, frozen
from rich.console import Console

from arena_groups.cli.options import Arrange, Format, Settings
from arena_groups.cli.output.columns import View
from arena_groups.cli.output.messages import info, is_terminal, stdout_stream, write_stderr
from arena_groups.cli.output.pager import start_pager
from arena_groups.cli.output.writers import TableConsole, Writer, item_writer, list_writer

T = TypeVar("T")

Noun = tuple[str, str]
"""Singular and plural of the word for a result."""


@frozen(kw_only=True)
class Extent:
    """What is known of a list of which some results were shown.

    Attributes:
        total: Number of items in the list; ``None`` if it is not known.
        matching: Number of those that a filter accepts; ``None`` if not all were read.
        is_filtered: There is a filter.
        is_cut: The output ended at a limit.
    """

    total: int | None = None
    matching: int | None = None
    is_filtered: bool = False
    is_cut: bool = False


WHOLE = Extent()


def describe_count(shown: int, noun: Noun, extent: Extent = WHOLE) -> str:
    """Return how many results were shown, and of how many, as far as that is known."""
    total, matching = extent.total, extent.matching
    if extent.is_filtered and extent.is_cut:
        in_all = "" if total is None else f", {total} in all"
        if matching is None:
            more = in_all or "; there may be more"
            return f"Showing the first {counted(shown, noun)} that match{more}"
        return f"Showing {shown} of {counted(matching, noun)} that match{in_all}"
    if total is not None and shown < total and (extent.is_filtered or extent.is_cut):
        return f"Showing {shown} of {counted(total, noun)}"
    if extent.is_cut and total is None:
        return f"Showing {counted(shown, noun)}; there may be more"
    return counted(shown, noun)


class Results(Generic[T]):
    """A list of results, written one by one to standard output, and counted.

    Args:
        settings: Values of the common options.
        view: Columns of the results.
        noun: Word for a result in the count; ``None`` for no count.
        paged: At a terminal, show a table with the pager. Not for a command that changes
            something, or asks.
    """

    def __init__(
        self, settings: Settings, view: View[T], noun: Noun | None, *, paged: bool = False
    ) -> None:
        self._settings = settings
        self._view = view
        self._noun = noun
        self._paged = paged
        self._is_counted = is_terminal(sys.stderr) and not settings.quiet
        self._stream = stdout_stream()  # now: the display of progress replaces the streams
        self._writer: Writer[T] | None = None
        self.count = 0
        if settings.columns is not None:
            view.select(settings.columns)  # raises an error before anything is sent

    def write(self, item: T) -> None:
        """Write one result."""
        if self._writer is None:
            self._writer = self._open()
        try:
            self._writer.write(item)
        except BrokenPipeError:
            if self._settings.pager is not None:
                self._settings.pager.left = True
            raise
        self.count += 1

    def close(self, extent: Extent = WHOLE) -> None:
        """Write the end of the output and, at a terminal, the number if results have a noun."""
        if self._writer is None:
            self._paged = False
            self._writer = self._open()
        self._writer.close()
        if self._noun is not None and self._is_counted:
            write_stderr(describe_count(self.count, self._noun, extent))

    def _open(self) -> Writer[T]:
        stream, settings = self._stream, self._settings
        chosen = settings.chosen_format(terminal=stream.isatty())
        console = None
        if self._paged and chosen is Format.TABLE:
            settings.pager = settings.pager or start_pager(settings, stream)
            if settings.pager is not None:
                pipe = settings.pager.stream
                console = TableConsole(file=pipe, highlight=False, force_terminal=True)
        return list_writer(chosen, stream, self._view, settings, console=console)


async def write_all(
    settings: Settings,
    view: View[T],
    items: AsyncIterable[T],
    noun: Noun,
    *,
    limit: int | None = None,
    arrange: Arrange[T] | None = None,
    extent: Callable[[], Extent] | None = None,
) -> None:
    """Write results, at most ``limit``: as they arrive, or all in another order.

    Args:
        settings: Values of the common options.
        view: Columns of the results.
        items: The results.
        noun: Word for a result.
        limit: The largest number of results to write; ``None`` for all.
        arrange: Sorts the results. All are read first.
        extent: Returns what is known of the list after the last result.
    """
    results = Results(settings, view, noun, paged=True)
    walk = aiter(items)
    is_cut = limit == 0
    matching: int | None = None
    if arrange is not None:
        found = arrange(await collect(settings, walk))
        matching, is_cut = len(found), limit is not None and limit < len(found)
        for item in found[:limit]:
            results.write(item)
    elif limit != 0:
        with progress(settings, beside_results=True) as shown:
            async for item in walk:
                results.write(item)
                shown.update(f"{results.count} so far")
                if results.count == limit:
                    is_cut = True
                    break
    known = Extent(total=total_of(walk)) if extent is None else extent()
    results.close(evolve(known, matching=matching, is_cut=is_cut))


def total_of(walk: object) -> int | None:
    """Return the number of items in a list of the API, as far as an iterator over it knows."""
    from arena_groups._pagination.paginator import ItemIterator  # noqa: PLC0415 - not needed by all

    return walk.total_count if isinstance(walk, ItemIterator) else None


def write_each(
    settings: Settings,
    view: View[T],
    items: Iterable[T],
    noun: Noun,
    *,
    extent: Extent = WHOLE,
) -> None:
    """Write a list of results."""
    results = Results(settings, view, noun, paged=True)
    for item in items:
        results.write(item)
    results.close(extent)


def write_one(settings: Settings, view: View[T], item: T) -> None:
    """Write a single result."""
    stream = stdout_stream()
    chosen = settings.chosen_format(terminal=stream.isatty())
    writer = item_writer(chosen, stream, view, settings)
    writer.write(item)
    writer.close()


async def collect(settings: Settings, items: AsyncIterable[T]) -> list[T]:
    """Return all items, with progress shown meanwhile."""
    found: list[T] = []
    with progress(settings) as shown:
        async for item in items:
            found.append(item)
            shown.update(f"{len(found)} so far")
    return found


class Progress(Protocol):
    """Display of progress."""

    def update(self, status: str) -> None:
        """Show another text."""


class _NoProgress:
    def update(self, status: str) -> None:
        """Show nothing."""


@contextmanager
def progress(
    settings: Settings, *, beside_results: bool = False
) -> Generator[Progress, None, None]:
    """Show progress meanwhile, at a terminal only.

    With ``beside_results``, show none if the results go to the same terminal: there they are
    the progress.
    """
    console = progress_console(settings)
    if console is None or (beside_results and is_terminal(sys.stdout)):
        yield _NoProgress()
        return
    with console.status("waiting for Are.na") as status:
        yield status


def progress_console(settings: Settings) -> Console | None:
    """Return the console for progress; ``None`` if none is to be shown."""
    if settings.quiet or settings.verbose or not is_terminal(sys.stderr):
        return None
    console = Console(stderr=True)
    return None if console.is_dumb_terminal else console  # cannot overwrite a line


def info_at_terminal(settings: Settings, text: str) -> None:
    """Write a note to standard error if it is a terminal."""
    if is_terminal(sys.stderr):
        info(settings, text)


def counted(count: int, noun: Noun) -> str:
    """Return a number with the noun in singular or plural."""
    return f"{count} {noun[count != 1]}"
