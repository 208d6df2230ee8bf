"""Faults in place in a sandbox, and how they are applied to requests."""

from collections.abc import Callable, Iterator
from itertools import count
from random import Random
from types import TracebackType
from typing import Self

import attrs

from arena_groups.sandbox.backend import Backend
from arena_groups.sandbox.entities import GroupRecord, LogEntry, RecordedRequest
from arena_groups.sandbox.faults.base import (
    BodyFault,
    Fault,
    FaultTarget,
    ListFault,
    StateFault,
    as_fault,
    list_page,
)
from arena_groups.sandbox.faults.kinds import named_fault, parse_spec
from arena_groups.sandbox.responses import SandboxResponse
from arena_groups.sandbox.server_protocol import SerializedResponse


class InjectedFault:
    """A fault in place. As a context manager it is removed at the end of the block.

    Args:
        fault: The fault.
        target: The requests that it applies to.
        faults: The registry that it belongs to.
        number: The number of the fault, counted from 1.

    Attributes:
        id: The number of the fault.
        fault: The fault.
        target: The requests that it applies to.
    """

    def __init__(
        self, fault: Fault, target: FaultTarget, faults: "FaultRegistry", number: int = 0
    ) -> None:
        self.id = number
        self.fault = fault
        self.target = target
        self._faults = faults
        self._seen = 0
        self._call_count = 0

    def __repr__(self) -> str:
        return f"<{self.fault!r}, call_count={self._call_count}>"

    @property
    def call_count(self) -> int:
        """The number of requests that the fault has been applied to."""
        return self._call_count

    def remove(self) -> None:
        """Remove the fault. Does nothing if it has been removed already."""
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
        """Decide whether the fault applies to a request, and count the request if so.

        Args:
            request: The request.
            rng: The source of randomness.

        Returns:
            Whether the fault applies.
        """
        target = self.target
        if self._call_count == target.times or not target.matches(request):
            return False
        self._seen += 1
        if self._seen <= target.skip or rng.random() >= target.probability:
            return False
        self._call_count += 1
        return True

    def unclaim(self) -> None:
        """Take the last request back out of the count: the fault changed nothing."""
        self._call_count -= 1


class FaultRegistry:
    """The faults of one sandbox.

    Args:
        rng: The source of randomness, for `probability` and for faults that draw numbers.
        on_change: Called after a fault was added or removed.
    """

    def __init__(self, rng: Random, on_change: Callable[[], None] | None = None) -> None:
        self.rng = rng
        self._on_change = on_change
        self._numbers = count(1)
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
        """Add a fault. By default it applies to every request until it is removed.

        Args:
            fault: The fault.
            operation: Applies it to one operation, by its name in the API document, such as
                `createGroupInvitation`.
            method: Applies it to one HTTP method.
            route: Applies it to one path template, such as `/v3/groups/{id}/invitations`.
            where: Returns whether it applies to a request.
            times: The maximum number of requests; None for no maximum.
            skip: The number of matching requests to leave alone first.
            probability: The probability of each of the others, from 0 to 1.

        Returns:
            The fault in place.

        Raises:
            TypeError: The fault is a text or a class.
            ValueError: A name does not exist, or a number is out of range.
        """
        target = FaultTarget(
            operation=operation,
            method=method,
            route=route,
            where=where,
            times=times,
            skip=skip,
            probability=probability,
        )
        return self._place(as_fault(fault), target)

    def add_spec(self, spec: str) -> InjectedFault:
        """Add a fault written as for the command line: `latency:seconds=0.2,times=3`.

        Args:
            spec: The text, as for `parse_spec`.

        Returns:
            The fault in place.

        Raises:
            ValueError: The text is malformed, or a value is out of range.
        """
        return self._place(*parse_spec(spec))

    def add_named(self, name: str, /, **options: object) -> InjectedFault:
        """Add a fault by its name, with options of any type, as in JSON.

        Args:
            name: The name of the fault, such as `latency`.
            **options: Options of the fault, and those of `add`.

        Returns:
            The fault in place.

        Raises:
            ValueError: The name or an option does not exist, a required option is missing, or a
                value is invalid.
        """
        return self._place(*named_fault(name, options))

    def clear(self) -> None:
        """Remove all faults."""
        self._injected.clear()
        self._report_change()

    def discard(self, injected: InjectedFault) -> None:
        """Remove a fault, if it is in place.

        Args:
            injected: The fault.
        """
        self._injected.pop(injected, None)
        self._report_change()

    def assert_all_applied(self) -> None:
        """Check that every fault in place has been applied to a request.

        Raises:
            AssertionError: Some faults have not; the message names them.
        """
        unused = [each.fault.name() for each in self._injected if not each.call_count]
        if unused:
            raise AssertionError(f"faults not applied to any request: {', '.join(unused)}")

    def _place(self, fault: Fault, target: FaultTarget) -> InjectedFault:
        injected = InjectedFault(fault, target, self, next(self._numbers))
        self._injected[injected] = None
        self._report_change()
        return injected

    def _report_change(self) -> None:
        if self._on_change is not None:
            self._on_change()


@attrs.frozen
class FaultRunner:
    """Applies the faults to one request, and records them in its log entry."""

    _faults: FaultRegistry
    _entry: LogEntry

    def applies(self, injected: InjectedFault) -> bool:
        """Return whether this middleware fault applies to the request."""
        if not self._claim(injected):
            return False
        self._finish(injected, applied=True)
        return True

    def mutate(self, backend: Backend, group: GroupRecord | None) -> bool:
        """Apply the state faults before an operation on this group, or without a group.

        Return whether one of them has changed the state.
        """
        changed = False
        for injected in self._faults:
            fault = injected.fault
            if isinstance(fault, StateFault) and self._claim(injected):
                applied = fault.mutate(backend, group, self._faults.rng)
                self._finish(injected, applied=applied)
                changed = changed or applied
        return changed

    def transform_page(
        self, response: SandboxResponse, fetch_page: Callable[[int], SandboxResponse]
    ) -> SandboxResponse:
        """Apply the list faults to a response that is a page of a list."""
        path = self._entry.record.path
        for injected in self._faults:
            fault, page = injected.fault, list_page(response, fetch_page, path)
            if page is not None and isinstance(fault, ListFault) and self._claim(injected):
                transformed = fault.transform_page(page)
                self._finish(injected, applied=transformed is not None)
                response = transformed or response
        return response

    def transform_body(self, serialized: SerializedResponse) -> SerializedResponse:
        """Apply the body faults to a response that has a body to send."""
        for injected in self._faults:
            fault, body = injected.fault, serialized.body
            if isinstance(fault, BodyFault) and body and self._sends_body and self._claim(injected):
                serialized = fault.transform(serialized, body)
                self._finish(injected, applied=True)
        return serialized

    @property
    def _sends_body(self) -> bool:
        return self._entry.record.method != "HEAD"

    def _claim(self, injected: InjectedFault) -> bool:
        return injected.claim(self._entry.record, self._faults.rng)

    def _finish(self, injected: InjectedFault, *, applied: bool) -> None:
        if applied:
            self._entry.mark_applied(injected.fault.name())
        else:
            injected.unclaim()
