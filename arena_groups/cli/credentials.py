"""Store of tokens from ``auth login``: the system's keyring, else a private file."""

import json
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, cast

import click
from attrs import frozen

from arena_groups._api import Secret
from arena_groups.cli.errors import CliError

SERVICE = "arena-groups"
FILE_NAME = "logins.json"
MIN_KEYRING_PRIORITY = 1  # below this, keyring backends store nothing


class Keyring(Protocol):
    """The part of a keyring backend that is used here."""

    def get_password(self, service: str, username: str) -> str | None:
        """Return a password, or ``None`` if none is stored."""

    def set_password(self, service: str, username: str, password: str) -> None:
        """Store a password."""

    def delete_password(self, service: str, username: str) -> None:
        """Delete a password."""


@frozen
class Login:
    """A stored token, with the scopes that OAuth granted (empty for a token that was entered)."""

    token: Secret
    source: str
    scopes: tuple[str, ...] = ()


def find_login(base_url: str) -> Login | None:
    """Return the login stored for the API at ``base_url``, if any."""
    entry = _read().get(base_url)
    if entry is None:
        return None
    scopes = tuple(str(each) for each in cast("list[object]", entry.get("scopes") or []))
    if isinstance(entry.get("token"), str):
        return Login(Secret(str(entry["token"])), f"the file {login_file()}", scopes)
    token = _read_keyring(base_url)
    return None if token is None else Login(token, "the system's keyring", scopes)


def store_login(base_url: str, token: Secret, scopes: Sequence[str] = ()) -> str:
    """Store a token, replacing an earlier one, and return the place in words."""
    entries = _read()
    entry: dict[str, object] = {"scopes": list(scopes)}
    kept = _write_keyring(base_url, token)
    if not kept:
        entry["token"] = token.reveal()
    _write({**entries, base_url: entry})
    return "the system's keyring" if kept else f"the file {login_file()}"


def delete_login(base_url: str) -> bool:
    """Delete the login stored for the API at ``base_url``. Return ``False`` if there was none."""
    entries = _read()
    entry = entries.pop(base_url, None)
    if entry is None:
        return False
    if "token" not in entry:
        _delete_from_keyring(base_url)
    _write(entries)
    return True


def login_file() -> Path:
    """Return the path of the file."""
    return Path(click.get_app_dir(SERVICE)) / FILE_NAME


def system_keyring() -> Keyring | None:
    """Return the system's keyring, or ``None`` if there is no usable one."""
    try:
        import keyring  # noqa: PLC0415 - slow, and rarely needed
    except ModuleNotFoundError:
        return None
    backend = keyring.get_keyring()
    if float(getattr(backend, "priority", 0)) < MIN_KEYRING_PRIORITY:
        return None
    return cast("Keyring", backend)


def _read_keyring(base_url: str) -> Secret | None:
    backend = system_keyring()
    if backend is None:
        return None
    try:
        token = backend.get_password(SERVICE, base_url)
    except Exception as error:  # noqa: BLE001 - backends raise errors of their own
        raise _keyring_error(error) from None
    return None if token is None else Secret(token)


def _write_keyring(base_url: str, token: Secret) -> bool:
    backend = system_keyring()
    if backend is None:
        return False
    try:
        backend.set_password(SERVICE, base_url, token.reveal())
    except Exception:  # noqa: BLE001 - the file is used instead
        return False
    return True


def _delete_from_keyring(base_url: str) -> None:
    backend = system_keyring()
    if backend is None:
        return
    try:
        if backend.get_password(SERVICE, base_url) is not None:
            backend.delete_password(SERVICE, base_url)
    except Exception as error:  # noqa: BLE001 - backends raise errors of their own
        raise _keyring_error(error) from None


def _keyring_error(error: Exception) -> CliError:
    return CliError(
        "system",
        f"cannot use the system's keyring ({type(error).__name__})",
        hint="unlock it, or set ARENA_TOKEN",
    )


def _read() -> dict[str, dict[str, object]]:
    try:
        document: object = json.loads(login_file().read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError:
        raise _unreadable_file() from None
    if not isinstance(document, dict):
        raise _unreadable_file()
    entries = cast("dict[str, object]", document)
    return {
        base_url: cast("dict[str, object]", entry)
        for base_url, entry in entries.items()
        if isinstance(entry, dict)
    }


def _unreadable_file() -> CliError:
    message = f"cannot read the stored logins in {login_file()}"
    return CliError("system", message, hint="delete the file and log in again")


def _write(entries: dict[str, dict[str, object]]) -> None:
    """Replace the file atomically; only the user can read it at any time."""
    target = login_file()
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = target.with_name(f"{FILE_NAME}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(entries, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
