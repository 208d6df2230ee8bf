"""Store of tokens from ``auth login``: the system's keyring, else a private file."""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Protocol, cast

from attrs import evolve, frozen

from arena_groups._api import Secret
from arena_groups._http.network import BASE_URL
from arena_groups.cli import login_file as logins
from arena_groups.cli.errors import CliError, ExitCode
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
    problem = ""
    for backend in system_keyrings():
        try:
            token = _get(backend, base_url)
        except BackendError as error:
            problem = str(error)
            continue
        if token is not None:
            return Login(token, KEYRING, entry.scopes)
    if problem:
        message = f"cannot use {KEYRING} ({problem})"
        raise CliError("system", message, hint="unlock it, or set ARENA_TOKEN")
    return None


def check_store(warn: Warn = ignore) -> None:
    """Raise an error if a token could not be stored now.

    Raises:
        CliError: If the file is not readable, not private, or locked.
        OSError: If the file cannot be written.
    """
    system_keyrings()  # loads the backends, which takes a while
    with logins.locked(warn):
        logins.read(warn)
        logins.check_writable()


def stored_logins(warn: Warn = ignore) -> dict[str, Entry]:
    """Return what the file has for each API, in the order of the logins.

    Raises:
        CliError: If the file is not readable.
    """
    return logins.read(warn)


def current_host(warn: Warn = ignore) -> str | None:
    """Return the base URL of the last login or switch; ``None`` if it was logged out.

    Raises:
        CliError: If the file is not readable.
    """
    return next((url for url, entry in logins.read(warn).items() if entry.current), None)


def switch_login(base_url: str, warn: Warn = ignore) -> None:
    """Make a stored login the one of commands that name no API.

    Raises:
        CliError: If there is no login for ``base_url``, or the file is not readable, not private,
            or locked.
        OSError: If the file cannot be written.
    """
    with logins.locked(warn):
        entries = logins.read(warn)
        if base_url not in entries:
            raise not_logged_in(base_url, entries)
        logins.write(_with_current(entries, base_url))


def not_logged_in(base_url: str, known: Iterable[str]) -> CliError:
    """Return the error for an API without a login."""
    places = ", ".join(known)
    hint = f"there are logins for {places}" if places else "log in with `arena-groups auth login`"
    return CliError("unauthorized", f"no login for {base_url}", ExitCode.UNAUTHORIZED, hint)


def _with_current(entries: Mapping[str, Entry], base_url: str | None) -> dict[str, Entry]:
    return {url: evolve(entry, current=url == base_url) for url, entry in entries.items()}


def _without(entries: Mapping[str, Entry], base_url: str) -> dict[str, Entry]:
    """Return the entries without one.

    If that was the current one, it is now that of Are.na, or the only one that is left.
    """
    left = {url: entry for url, entry in entries.items() if url != base_url}
    if base_url not in entries or not entries[base_url].current:
        return left
    following = next(iter(left)) if len(left) == 1 else BASE_URL
    return _with_current(left, following)


def store_login(
    base_url: str,
    token: Secret,
    scopes: Sequence[str] = (),
    warn: Warn = ignore,
    *,
    user: str = "",
) -> str:
    """Store a token, replacing an earlier one, and return the place in words.

    The login is then the current one.

    Raises:
        CliError: If the file is not readable, not private, or locked.
        OSError: If the file cannot be written. The earlier token is then still stored.
    """
    with logins.locked(warn):
        entries = logins.read(warn)
        backends = system_keyrings()
        if backends:
            backend = backends[0]
            older, kept = _keep(backend, base_url, token)
            if kept:
                try:
                    entries[base_url] = Entry(None, tuple(scopes), True, user)
                    logins.write(_with_current(entries, base_url))
                except BaseException:
                    _restore(backend, base_url, older, warn)
                    raise
                return KEYRING
        removed, problem = _remove_from_all(backends, base_url)
        earlier = entries.get(base_url, Entry())
        remains = bool(problem) or (earlier.in_keyring and not removed)
        entries[base_url] = Entry(token, tuple(scopes), remains, user)
        logins.write(_with_current(entries, base_url))
        if remains:
            warn(f"{KEYRING} may still have an older token for {base_url}")
        return f"the file {login_file()}"


def delete_login(base_url: str, warn: Warn = ignore) -> bool:
    """Delete the login stored for the API at ``base_url``. Return ``False`` if there was none.

    The keyring is always asked, as it may have a token that the file does not know. If it cannot
    be, a warning says so.

    Raises:
        CliError: If the keyring may still have a token, or the file is not readable.
        OSError: If the file cannot be written.
    """
    backends = system_keyrings()
    with ExitStack() as stack:
        try:
            stack.enter_context(logins.locked(warn))
        except BaseException:  # the file cannot be changed, but the keyring can
            _remove_from_all(backends, base_url)
            raise
        removed, problem = _remove_from_all(backends, base_url)
        entries = logins.read(warn)
        known = base_url in entries
        entry = entries.get(base_url, Entry())
        entries = _without(entries, base_url)
        if not backends and entry.in_keyring:
            problem = "there is none here"
        if problem:  # a later logout knows of it
            entries[base_url] = Entry(in_keyring=True)
        if known or problem:
            logins.write(entries)
    if problem:
        raise CliError(
            "system",
            f"cannot use {KEYRING} ({problem}): a token for {base_url} may remain in it",
            hint="unlock the keyring and log out again, or revoke the token at Are.na",
        )
    if not backends:
        warn(f"no keyring can be used here: if one has a token for {base_url}, it remains there")
    elif entry.in_keyring and not removed:
        warn(f"{KEYRING} has no token for {base_url}: if another has it, it remains there")
    return removed or entry.token is not None


class BackendError(Exception):
    """An error of a keyring backend. Its text is the name of the class that was raised."""


@contextmanager
def _backend_errors() -> Generator[None, None, None]:
    """Turn whatever a backend raises into a `BackendError` without its text and frames.

    Backends raise errors of their own. A panic in a compiled library is not even an `Exception`.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001
        name = type(error).__name__
    else:
        return
    raise BackendError(name)


def system_keyrings() -> list[Keyring]:
    """Return the usable keyrings of the system: one, those of a chain (best first), or none."""
    try:
        with _backend_errors():
            import keyring  # noqa: PLC0415 - slow, and rarely needed

            return list(_usable(keyring.get_keyring()))
    except BackendError:
        return []


def _usable(backend: object) -> Iterator[Keyring]:
    """Yield the backend, or the members of a chain, unless they keep nothing or plain text.

    A chain has a high priority of its own, even if those of all its members are low. A backend
    with a file of its own may have a high priority, and prompts for the file's password.
    """
    members = getattr(backend, "backends", None)
    if members is not None:
        for member in cast("Sequence[object]", members):
            yield from _usable(member)
    elif not hasattr(type(backend), "file_path") and _priority(backend) >= MIN_KEYRING_PRIORITY:
        yield cast("Keyring", backend)


def _priority(backend: object) -> float:
    try:
        with _backend_errors():
            return float(cast("float", getattr(backend, "priority", 0)))
    except BackendError:  # it does not work here
        return 0


def _get(backend: Keyring, base_url: str) -> Secret | None:
    with _backend_errors():
        token = backend.get_password(SERVICE, base_url)
    return None if token is None else Secret(token)


def _set(backend: Keyring, base_url: str, token: Secret) -> None:
    with _backend_errors():
        backend.set_password(SERVICE, base_url, token.reveal())


def _keep(backend: Keyring, base_url: str, token: Secret) -> tuple[Secret | None, bool]:
    """Store a token. Return the one that it replaces, and whether the backend kept it."""
    older = None
    try:
        older = _get(backend, base_url)
        _set(backend, base_url, token)
        kept = _get(backend, base_url)
        return older, kept is not None and kept.reveal() == token.reveal()
    except BackendError:  # the file is used instead
        return older, False


def _restore(backend: Keyring, base_url: str, older: Secret | None, warn: Warn) -> None:
    try:
        if older is None:
            _remove(backend, base_url)
        else:
            _set(backend, base_url, older)
    except BackendError:  # the error that led here is the one to show
        warn(f"{KEYRING} may have the new token for {base_url}; revoke it at Are.na")


def _remove_from_all(backends: Sequence[Keyring], base_url: str) -> tuple[bool, str]:
    """Delete the tokens of all backends. Return whether there was one, and the last problem."""
    removed, problem = False, ""
    for backend in backends:
        try:
            removed |= _remove(backend, base_url)
        except BackendError as error:
            problem = str(error)
    return removed, problem


def _remove(backend: Keyring, base_url: str) -> bool:
    """Delete the token of the backend, and return whether there was one."""
    if _get(backend, base_url) is None:
        return False
    with _backend_errors():
        backend.delete_password(SERVICE, base_url)
    if _get(backend, base_url) is not None:
        raise BackendError("it was not deleted")
    return True
