"""Faults of the connection: it ends without an answer."""

import attrs

from arena_groups.sandbox.delivery import Message, Nothing
from arena_groups.sandbox.faults.base import Exchange, Instead


@attrs.frozen
class Reset(Instead):
    """The connection is reset (RST) in place of an answer."""

    def reply(self, exchange: Exchange) -> Message:
        """No answer."""
        del exchange
        return Message(None, deliver=Nothing(reset=True))


@attrs.frozen
class Disconnect(Instead):
    """The connection is closed (FIN) without an answer."""

    def reply(self, exchange: Exchange) -> Message:
        """No answer."""
        del exchange
        return Message(None, deliver=Nothing(reset=False))
