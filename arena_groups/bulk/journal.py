"""Journal of sent invitations, so that a repeated run sends none of them twice."""

import json
import math
from collections.abc import Callable
from enum import StrEnum
from hashlib import sha256
from uuid import uuid4

from attrs import evolve, field, frozen

from arena_groups._types import Clock
from arena_groups.errors import StoreError
from arena_groups.stores import Store

__all__ = ["InviteJournal", "JournalEntry", "JournalState"]


class JournalState(StrEnum):
    """State of one person's invitation in the journal."""

    CLAIMED = "claimed"
    INVITED = "invited"
    ADDED = "added"


@frozen(kw_only=True)
class JournalEntry:
    """Entry for one person: a claim, or the outcome of the invitation.

    Attributes:
        state: The state.
        text: The entry as it is stored. No two claims have the same text.
        valid_for: Seconds in which nobody else may replace a claim.
        seen_at: Monotonic time at which this process first saw the entry.
    """

    state: JournalState
    text: str
    valid_for: float = 0.0
    seen_at: float = field(default=0.0, eq=False)

    @property
    def completed(self) -> bool:
        """Whether the outcome of the invitation is known."""
        return self.state is not JournalState.CLAIMED

    @property
    def expires_at(self) -> float:
        """Monotonic time from which a claim may be replaced."""
        return self.seen_at + self.valid_for


class InviteJournal:
    """Entries of one journal in a store.

    A person has no entry, a claim, or a completed entry. When a run has a permit for its request,
    it writes a claim with a compare-and-set, so of several runs only one sends the invitation.
    Afterwards the run completes the entry with the outcome, or removes its claim if nothing was
    sent. If the process is killed in between, the claim stays.

    A claim says for how many seconds it is valid. Others count them from the moment at which
    they first saw it, which is later than its writing, so no clocks are compared.

    An entry is stored under a digest of the namespace and the person's key: the journal holds
    no email addresses. Every method that reads or writes raises :class:`StoreError`.
    """

    def __init__(
        self,
        store: Store,
        namespace: str,
        *,
        claim_timeout: float,
        clock: Clock,
        digest: Callable[[str], str] | None = None,
    ) -> None:
        self._digest = digest or _sha256
        self._store = store
        self._namespace = namespace
        self._claim_timeout = claim_timeout
        self._clock = clock
        self._entries: dict[str, JournalEntry] = {}

    async def load(self) -> None:
        """Read all entries."""
        records = await self._store.read(self._namespace)
        now, seen = self._clock.now(), self._entries
        self._entries = {
            name: seen[name] if name in seen and seen[name].text == text else _parse(text, now)
            for name, text in records.items()
        }

    def find(self, key: str) -> JournalEntry | None:
        """Return the entry of a person, as it was last read or written here."""
        return self._entries.get(self._name(key))

    def expires_in(self, claim: JournalEntry) -> float:
        """Return in how many seconds a claim may be replaced; 0 if it may be now."""
        return max(0.0, claim.expires_at - self._clock.now())

    async def claim(self, key: str, *, replacing: JournalEntry | None) -> JournalEntry | None:
        """Write a claim in place of an entry, and return it; ``None`` if the entry has changed."""
        name = self._name(key)
        del key  # a traceback would show it
        text = json.dumps(
            {
                "state": JournalState.CLAIMED.value,
                "valid_for": self._claim_timeout,
                "id": uuid4().hex,
            }
        )
        if not await self._store.compare_and_set(
            self._namespace,
            {name: text},
            expected={name: None if replacing is None else replacing.text},
        ):
            return None
        claim = self._entries[name] = _parse(text, self._clock.now())
        return claim

    async def complete(self, key: str, state: JournalState) -> JournalEntry:
        """Write the outcome of a person's invitation, and return the entry."""
        name = self._name(key)
        del key  # a traceback would show it
        text = json.dumps({"state": state.value})
        await self._store.compare_and_set(self._namespace, {name: text})
        entry = self._entries[name] = _parse(text, self._clock.now())
        return entry

    async def abandon(self, key: str, claim: JournalEntry) -> None:
        """Remove a claim of this run, as nothing was sent, unless it was replaced."""
        name = self._name(key)
        del key  # a traceback would show it
        await self._store.compare_and_set(
            self._namespace, {name: None}, expected={name: claim.text}
        )
        if self._entries.get(name) == claim:
            del self._entries[name]

    def _name(self, key: str) -> str:
        # With the namespace, so that digests of two journals cannot be compared.
        return self._digest(f"{self._namespace}\0{key}")


def _sha256(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _parse(text: str, seen_at: float) -> JournalEntry:
    try:
        fields = json.loads(text)
        entry = JournalEntry(state=JournalState(fields["state"]), text=text, seen_at=seen_at)
        if entry.completed:
            return entry
        valid_for = float(fields["valid_for"])
        if not 0 < valid_for < math.inf:
            raise ValueError
        return evolve(entry, valid_for=valid_for)
    except (ValueError, KeyError, TypeError, OverflowError):
        raise StoreError(
            "the journal has an entry that this version of arena-groups did not write; "
            "use another journal, and check who is already invited"
        ) from None
