"""Everything that an error may reveal when it is printed or logged, or its frames are collected."""

from collections.abc import Iterator
from pathlib import Path
from traceback import FrameSummary, TracebackException

TESTS = str(Path(__file__).parents[1])


def shown_by(error: BaseException, *, within: str = "") -> str:
    """Return texts, attributes and local variables of an error and of all chained errors.

    Frames of the tests are omitted, as they contain every secret. With ``within``, so are those of
    files whose path does not contain it.
    """
    frames = [
        f"{frame.filename}:{frame.lineno} {frame.name} {frame.locals}"
        for frame in _frames(TracebackException.from_exception(error, capture_locals=True))
        if within in frame.filename
    ]
    return "\n".join([*_texts(error, set()), *frames])


def files_behind(error: BaseException) -> set[str]:
    """Return the files in the traceback of an error, except those of the tests."""
    return {frame.filename for frame in _frames(TracebackException.from_exception(error))}


def _texts(error: BaseException | None, seen: set[int]) -> Iterator[str]:
    if error is None or id(error) in seen:
        return
    seen.add(id(error))
    yield f"{error} {error!r} {error.args!r} {vars(error)!r}"
    for other in (error.__cause__, error.__context__, *getattr(error, "exceptions", ())):
        yield from _texts(other, seen)


def _frames(trace: TracebackException | None) -> Iterator[FrameSummary]:
    if trace is None:
        return
    for frame in trace.stack:
        if not frame.filename.startswith(TESTS):
            yield frame
    for other in (trace.__cause__, trace.__context__, *(trace.exceptions or ())):
        yield from _frames(other)
