"""The faults as they strike one request."""

from collections.abc import Callable

import attrs

from arena_groups.sandbox.answers import Answer
from arena_groups.sandbox.delivery import Message
from arena_groups.sandbox.entities import Group
from arena_groups.sandbox.faults.base import BodyFault, ListFault, WorldFault, list_page
from arena_groups.sandbox.faults.registry import Faults, InjectedFault
from arena_groups.sandbox.journal import Entry
from arena_groups.sandbox.state import World


@attrs.frozen
class Strikes:
    """What the faults do to one request, noted in its entry of the journal."""

    _faults: Faults
    _entry: Entry

    def detour(self, injected: InjectedFault) -> bool:
        """Whether this detour is taken."""
        if not self._claim(injected):
            return False
        self._settle(injected, struck=True)
        return True

    def disturb(self, world: World, group: Group | None) -> None:
        """What changes before an operation on this group, or on something else."""
        for injected in self._faults:
            fault = injected.fault
            if isinstance(fault, WorldFault) and self._claim(injected):
                self._settle(injected, struck=fault.disturb(world, group, self._faults.rng))

    def rewrite(self, answer: Answer, ask: Callable[[int], Answer]) -> Answer:
        """What becomes of an answer, if it is a page of a list."""
        for injected in self._faults:
            fault, page = injected.fault, list_page(answer, ask)
            if page is not None and isinstance(fault, ListFault) and self._claim(injected):
                rewritten = fault.rewrite(page)
                self._settle(injected, struck=rewritten is not None)
                answer = rewritten or answer
        return answer

    def spoil(self, message: Message) -> Message:
        """What becomes of a message, if it has a body to send."""
        for injected in self._faults:
            fault, body = injected.fault, message.body
            if isinstance(fault, BodyFault) and body and self._sends_body and self._claim(injected):
                message = fault.spoil(message, body)
                self._settle(injected, struck=True)
        return message

    @property
    def _sends_body(self) -> bool:
        return self._entry.record.method != "HEAD"

    def _claim(self, injected: InjectedFault) -> bool:
        return injected.claim(self._entry.record, self._faults.rng)

    def _settle(self, injected: InjectedFault, *, struck: bool) -> None:
        if struck:
            self._entry.struck(injected.fault.name())
        else:
            injected.spare()
