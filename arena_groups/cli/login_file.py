"""File of the stored logins: private, locked while it changes, and replaced as a whole."""

import json
import os
import re
import secrets
import stat
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec
from attrs import frozen

from arena_groups._api import Secret
from arena_groups.cli.config_file import settings_folder
from arena_groups.cli.errors import CliError
from arena_groups.cli.output_file import locked_file

FILE_NAME = "logins.json"
PRIVATE = 0o700
OTHERS = 0o077
OTHERS_WRITE = 0o022

Warn = Callable[[str], None]

_DRAFT = re.compile(re.escape(FILE_NAME) + r"\.[0-9a-f]{8}")


@frozen
class Entry:
    """What the file has for one API: a token, or only that the keyring has one.

    Attributes:
        token: The token, if the file keeps it.
        scopes: The scopes that OAuth granted; empty for a token that was entered.
        in_keyring: Whether the keyring has a token too, or may have an older one.
        user: Slug of the user at the time of the login; empty if it was not known.
        current: Whether it is the login of commands that name no API.
    """

    token: Secret | None = None
    scopes: tuple[str, ...] = ()
    in_keyring: bool = False
    user: str = ""
    current: bool = False


class _StoredEntry(msgspec.Struct):
    """An entry as in the file, with the types that it must have."""

    token: str | None = None
    scopes: list[str] = []
    keyring: bool | None = None
    user: str = ""
    current: bool = False

    def checked(self) -> Entry:
        """Return the entry. Raise ``ValueError`` if the token cannot be one."""
        token = None if self.token is None else Secret(self.token)
        if token is not None and token.validation_error():
            raise ValueError
        in_keyring = token is None if self.keyring is None else self.keyring
        return Entry(token, tuple(self.scopes), in_keyring, self.user, self.current)


def login_file() -> Path:
    """Return the path of the file. It is relative only if there is no home folder."""
    return settings_folder() / FILE_NAME


def ignore(_text: str) -> None:
    """Drop a warning."""


@contextmanager
def locked(warn: Warn = ignore) -> Generator[None, None, None]:
    """Keep other processes from changing the file meanwhile.

    Raises:
        CliError: If there is no home folder, the folder is not private, or another process does
            not release the lock.
    """
    folder = login_file().parent
    if not folder.is_absolute():
        hint = "set HOME to a folder of yours, or set ARENA_TOKEN"
        raise CliError("system", "there is no home folder to store a login in", hint=hint)
    folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    _check_folder(folder, warn, own=True)
    with locked_file(login_file()):
        yield


def read(warn: Warn = ignore) -> dict[str, Entry]:
    """Return the entries by base URL.

    A file that other users could read or write becomes private, and so does its folder, with a
    warning.

    Raises:
        CliError: If the file is not readable, or belongs to another user.
    """
    path = login_file()
    if not path.is_absolute():  # the current folder may be anybody's
        return {}
    try:
        # Without O_NONBLOCK, a FIFO would wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        return {}
    except OSError:
        raise _unreadable() from None
    try:
        _check_folder(path.parent, warn, own=True)
        _check_file(descriptor, warn)
        entries = _load(descriptor)
    finally:
        os.close(descriptor)
    if entries is None:  # here, as an error of the parser holds the content
        raise _unreadable()
    return entries


def write(entries: Mapping[str, Entry]) -> None:
    """Replace the content. Only the user can read the file at any time.

    A symbolic link stays, and the file that it leads to is replaced. The caller holds the lock.

    Raises:
        CliError: If other users can write to the folder that a link leads to.
        OSError: If the file cannot be written. The old content is then unchanged.
    """
    with _draft() as (descriptor, draft, target):
        with os.fdopen(os.dup(descriptor), "w", encoding="utf-8") as file:
            json.dump({url: _as_json(entry) for url, entry in entries.items()}, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)


def check_writable() -> None:
    """Raise the error that `write` would raise, without changing anything."""
    with _draft():
        pass


@contextmanager
def _draft() -> Generator[tuple[int, Path, Path], None, None]:
    """Yield a new private file beside the target, and the target; delete it at the end."""
    target = Path(os.path.realpath(login_file()))
    if target.parent != login_file().parent.resolve():
        _check_folder(target.parent, ignore, own=False)
    for old in target.parent.iterdir():
        if _DRAFT.fullmatch(old.name):  # of a process that was killed
            old.unlink(missing_ok=True)
    draft = target.with_name(f"{FILE_NAME}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        yield descriptor, draft, target
    finally:
        os.close(descriptor)
        draft.unlink(missing_ok=True)


def _check_folder(folder: Path, warn: Warn, *, own: bool) -> None:
    if os.name != "posix":  # the folder of a user's settings is private
        return
    found = folder.stat()
    if found.st_uid not in {os.geteuid(), 0}:
        raise _refused(f"the folder {folder} belongs to another user")
    if not found.st_mode & OTHERS_WRITE:
        return
    if not own or found.st_uid != os.geteuid():
        raise _refused(f"other users can write to the folder {folder}")
    folder.chmod(PRIVATE)
    warn(f"other users could write to the folder {folder}; it is private now")


def _check_file(descriptor: int, warn: Warn) -> None:
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        raise _unreadable()
    if os.name != "posix":
        return
    if found.st_uid != os.geteuid():
        raise _refused(f"the file {login_file()} belongs to another user")
    if found.st_mode & OTHERS:
        os.fchmod(descriptor, 0o600)
        warn(
            f"other users could open {login_file()}; it is private now"
            " (revoke its tokens at Are.na if they may have been read)"
        )


def _load(descriptor: int) -> dict[str, Entry] | None:
    """Return the entries of the open file, or ``None`` if it is not readable."""
    try:
        with open(descriptor, "rb", closefd=False) as file:
            return _parse(file.read())
    except (OSError, ValueError, RecursionError, msgspec.MsgspecError):
        return None


def _parse(content: bytes) -> dict[str, Entry]:
    """Return the entries. Raise ``ValueError`` or ``MsgspecError`` for anything else."""
    stored = msgspec.json.decode(content, type=dict[str, _StoredEntry])
    return {base_url: each.checked() for base_url, each in stored.items()}


def _as_json(entry: Entry) -> dict[str, object]:
    shown: dict[str, object] = {
        "scopes": list(entry.scopes),
        "keyring": entry.in_keyring,
        "user": entry.user,
        "current": entry.current,
    }
    if entry.token is not None:
        shown["token"] = entry.token.reveal()
    return shown


def _unreadable() -> CliError:
    message = f"cannot read the stored logins in {login_file()}"
    return CliError("system", message, hint="delete the file and log in again")


def _refused(message: str) -> CliError:
    return CliError("system", message, hint="make it yours alone, or set ARENA_TOKEN")
