"""Everything that an error may reveal when it is printed or logged, or its frames are collected."""

from collections.abc import Iterator
from pathlib import Path
from traceback import FrameSummary, TracebackException, walk_tb

from rich.pretty import pretty_repr

TESTS = str(Path(__file__).parents[1])
PACKAGE = str(Path(__file__).parents[2] / "arena_groups")


def shown_by(error: BaseException, *, within: str = "") -> str:
    """Return texts, attributes and local variables of an error and of all chained errors.

    Frames of the tests are omitted, as they contain every secret. With ``within``, so are those of
    files whose path does not contain it.
    """
    texts = [f"{each} {each!r} {each.args!r} {vars(each)!r}" for each in _chain(error, set())]
    frames = [
        f"{frame.filename}:{frame.lineno} {frame.name} {frame.locals}"
        for frame in _frames(TracebackException.from_exception(error, capture_locals=True))
        if within in frame.filename
    ]
    return "\n".join([*texts, *frames, *_expanded_locals(error)])


def _expanded_locals(error: BaseException) -> Iterator[str]:
    """Yield the local variables of the package as rich shows them, which takes objects apart."""
    for each in _chain(error, set()):
        for frame, _ in walk_tb(each.__traceback__):
            if frame.f_code.co_filename.startswith(PACKAGE):
                yield pretty_repr(dict(frame.f_locals))


def files_behind(error: BaseException) -> set[str]:
    """Return the files in the traceback of an error, except those of the tests."""
    return {frame.filename for frame in _frames(TracebackException.from_exception(error))}


def _chain(error: BaseException | None, seen: set[int]) -> Iterator[BaseException]:
    if error is None or id(error) in seen:
        return
    seen.add(id(error))
    yield error
    for other in (error.__cause__, error.__context__, *getattr(error, "exceptions", ())):
        yield from _chain(other, seen)


def _frames(trace: TracebackException | None) -> Iterator[FrameSummary]:
    if trace is None:
        return
    for frame in trace.stack:
        if not frame.filename.startswith(TESTS):
            yield frame
    for other in (trace.__cause__, trace.__context__, *(trace.exceptions or ())):
        yield from _frames(other)
