"""Tokens, invite codes and addresses: never shown, checked before use."""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property
from hashlib import sha256

from msgspec import Struct

from arena_groups._api.addresses import address_problem

__all__ = ["Credentials", "Secret", "TokenOrigin", "checked_token"]

NO_STRING = "is not a string"


class Secret:
    """A string that no ``repr``, log or traceback shows."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value: object = value

    def __repr__(self) -> str:
        return "Secret(…)"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a secret cannot be pickled")

    @property
    def is_text(self) -> bool:
        """Whether this is a string at all."""
        return isinstance(self._value, str)

    def reveal(self) -> str:
        """Return the string itself."""
        # Not str(): that of a mixed-in enum is its name.
        return str.__str__(self._value) if isinstance(self._value, str) else str(self._value)

    def fingerprint(self) -> str:
        """Return a hash that distinguishes this string from others."""
        return sha256(self.reveal().encode()).hexdigest()[:32]

    def validation_error(self) -> str:
        """Return why this cannot be a token or code, as words that follow its name, or nothing."""
        if not isinstance(self._value, str):
            return NO_STRING
        if not self._value:
            return "is empty"
        if any(not "!" <= character <= "~" for character in self._value):
            return "holds a space, a line break or another character that none has"
        return ""

    def address_problem(self) -> str:
        """Return why this is not an email address, as words that follow its name, or nothing."""
        return address_problem(self._value)


class TokenOrigin(StrEnum):
    """Source of a token, in words for error messages."""

    ARGUMENT = "the argument token="
    ENVIRONMENT = "the environment variable ARENA_TOKEN"
    PROVIDER = "the token provider"
    WITHHELD = "the environment, for another server"
    NONE = "nowhere"


class Credentials(Struct, frozen=True, dict=True):
    """Credentials of a request: a token, or none for a guest.

    ``generation`` counts the calls of the token provider after a 401, before this token came.
    """

    token: Secret | None = None
    origin: TokenOrigin = TokenOrigin.NONE
    generation: int = 0

    @property
    def secrets(self) -> tuple[str, ...]:
        """The strings that must never be shown."""
        return (self.token.reveal(),) if self.token else ()

    @cached_property
    def fingerprint(self) -> str:
        """A hash that distinguishes one token from another; ``"guest"`` for none."""
        return self.token.fingerprint() if self.token else "guest"


def checked_token(token: Secret, origin: TokenOrigin) -> Secret:
    """Return ``token`` if it can be one; else raise an error that does not show it.

    Raises ``TypeError`` for what is no string, ``ValueError`` for an empty one and one with
    spaces, line breaks or characters that no header can carry.
    """
    problem = token.validation_error()
    if problem:
        kind = TypeError if problem == NO_STRING else ValueError
        raise kind(f"the token from {origin} {problem}")
    return token
