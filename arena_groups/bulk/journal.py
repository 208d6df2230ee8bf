"""What an invitation run must not forget, so that nobody is written to twice."""

import json
import time
from collections.abc import Callable
from enum import StrEnum
from hashlib import sha256
from uuid import uuid4

from attrs import frozen

from arena_groups.errors import StoreError
from arena_groups.stores import Store

__all__ = ["Entry", "Journal", "State"]


class State(StrEnum):
    """How far the journal knows an invitation to have come."""

    CLAIMED = "claimed"
    INVITED = "invited"
    ADDED = "added"


@frozen(kw_only=True)
class Entry:
    """What the journal has of one person: since when (Unix time) and by which run."""

    state: State
    at: float
    run: str

    @property
    def settled(self) -> bool:
        """Whether what became of the invitation is known."""
        return self.state is not State.CLAIMED


class Journal:
    """The entries of one campaign.

    Whoever wants to send an invitation claims it first, so that no two do; a claim without an
    outcome, left behind by a process that was killed, may be taken over ``claim_timeout``
    seconds after it was made. Names are digests: no address is in the journal.
    """

    def __init__(
        self,
        store: Store,
        scope: str,
        *,
        claim_timeout: float,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._scope = scope
        self._claim_timeout = claim_timeout
        self._now = now
        self._run = uuid4().hex
        self._texts: dict[str, str] = {}

    async def open(self) -> None:
        """Read all there is. Raises :class:`StoreError`, as do the others."""
        self._texts = await self._store.read(self._scope)

    def find(self, key: str) -> Entry | None:
        """The entry of somebody, as it was last read or written here."""
        text = self._texts.get(self._name(key))
        return None if text is None else _parsed(text)

    async def refresh(self, key: str) -> Entry | None:
        """The entry of somebody as it is now, with whatever others wrote."""
        await self.open()
        return self.find(key)

    def left(self, entry: Entry) -> float:
        """In how many seconds a claim may be taken over; 0 if it may be now."""
        # A clock that was set back must not make anybody wait for years.
        left = entry.at + self._claim_timeout - self._now()
        return min(max(0.0, left), self._claim_timeout)

    async def claim(self, key: str) -> bool:
        """Claim somebody, if the entry still is as it was last seen here."""
        name = self._name(key)
        claim = _text(Entry(state=State.CLAIMED, at=self._now(), run=self._run))
        claimed = await self._store.compare_and_set(
            self._scope, {name: claim}, expected={name: self._texts.get(name)}
        )
        if claimed:
            self._texts[name] = claim
        else:
            await self.open()
        return claimed

    async def settle(self, key: str, state: State) -> None:
        """Note what became of somebody's invitation."""
        name = self._name(key)
        text = _text(Entry(state=state, at=self._now(), run=self._run))
        await self._store.compare_and_set(self._scope, {name: text})
        self._texts[name] = text

    async def release(self, key: str) -> None:
        """Give a claim of ours back: nothing was sent."""
        name = self._name(key)
        if await self._store.compare_and_set(
            self._scope, {name: None}, expected={name: self._texts.get(name)}
        ):
            self._texts.pop(name, None)
        else:
            await self.open()

    def _name(self, key: str) -> str:
        # With the scope, so that digests tell nothing across groups and campaigns.
        return sha256(f"{self._scope}\0{key}".encode()).hexdigest()


def _text(entry: Entry) -> str:
    return json.dumps({"state": entry.state.value, "at": entry.at, "run": entry.run})


def _parsed(text: str) -> Entry:
    try:
        told = json.loads(text)
        return Entry(state=State(told["state"]), at=float(told["at"]), run=str(told["run"]))
    except (ValueError, KeyError, TypeError):
        raise StoreError(
            "the journal has an entry that this version of arena-groups did not write"
        ) from None
