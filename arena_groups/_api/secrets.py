"""Tokens, invite codes and addresses: held where they do not show, checked before use."""

from enum import StrEnum
from functools import cached_property
from hashlib import sha256

from attrs import frozen

__all__ = ["Credentials", "Secret", "TokenOrigin", "checked_token"]

NO_STRING = "is not a string"


class Secret:
    """A string that shows in no ``repr``, log or traceback."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value: object = value

    def __repr__(self) -> str:
        return "Secret(…)"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a secret cannot be pickled")

    def reveal(self) -> str:
        """The string itself."""
        # Not str(): that of a mixed-in enum is its name.
        return str.__str__(self._value) if isinstance(self._value, str) else str(self._value)

    def fingerprint(self) -> str:
        """What tells this string from others without telling it."""
        return sha256(self.reveal().encode()).hexdigest()[:32]

    def validation_error(self) -> str:
        """Why this can be no token or code, in words that follow its name; or nothing."""
        if not isinstance(self._value, str):
            return NO_STRING
        if not self._value:
            return "is empty"
        if any(not "!" <= character <= "~" for character in self._value):
            return "holds a space, a line break or another character that none has"
        return ""

    def looks_like_address(self) -> bool:
        """Whether this may be an email address; only the server can tell if it is one."""
        if not isinstance(self._value, str):
            return False
        name, at, domain = self._value.rpartition("@")
        shown = all(c.isprintable() and not c.isspace() for c in self._value)
        return bool(name and at and domain and shown)


class TokenOrigin(StrEnum):
    """Where a token was looked for, in words for error messages."""

    ARGUMENT = "the argument token="
    ENVIRONMENT = "the environment variable ARENA_TOKEN"
    PROVIDER = "the token provider"
    NONE = "nowhere"


@frozen
class Credentials:
    """What a request is signed with: a token, or none for a guest."""

    token: Secret | None = None
    origin: TokenOrigin = TokenOrigin.NONE

    @property
    def secrets(self) -> tuple[str, ...]:
        """The strings that must never show."""
        return (self.token.reveal(),) if self.token else ()

    @cached_property
    def fingerprint(self) -> str:
        """What tells one token from another without telling it; ``"guest"`` for none."""
        return self.token.fingerprint() if self.token else "guest"


def checked_token(token: Secret, origin: TokenOrigin) -> Secret:
    """``token`` itself, if it can be one; if not, an error that does not show it.

    Raises ``TypeError`` for what is no string, ``ValueError`` for an empty one and one with
    spaces, line breaks or characters that no header can carry.
    """
    problem = token.validation_error()
    if problem:
        kind = TypeError if problem == NO_STRING else ValueError
        raise kind(f"the token from {origin} {problem}")
    return token
