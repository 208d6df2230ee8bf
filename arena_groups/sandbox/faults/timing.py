"""Faults of time: late, slow, never."""

import attrs

from arena_groups.sandbox.delivery import Message, Pieces
from arena_groups.sandbox.faults import checks
from arena_groups.sandbox.faults.base import BodyFault, Detour, Exchange


@attrs.frozen
class Latency(Detour):
    """The answer comes late; with `after`, once the operation has taken effect."""

    seconds: float = attrs.field(default=1.0, validator=checks.seconds)
    after: bool = attrs.field(default=False, kw_only=True)

    async def handle(self, exchange: Exchange) -> Message:
        """Wait on one side of the operation. A client who leaves earlier prevents it."""
        if not self.after:
            await exchange.pause(self.seconds)
        message = await exchange.proceed()
        if self.after:
            await exchange.pause(self.seconds)
        return message


@attrs.frozen
class Hang(Detour):
    """No answer ever comes, and the connection stays open until the client closes it."""

    after: bool = attrs.field(default=False, kw_only=True)

    async def handle(self, exchange: Exchange) -> Message:
        """Carry the operation out or not, and wait."""
        if self.after:
            await exchange.proceed()
        await exchange.hang()


@attrs.frozen
class Trickle(BodyFault):
    """The body arrives slowly: `size` bytes, a pause of so many `seconds`, and so on."""

    seconds: float = attrs.field(default=0.1, validator=checks.seconds)
    size: int = attrs.field(default=64, validator=checks.positive)

    def spoil(self, message: Message, body: bytes) -> Message:
        """The same message, slowly."""
        del body
        return attrs.evolve(message, deliver=Pieces(self.size, self.seconds))
