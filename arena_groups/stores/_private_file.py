"""Permissions of a file with private content: only its owner can read it, or it is not used."""

import os
import stat
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Final

from arena_groups.errors import StoreError

__all__ = ["check_folder", "check_link", "check_owner", "create_private_file", "make_private"]

PRIVATE: Final = 0o600
ROOT: Final = 0
OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
HAS_PERMISSIONS: Final = hasattr(os, "geteuid")

_creating = Lock()


def check_link(path: Path) -> None:
    """Check that a link, if the path is one, was not put there by another user.

    Raises:
        StoreError: It belongs to another user, or every user can replace it.
        OSError: It cannot be checked.
    """
    if not HAS_PERMISSIONS or not path.is_symlink():
        return
    check_folder(path)
    if path.lstat().st_uid not in {os.geteuid(), ROOT}:
        raise StoreError(
            f"the symbolic link {path} belongs to another user, who could let it lead elsewhere:"
            " use another path"
        )


def check_folder(file: Path) -> None:
    """Check that the folder of a file exists, and that not every user can replace the file.

    Raises:
        StoreError: There is no such folder, or every user can.
        OSError: The folder cannot be checked.
    """
    try:
        mode = file.parent.stat().st_mode
    except FileNotFoundError:
        raise StoreError(f"the folder {file.parent} does not exist: create it") from None
    if HAS_PERMISSIONS and mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        raise StoreError(
            f"the folder {file.parent} can be written by every user: run chmod o-w on it, or use"
            " another folder"
        )


def create_private_file(file: Path) -> None:
    """Create an empty file that only its owner can read, unless there is one already.

    Links are not followed.

    Raises:
        OSError: The file cannot be created.
    """
    flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_NOFOLLOW", 0)
    # One at a time: closing a file releases the locks that SQLite has on it in this process.
    with _creating:
        if not os.path.lexists(file):
            try:
                os.close(os.open(file, flags, PRIVATE))
            except FileExistsError:
                return


def check_owner(file: Path) -> None:
    """Check that a file, if there is one, is a regular file of this user.

    Raises:
        StoreError: It is something else, or belongs to another user.
    """
    try:
        status = file.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISREG(status.st_mode):
        raise StoreError(f"{file} is {_kind(status.st_mode)}, not a file: use another path")
    if HAS_PERMISSIONS and status.st_uid != os.geteuid():
        raise StoreError(
            f"{file} belongs to another user, who could read it: use another path, or run chown"
            " on it"
        )


def make_private(file: Path) -> None:
    """Take the permissions of other users from a file, if there is one, checked as above.

    Raises:
        StoreError: It is not a file of this user, or the permissions cannot be changed.
    """
    check_owner(file)
    if not HAS_PERMISSIONS or not _others_can_use(file):
        return
    with suppress(OSError):  # the check below says what to do
        file.chmod(PRIVATE)  # a regular file of this user: not a link to another one
    if _others_can_use(file):
        raise StoreError(
            f"{file} can be read by other users: run chmod 600 on it, or use a disk that has"
            " permissions"
        )


def _others_can_use(file: Path) -> bool:
    try:
        return bool(file.lstat().st_mode & OTHERS)
    except FileNotFoundError:
        return False


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder"
    if stat.S_ISLNK(mode):
        return "a symbolic link"
    return "a pipe" if stat.S_ISFIFO(mode) else "a device or socket"
