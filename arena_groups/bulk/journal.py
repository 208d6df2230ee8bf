"""Journal of sent invitations, so that a repeated run sends none of them twice."""

import json
import time
from collections.abc import Callable
from enum import StrEnum
from hashlib import sha256
from uuid import uuid4

from attrs import frozen

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
    """Entry for one person: the state, when it was written (Unix time), and by which run."""

    state: JournalState
    at: float
    run: str

    @property
    def completed(self) -> bool:
        """Whether the outcome of the invitation is known."""
        return self.state is not JournalState.CLAIMED


class InviteJournal:
    """Entries of one journal in a store.

    A person has no entry, a claim, or a completed entry. Before a run sends an invitation it
    writes a claim with a compare-and-set, so of several runs only one sends it. Afterwards the
    run completes the entry with the outcome, or removes its claim if nothing was sent. If the
    process is killed in between, the claim stays. Other runs then wait until it is older than
    the claim timeout before they may replace it with their own.

    An entry is stored under a digest of the namespace and the person's key: the journal holds
    no email addresses. Every method that reads or writes raises :class:`StoreError`.
    """

    def __init__(
        self,
        store: Store,
        namespace: str,
        *,
        claim_timeout: float,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._namespace = namespace
        self._claim_timeout = claim_timeout
        self._now = now
        self._run = uuid4().hex
        self._entries: dict[str, str] = {}

    async def open(self) -> None:
        """Read all entries."""
        self._entries = await self._store.read(self._namespace)

    def find(self, key: str) -> JournalEntry | None:
        """Return the entry of a person, as it was last read or written here."""
        text = self._entries.get(self._name(key))
        return None if text is None else _parse(text)

    async def refresh(self, key: str) -> JournalEntry | None:
        """Read all entries again, and return the one of a person."""
        await self.open()
        return self.find(key)

    def claim_expires_in(self, claim: JournalEntry) -> float:
        """Return in how many seconds a claim may be replaced; 0 if it may be now."""
        # The upper bound keeps the wait short after a clock was set back.
        seconds = claim.at + self._claim_timeout - self._now()
        return min(max(0.0, seconds), self._claim_timeout)

    async def claim(self, key: str) -> bool:
        """Write a claim, and return whether the entry was still as last seen here.

        If it was not, all entries are read again.
        """
        name = self._name(key)
        claim = self._serialize(JournalState.CLAIMED)
        claimed = await self._store.compare_and_set(
            self._namespace, {name: claim}, expected={name: self._entries.get(name)}
        )
        if claimed:
            self._entries[name] = claim
        else:
            await self.open()
        return claimed

    async def complete(self, key: str, state: JournalState) -> None:
        """Write the outcome of a person's invitation."""
        name = self._name(key)
        text = self._serialize(state)
        await self._store.compare_and_set(self._namespace, {name: text})
        self._entries[name] = text

    async def abandon(self, key: str) -> None:
        """Remove this run's claim, as nothing was sent."""
        name = self._name(key)
        if await self._store.compare_and_set(
            self._namespace, {name: None}, expected={name: self._entries.get(name)}
        ):
            self._entries.pop(name, None)
        else:
            await self.open()

    def _name(self, key: str) -> str:
        # With the namespace, so that digests of two journals cannot be compared.
        return sha256(f"{self._namespace}\0{key}".encode()).hexdigest()

    def _serialize(self, state: JournalState) -> str:
        return json.dumps({"state": state.value, "at": self._now(), "run": self._run})


def _parse(text: str) -> JournalEntry:
    try:
        fields = json.loads(text)
        return JournalEntry(
            state=JournalState(fields["state"]), at=float(fields["at"]), run=str(fields["run"])
        )
    except (ValueError, KeyError, TypeError):
        raise StoreError(
            "the journal has an entry that this version of arena-groups did not write"
        ) from None
