"""Key of the digests that stand for addresses in a store.

It comes from the caller, from ``ARENA_SYNC_KEY``, or from a private file that is created when it
is needed first. Whoever has a store but not the key cannot find out whose addresses it is about.
"""

import hmac
import os
import secrets
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from arena_groups.errors import SyncError

__all__ = ["SyncKey", "data_folder", "find_sync_key", "try_find_sync_key"]

VARIABLE: Final = "ARENA_SYNC_KEY"
FILE_NAME: Final = "sync.key"
MIN_LENGTH: Final = 16  # bytes
NEW_LENGTH: Final = 32  # bytes, written as hexadecimal digits
MAX_FILE_SIZE: Final = 4096  # bytes
PRIVATE: Final = 0o600
OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
HAS_PERMISSIONS: Final = hasattr(os, "geteuid")


class SyncKey:
    """A key that no ``repr``, log or traceback shows."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def random(cls) -> "SyncKey":
        """Return a new key."""
        return cls(secrets.token_hex(NEW_LENGTH).encode())

    def __repr__(self) -> str:
        return "SyncKey(…)"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a key cannot be pickled")

    @property
    def is_short(self) -> bool:
        """Whether the key is too short to be one."""
        return len(self._key) < MIN_LENGTH

    @property
    def fingerprint(self) -> str:
        """A hash that distinguishes this key from others."""
        return self._hash("key", "")[:32]

    def digest(self, mailbox: str) -> str:
        """Return the digest of an address in the form that ``mailbox()`` returns."""
        return self._hash("address", mailbox)

    def _hash(self, purpose: str, text: str) -> str:
        message = f"{purpose}\0{text}".encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, message, "sha256").hex()


def find_sync_key(key: str | bytes | None = None) -> SyncKey:
    """Return the key: the argument, else ``ARENA_SYNC_KEY``, else that of the file.

    Args:
        key: The key, at least 16 bytes. Spaces around a string do not count.

    Returns:
        The key. If there is none yet, a new one is written to the file.

    Raises:
        TypeError: ``key`` is neither a string nor bytes.
        ValueError: ``key`` or the variable is shorter than 16 bytes.
        SyncError: The file cannot be used.
    """
    origin = "key"
    found = None if key is None else _as_key(key)
    kind = type(key).__name__
    del key  # the traceback of an error shows what this frame has
    if found is None and os.environ.get(VARIABLE):
        origin = VARIABLE
        found = _as_key(os.environ[VARIABLE])
    if found is None:
        return _key_of_file()
    if not isinstance(found, SyncKey):
        raise TypeError(f"key must be a str or bytes, not {kind}")
    if found.is_short:
        raise ValueError(f"{origin} must have at least {MIN_LENGTH} bytes: use a random one")
    return found


def try_find_sync_key(key: str | bytes | None) -> SyncKey | Exception:
    """Return the key, or its error without the traceback, whose frames would show it."""
    try:
        return find_sync_key(key)
    except (ValueError, TypeError, SyncError) as error:
        return error.with_traceback(None)


def data_folder() -> Path:
    """Return the folder for the user's data of this package. It may not exist yet.

    Raises:
        SyncError: There is no home folder.
    """
    home = os.path.expanduser("~")  # noqa: PTH111 - never raises
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or os.path.join(home, "AppData", "Local")  # noqa: PTH118
    elif sys.platform == "darwin":
        base = f"{home}/Library/Application Support"
    else:
        base = os.environ.get("XDG_DATA_HOME", "")
        if not Path(base).is_absolute():  # such a value does not count
            base = f"{home}/.local/share"
    if not Path(base).is_absolute():
        raise SyncError(f"there is no home folder for a key: set HOME, or set {VARIABLE}")
    return Path(base) / "arena-groups"


def _as_key(key: object) -> "SyncKey | bool":
    """Return a key, or ``False`` for what cannot be one."""
    if isinstance(key, str):
        return SyncKey(key.strip().encode("utf-8", "surrogatepass"))
    return SyncKey(bytes(key)) if isinstance(key, bytes | bytearray) else False


def _key_of_file() -> SyncKey:
    path = data_folder() / FILE_NAME
    try:
        found = _read(path)
        if found is None:
            _create(path)
            found = _read(path)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise _unusable(path, f"cannot be used: {reason}") from None
    if found is None or found.is_short:
        raise _unusable(path, f"has no key of at least {MIN_LENGTH} bytes")
    return found


def _read(path: Path) -> SyncKey | None:
    """Return the key in a file; ``None`` if there is no file."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for a writer
            raise _unusable(path, "is not a file")
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        status = os.fstat(descriptor)
        if HAS_PERMISSIONS and status.st_uid != os.geteuid():
            raise _unusable(path, "belongs to another user")
        if HAS_PERMISSIONS and status.st_mode & OTHERS:
            raise _unusable(path, "can be read by other users: run chmod 600 on it")
        return SyncKey(os.read(descriptor, MAX_FILE_SIZE).strip())
    finally:
        os.close(descriptor)


def _create(path: Path) -> None:
    """Write a new key, unless another process does so first. Nobody sees half a key."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    try:
        os.write(descriptor, f"{secrets.token_hex(NEW_LENGTH)}\n".encode())
        os.fsync(descriptor)
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        os.close(descriptor)
        draft.unlink(missing_ok=True)


def _unusable(path: Path, problem: str) -> SyncError:
    return SyncError(f"the key file {path} {problem} (or set {VARIABLE})")
