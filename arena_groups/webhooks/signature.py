"""Signatures of webhooks, as in version 1 of the Standard Webhooks specification.

Both sides share a secret. The signature covers the id, the time of the attempt and the body, so
nobody else can send an event, change one, or repeat one later.
"""

import hmac
import math
import time
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping
from secrets import token_bytes
from typing import Final, cast

from arena_groups._api import Secret
from arena_groups._arguments import check_instance, check_seconds
from arena_groups._exports import set_public_module
from arena_groups.errors import WebhookVerificationError

__all__ = [
    "ID_HEADER",
    "SIGNATURE_HEADER",
    "TIMESTAMP_HEADER",
    "SigningKey",
    "as_secrets",
    "generate_secret",
    "read_keys",
    "sign",
    "verify",
]

ID_HEADER: Final = "webhook-id"
TIMESTAMP_HEADER: Final = "webhook-timestamp"
SIGNATURE_HEADER: Final = "webhook-signature"

PREFIX: Final = "whsec_"
VERSION: Final = "v1"
SHORTEST: Final = 24  # bytes of a secret
LONGEST: Final = 64
NEW_LENGTH: Final = 32
TOLERANCE: Final = 300.0
MAX_TIMESTAMP_DIGITS: Final = 15
VALID_SECRETS: Final = (
    "secret must be whsec_ and then 24 to 64 random bytes in base64, or several of these"
    " (generate_secret() returns one)"
)


class SigningKey:
    """Bytes of a secret, which no ``repr`` shows."""

    __slots__ = ("_secret",)

    def __init__(self, secret: Secret) -> None:
        self._secret = secret

    def signature(self, webhook_id: str, timestamp: int, body: bytes) -> bytes:
        """Return the HMAC of an id, a time and a body."""
        content = b"%b.%d.%b" % (webhook_id.encode(), timestamp, body)
        return hmac.digest(b64decode(self._secret.reveal()), content, "sha256")


def generate_secret() -> str:
    """Return a new random secret for :class:`WebhookSender` and its receiver.

    Returns:
        ``whsec_`` and 32 bytes in base64.
    """
    return PREFIX + b64encode(token_bytes(NEW_LENGTH)).decode()


def as_secrets(given: str | Iterable[str]) -> tuple[Secret, ...]:
    """Return one text or several as secrets that were not checked yet."""
    several = not isinstance(given, str) and isinstance(cast("object", given), Iterable)
    return tuple(map(Secret, given)) if several else (Secret(cast("str", given)),)


def read_keys(secrets: Iterable[Secret]) -> tuple[SigningKey, ...]:
    """Return the keys of secrets; one text can hold several that are separated by spaces.

    Raises ``ValueError`` if there is none, or one is not valid; ``TypeError`` for no texts.
    """
    keys = tuple(SigningKey(part) for each in secrets for part in _parts(each))
    if not keys:
        raise ValueError(VALID_SECRETS)
    return keys


def sign(keys: Iterable[SigningKey], webhook_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of the signature's header, with a signature by each key."""
    return " ".join(
        f"{VERSION},{b64encode(key.signature(webhook_id, timestamp, body)).decode()}"
        for key in keys
    )


def verify(
    secrets: str | Iterable[str],
    headers: Mapping[str, str],
    body: bytes,
    *,
    tolerance: float = TOLERANCE,
    now: float | None = None,
) -> str:
    """Check that a webhook comes from who knows the secret, and return its id.

    An event may arrive several times, always with the same id: handle an id once.

    Args:
        secrets: The secret, or several while one is replaced: one valid signature is enough. In
            a text, they are separated by spaces.
        headers: The headers of the request; their names may be in upper or lower case.
        body: The body of the request as it was received: bytes, and not parsed JSON.
        tolerance: Seconds that the time of the attempt may differ from ``now``, in both directions.
        now: The present Unix time; ``None`` for that of the system.

    Returns:
        The id of the webhook, which is the ``key`` of the event.

    Raises:
        WebhookVerificationError: A header is missing or invalid, the time of the attempt is too
            long ago or ahead, or no signature is valid.
        ValueError: A secret is not valid, or ``tolerance`` is negative.
        TypeError: An argument has the wrong type.
    """
    hidden = as_secrets(secrets)
    del secrets  # an error's traceback must not hold them
    keys = read_keys(hidden)
    check_instance(body, "body", bytes | bytearray | memoryview, ", as it was received")
    check_seconds(tolerance, "tolerance", zero=True, endless=True)
    found = {name.lower(): value for name, value in headers.items()}
    webhook_id = found.get(ID_HEADER, "")
    timestamp = _timestamp(found.get(TIMESTAMP_HEADER))
    if not _is_id(webhook_id) or timestamp is None or not found.get(SIGNATURE_HEADER):
        raise WebhookVerificationError("a header of the webhook is missing or invalid")
    difference = timestamp - (time.time() if now is None else now)
    if not math.fabs(difference) <= tolerance:
        kind = "old: it may be a repetition" if difference < 0 else "new: check both clocks"
        raise WebhookVerificationError(f"the webhook's timestamp is too {kind}")
    given = list(_signatures(found[SIGNATURE_HEADER]))
    wanted = [key.signature(webhook_id, timestamp, bytes(body)) for key in keys]
    # Every pair is compared, so that the time does not show which one matches.
    if not sum(hmac.compare_digest(each, other) for each in given for other in wanted):
        raise WebhookVerificationError("the webhook has no valid signature")
    return webhook_id


def _parts(given: Secret) -> Iterator[Secret]:
    """Yield the base64 of each secret in a text. Raise errors that do not show it."""
    if not given.is_text:
        raise TypeError("secret must be a str, or several")
    for part in given.reveal().split():
        base64 = part.removeprefix(PREFIX)
        secret = Secret(base64 + "=" * (-len(base64) % 4))
        del part, base64
        if not SHORTEST <= _length(secret) <= LONGEST:
            raise ValueError(VALID_SECRETS)
        yield secret


def _length(base64: Secret) -> int:
    try:
        return len(b64decode(base64.reveal(), validate=True))
    except ValueError:
        return 0


def _is_id(text: str) -> bool:
    """Return whether a text can be signed. Servers decode bytes that are no text to surrogates."""
    return bool(text) and not any("\ud800" <= character <= "\udfff" for character in text)


def _timestamp(text: str | None) -> int | None:
    if text is None or len(text) > MAX_TIMESTAMP_DIGITS:
        return None
    return int(text) if text.isascii() and text.isdigit() else None


def _signatures(header: str) -> Iterator[bytes]:
    """Yield the signatures of the version that is known here."""
    for part in header.split():
        version, _, base64 = part.partition(",")
        if version == VERSION:
            try:
                yield b64decode(base64, validate=True)
            except ValueError:
                continue


set_public_module(globals(), ["generate_secret", "verify"], "arena_groups.webhooks")
