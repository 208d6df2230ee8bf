"""Which faults are to strike, which requests, and how often."""

from collections.abc import Callable, Iterator
from random import Random
from types import TracebackType
from typing import Self

from arena_groups.sandbox.faults.base import Fault
from arena_groups.sandbox.faults.specs import parse_spec
from arena_groups.sandbox.faults.target import Target
from arena_groups.sandbox.journal import RecordedRequest


class InjectedFault:
    """A fault in place. As a context manager it is removed at the end of the block."""

    def __init__(self, fault: Fault, target: Target, faults: "Faults") -> None:
        self.fault = fault
        self._target = target
        self._faults = faults
        self._seen = 0
        self._hits = 0

    def __repr__(self) -> str:
        return f"<{self.fault!r}, {self._hits} hits>"

    @property
    def hits(self) -> int:
        """How many requests it has struck so far."""
        return self._hits

    def remove(self) -> None:
        """Strike no further requests. Does nothing when it was removed before."""
        self._faults.discard(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.remove()

    def claim(self, request: RecordedRequest, rng: Random) -> bool:
        """Whether it is to strike this request, which then counts as hit."""
        target = self._target
        if self._hits == target.times or not target.matches(request):
            return False
        self._seen += 1
        if self._seen <= target.skip or rng.random() >= target.probability:
            return False
        self._hits += 1
        return True

    def spare(self) -> None:
        """The request that was claimed last was none for this fault after all."""
        self._hits -= 1


class Faults:
    """The faults of one sandbox. Chances are drawn from a source of their own, by the seed."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self._injected: dict[InjectedFault, None] = {}

    def __iter__(self) -> Iterator[InjectedFault]:
        return iter(tuple(self._injected))

    def __len__(self) -> int:
        return len(self._injected)

    def add(
        self,
        fault: Fault,
        *,
        operation: str | None = None,
        method: str | None = None,
        route: str | None = None,
        where: Callable[[RecordedRequest], bool] | None = None,
        times: int | None = None,
        skip: int = 0,
        probability: float = 1.0,
    ) -> InjectedFault:
        """Put a fault in place, by default for every request until it is removed.

        `operation` (a name of the API document, such as `createGroupInvitation`), `method`,
        `route` (a template, such as `/v3/groups/{id}/invitations`) and `where` narrow down which
        requests it is for. It lets the first `skip` of these pass, and strikes `times` at most,
        each with `probability`. Raises `ValueError` when there is no such operation, method or
        route, or a number is out of range.
        """
        target = Target(
            operation=operation,
            method=method,
            route=route,
            where=where,
            times=times,
            skip=skip,
            probability=probability,
        )
        return self._place(fault, target)

    def add_spec(self, spec: str) -> InjectedFault:
        """Put a fault in place that is written as for the shell: `latency:seconds=0.2,times=3`.

        Raises `ValueError` when the text is no such thing.
        """
        return self._place(*parse_spec(spec))

    def clear(self) -> None:
        """Remove all faults. Requests that they have struck already stay struck."""
        self._injected.clear()

    def discard(self, injected: InjectedFault) -> None:
        """Remove one fault, if it is in place."""
        self._injected.pop(injected, None)

    def _place(self, fault: Fault, target: Target) -> InjectedFault:
        injected = InjectedFault(fault, target, self)
        self._injected[injected] = None
        return injected
