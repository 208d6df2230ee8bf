"""What the sandbox remembers of the requests it answered."""

from collections import deque
from collections.abc import Mapping

import attrs

LONGEST_JOURNAL = 100_000


@attrs.frozen
class RecordedRequest:
    """A request that was answered. The path is as it was sent, still percent-encoded."""

    method: str
    path: str
    query: Mapping[str, str]
    status: int


Journal = deque[RecordedRequest]


def new_journal() -> Journal:
    """An empty journal; the oldest entries make room for new ones when it is full."""
    return deque(maxlen=LONGEST_JOURNAL)
