"""Tokens that were stored by logging in: in the system's keyring, else in a private file."""

import json
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, cast

import click
from attrs import frozen

from arena_groups._api import Secret
from arena_groups.cli.errors import Problem, ProblemError

SERVICE = "arena-groups"
FILE_NAME = "logins.json"
USABLE = 1  # the least priority of keyrings that really keep something


class Keyring(Protocol):
    """A place of the system's for passwords, by service and name."""

    def get_password(self, service: str, username: str) -> str | None:
        """Return a password, or ``None`` if there is none."""

    def set_password(self, service: str, username: str, password: str) -> None:
        """Keep a password."""

    def delete_password(self, service: str, username: str) -> None:
        """Forget a password."""


@frozen
class Login:
    """A stored token. ``scopes`` are those that were granted; empty where nobody told them."""

    token: Secret
    source: str
    scopes: tuple[str, ...] = ()


def find_login(base_url: str) -> Login | None:
    """Return what is stored for the API at ``base_url``."""
    entry = _read().get(base_url)
    if entry is None:
        return None
    scopes = tuple(str(each) for each in cast("list[object]", entry.get("scopes") or []))
    if isinstance(entry.get("token"), str):
        return Login(Secret(str(entry["token"])), f"the file {path()}", scopes)
    token = _from_keyring(base_url)
    return None if token is None else Login(token, "the system's keyring", scopes)


def store_login(base_url: str, token: Secret, scopes: Sequence[str] = ()) -> str:
    """Store a token in place of an earlier one, and return where it is now."""
    entries = _read()
    entry: dict[str, object] = {"scopes": list(scopes)}
    kept = _into_keyring(base_url, token)
    if not kept:
        entry["token"] = token.reveal()
    _write({**entries, base_url: entry})
    return "the system's keyring" if kept else f"the file {path()}"


def forget_login(base_url: str) -> bool:
    """Remove what is stored for the API at ``base_url``; return whether there was anything."""
    entries = _read()
    entry = entries.pop(base_url, None)
    if entry is None:
        return False
    if "token" not in entry:
        _out_of_keyring(base_url)
    _write(entries)
    return True


def path() -> Path:
    """Return where the file is."""
    return Path(click.get_app_dir(SERVICE)) / FILE_NAME


def system_keyring() -> Keyring | None:
    """Return the system's keyring, if there is one that can be used."""
    try:
        import keyring  # noqa: PLC0415 - slow, and seldom needed
    except ModuleNotFoundError:
        return None
    backend = keyring.get_keyring()
    if float(getattr(backend, "priority", 0)) < USABLE:
        return None
    return cast("Keyring", backend)


def _from_keyring(base_url: str) -> Secret | None:
    backend = system_keyring()
    if backend is None:
        return None
    try:
        token = backend.get_password(SERVICE, base_url)
    except Exception as error:  # noqa: BLE001 - whatever the system's keyring raises
        raise _locked(error) from None
    return None if token is None else Secret(token)


def _into_keyring(base_url: str, token: Secret) -> bool:
    backend = system_keyring()
    if backend is None:
        return False
    try:
        backend.set_password(SERVICE, base_url, token.reveal())
    except Exception:  # noqa: BLE001 - whatever it is, the file takes it
        return False
    return True


def _out_of_keyring(base_url: str) -> None:
    backend = system_keyring()
    if backend is None:
        return
    try:
        if backend.get_password(SERVICE, base_url) is not None:
            backend.delete_password(SERVICE, base_url)
    except Exception as error:  # noqa: BLE001 - whatever the system's keyring raises
        raise _locked(error) from None


def _locked(error: Exception) -> ProblemError:
    return ProblemError(
        Problem(
            "system",
            f"the system's keyring cannot be used ({type(error).__name__})",
            hint="unlock it, or set the variable ARENA_TOKEN",
        )
    )


def _read() -> dict[str, dict[str, object]]:
    try:
        document: object = json.loads(path().read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError:
        raise _spoilt() from None
    if not isinstance(document, dict):
        raise _spoilt()
    entries = cast("dict[str, object]", document)
    return {
        base_url: cast("dict[str, object]", entry)
        for base_url, entry in entries.items()
        if isinstance(entry, dict)
    }


def _spoilt() -> ProblemError:
    message = f"the stored logins cannot be read: {path()}"
    return ProblemError(Problem("system", message, hint="remove the file, and log in again"))


def _write(entries: dict[str, dict[str, object]]) -> None:
    """Replace the file at once; nobody else can read it at any time."""
    target = path()
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
