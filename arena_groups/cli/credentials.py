"""Store of tokens from ``auth login``: the system's keyring, else a private file."""

from collections.abc import Sequence
from typing import Protocol, cast

from attrs import frozen

from arena_groups._api import Secret
from arena_groups.cli import login_file as logins
from arena_groups.cli.errors import CliError
from arena_groups.cli.login_file import Entry, Warn, ignore, login_file

SERVICE = "arena-groups"
KEYRING = "the system's keyring"
MIN_KEYRING_PRIORITY = 1  # below this, backends keep nothing, keep plain text, or prompt


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


def find_login(base_url: str, warn: Warn = ignore) -> Login | None:
    """Return the login stored for the API at ``base_url``, if any."""
    entry = logins.read(warn).get(base_url)
    if entry is None:
        return None
    if entry.token is not None:
        return Login(entry.token, f"the file {login_file()}", entry.scopes)
    backend = system_keyring()
    if backend is None:
        return None
    try:
        token = _get(backend, base_url)
    except Exception as error:  # noqa: BLE001 - backends raise errors of their own
        message = f"cannot use {KEYRING} ({type(error).__name__})"
        raise CliError("system", message, hint="unlock it, or set ARENA_TOKEN") from None
    return None if token is None else Login(token, KEYRING, entry.scopes)


def check_store(warn: Warn = ignore) -> None:
    """Raise an error if a token could not be stored now.

    Raises:
        CliError: If the file is not readable, not private, or locked.
        OSError: If the file cannot be written.
    """
    system_keyring()  # loads the backends, which takes a while
    with logins.locked(warn):
        logins.read(warn)
        logins.check_writable()


def store_login(
    base_url: str, token: Secret, scopes: Sequence[str] = (), warn: Warn = ignore
) -> str:
    """Store a token, replacing an earlier one, and return the place in words.

    Raises:
        CliError: If the file is not readable, not private, or locked.
        OSError: If the file cannot be written. The earlier token is then still stored.
    """
    with logins.locked(warn):
        entries = logins.read(warn)
        backend = system_keyring()
        if backend is not None:
            older, kept = _keep(backend, base_url, token)
            if kept:
                try:
                    logins.write({**entries, base_url: Entry(None, tuple(scopes), True)})
                except BaseException:
                    _restore(backend, base_url, older, warn)
                    raise
                return KEYRING
        earlier = entries.get(base_url, Entry())
        remains = earlier.in_keyring if backend is None else not _is_removed(backend, base_url)
        logins.write({**entries, base_url: Entry(token, tuple(scopes), remains)})
        if remains:
            warn(f"{KEYRING} may still have an older token for {base_url}")
        return f"the file {login_file()}"


def delete_login(base_url: str, warn: Warn = ignore) -> bool:
    """Delete the login stored for the API at ``base_url``. Return ``False`` if there was none.

    The keyring is always asked, as it may have a token that the file does not know.

    Raises:
        CliError: If the keyring may still have a token, or the file is not readable.
    """
    with logins.locked(warn):
        backend = system_keyring()
        removed, problem = False, ""
        try:
            removed = backend is not None and _remove(backend, base_url)
        except Exception as error:  # noqa: BLE001 - backends raise errors of their own
            problem = type(error).__name__
        entries = logins.read(warn)
        entry = entries.pop(base_url, None)
        if backend is None:
            if entry is not None and entry.in_keyring:
                problem = "there is none here"
            elif entry is None:
                warn("no keyring can be asked here; a token stored in one earlier remains")
        if problem:  # a later logout knows of it
            entries[base_url] = Entry(in_keyring=True)
        if entry is not None or problem:
            logins.write(entries)
    if problem:
        raise CliError(
            "system",
            f"cannot use {KEYRING} ({problem}): a token for {base_url} may remain in it",
            hint="unlock the keyring and log out again, or revoke the token at Are.na",
        )
    return removed or entry is not None


def system_keyring() -> Keyring | None:
    """Return the system's keyring, or ``None`` if there is no usable one."""
    try:
        import keyring  # noqa: PLC0415 - slow, and rarely needed

        return _usable(keyring.get_keyring())
    except Exception:  # noqa: BLE001 - backends raise errors of their own when they are loaded
        return None


def _usable(backend: object) -> Keyring | None:
    """Return the backend, or the best member of a chain, if its priority is high enough.

    A chain reports a high priority of its own, even if the member that it uses has a low one.
    """
    members = getattr(backend, "backends", None)
    if members is not None:
        return next(filter(None, map(_usable, cast("Sequence[object]", members))), None)
    priority = float(cast("float", getattr(backend, "priority", 0)))
    return cast("Keyring", backend) if priority >= MIN_KEYRING_PRIORITY else None


def _get(backend: Keyring, base_url: str) -> Secret | None:
    token = backend.get_password(SERVICE, base_url)
    return None if token is None else Secret(token)


def _keep(backend: Keyring, base_url: str, token: Secret) -> tuple[Secret | None, bool]:
    """Store a token. Return the one that it replaces, and whether the backend kept it."""
    older = None
    try:
        older = _get(backend, base_url)
        backend.set_password(SERVICE, base_url, token.reveal())
        return older, backend.get_password(SERVICE, base_url) == token.reveal()
    except Exception:  # noqa: BLE001 - the file is used instead
        return older, False


def _restore(backend: Keyring, base_url: str, older: Secret | None, warn: Warn) -> None:
    try:
        if older is None:
            _remove(backend, base_url)
        else:
            backend.set_password(SERVICE, base_url, older.reveal())
    except Exception:  # noqa: BLE001 - the error that led here is the one to show
        warn(f"{KEYRING} may have the new token for {base_url}; revoke it at Are.na")


def _is_removed(backend: Keyring, base_url: str) -> bool:
    try:
        _remove(backend, base_url)
    except Exception:  # noqa: BLE001 - backends raise errors of their own
        return False
    return True


def _remove(backend: Keyring, base_url: str) -> bool:
    """Delete the token of the backend, and return whether there was one."""
    if backend.get_password(SERVICE, base_url) is None:
        return False
    backend.delete_password(SERVICE, base_url)
    if backend.get_password(SERVICE, base_url) is not None:
        raise RuntimeError("the token is still there")
    return True
