"""What the sandbox remembers of the requests that reached it."""

from collections import deque
from collections.abc import Mapping

import attrs

LONGEST_JOURNAL = 100_000


@attrs.frozen
class RecordedRequest:
    """A request that reached the sandbox. The path is as it was sent, still percent-encoded.

    `operation` is the operation's name in the API document, None when the path or method leads
    nowhere. `status` is None as long as nothing was answered, for good when a fault broke the
    connection first. `took_effect` tells whether the operation was carried out, whatever became
    of its answer. `faults` names the injected faults that struck, as the shell spells them.
    """

    method: str
    path: str
    query: Mapping[str, str]
    status: int | None = None
    operation: str | None = None
    took_effect: bool = False
    faults: tuple[str, ...] = ()


@attrs.define(eq=False)
class Entry:
    """The place of one request in the journal, filled in while it is being answered."""

    record: RecordedRequest

    def took_effect(self) -> None:
        """The operation was carried out."""
        self.record = attrs.evolve(self.record, took_effect=True)

    def answered(self, status: int | None) -> None:
        """This status is about to go out, or (None) no answer at all."""
        self.record = attrs.evolve(self.record, status=status)

    def struck(self, fault: str) -> None:
        """A fault of this name had its way with the request."""
        self.record = attrs.evolve(self.record, faults=(*self.record.faults, fault))


Journal = deque[Entry]


def new_journal() -> Journal:
    """An empty journal; the oldest entries make room for new ones when it is full."""
    return deque(maxlen=LONGEST_JOURNAL)
