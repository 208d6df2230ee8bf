"""Everything that an error may show to whoever prints it, logs it, or collects its frames."""

from collections.abc import Iterator
from pathlib import Path
from traceback import FrameSummary, TracebackException

TESTS = str(Path(__file__).parents[1])


def shown_by(error: BaseException, *, within: str = "") -> str:
    """Texts, attributes and local variables of an error and of all that it is chained to.

    Frames of the tests themselves are left out: they know every secret. With ``within``, so are
    those of files whose path it is not in.
    """
    frames = [
        f"{frame.filename}:{frame.lineno} {frame.name} {frame.locals}"
        for frame in _frames(TracebackException.from_exception(error, capture_locals=True))
        if within in frame.filename
    ]
    return "\n".join([*_texts(error, set()), *frames])


def files_behind(error: BaseException) -> set[str]:
    """The files that an error came through, those of the tests left out."""
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
