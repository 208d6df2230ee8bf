"""Key of the digests: its sources, its file, and that nothing shows it."""

import os
import pickle
import stat
from multiprocessing import get_context
from pathlib import Path
from traceback import walk_tb

import pytest

from arena_groups.errors import SyncError
from arena_groups.reconcile.sync_key import SyncKey, data_folder, find_sync_key

KEY = "a key that is long enough"
OTHER_KEY = "another key that is long enough"
posix = pytest.mark.skipif(os.name != "posix", reason="needs permissions of POSIX")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for the user's data."""
    for name in ("XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "data"))
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.delenv("ARENA_SYNC_KEY", raising=False)
    return data_folder()


def fingerprint_in_process(_: int) -> str:
    return find_sync_key().fingerprint


def test_find_sync_key_takes_the_argument_before_the_variable_before_the_file(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    in_file = find_sync_key()
    monkeypatch.setenv("ARENA_SYNC_KEY", OTHER_KEY)
    found = [find_sync_key(), find_sync_key(KEY), find_sync_key(KEY.encode())]
    assert [each.fingerprint for each in found] == [
        find_sync_key(OTHER_KEY).fingerprint,
        *[find_sync_key(KEY).fingerprint] * 2,
    ]
    monkeypatch.setenv("ARENA_SYNC_KEY", "")
    assert find_sync_key().fingerprint == in_file.fingerprint
    assert [each.name for each in folder.iterdir()] == ["sync.key"]


def test_find_sync_key_accepts_the_content_of_the_file_as_variable(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    created = find_sync_key()
    monkeypatch.setenv("ARENA_SYNC_KEY", (folder / "sync.key").read_text("utf-8"))
    assert find_sync_key().fingerprint == created.fingerprint


@posix
def test_find_sync_key_creates_a_file_that_only_its_owner_can_read(folder: Path) -> None:
    find_sync_key()
    assert stat.S_IMODE((folder / "sync.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@posix
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602, 0o606])
def test_find_sync_key_with_a_file_for_others_is_refused(folder: Path, mode: int) -> None:
    find_sync_key()
    (folder / "sync.key").chmod(mode)
    with pytest.raises(SyncError, match="can be read by other users: run chmod 600"):
        find_sync_key()


@pytest.mark.parametrize("content", ["", "short", "fifteen bytes..\n"])
def test_find_sync_key_with_a_short_key_in_the_file_is_refused(folder: Path, content: str) -> None:
    folder.mkdir(parents=True)
    (folder / "sync.key").write_text(content, "utf-8")
    (folder / "sync.key").chmod(0o600)
    with pytest.raises(SyncError, match="no key of at least 16 bytes"):
        find_sync_key()


def test_find_sync_key_with_a_folder_in_place_of_the_file_is_refused(folder: Path) -> None:
    (folder / "sync.key").mkdir(parents=True)
    with pytest.raises(SyncError, match=r"the key file .*sync\.key"):
        find_sync_key()


def test_find_sync_key_in_several_processes_at_once_gives_one_key(folder: Path) -> None:
    with get_context("fork").Pool(4) as pool:
        found = pool.map(fingerprint_in_process, range(8), chunksize=1)
    assert set(found) == {find_sync_key().fingerprint}
    assert [each.name for each in folder.iterdir()] == ["sync.key"]


@pytest.mark.parametrize(
    ("key", "variable", "error", "message"),
    [
        ("fifteen bytes..", "", ValueError, "key must have at least 16 bytes"),
        ("       short       ", "", ValueError, "key must have at least 16 bytes"),
        (b"", "", ValueError, "key must have at least 16 bytes"),
        (None, "fifteen bytes..", ValueError, "ARENA_SYNC_KEY must have at least 16 bytes"),
        (1234567890123456, "", TypeError, "key must be a str or bytes, not int"),
    ],
)
def test_find_sync_key_with_a_wrong_key_raises_without_showing_it(
    monkeypatch: pytest.MonkeyPatch,
    key: object,
    variable: str,
    error: type[Exception],
    message: str,
) -> None:
    monkeypatch.setenv("ARENA_SYNC_KEY", variable)
    with pytest.raises(error, match=message) as caught:
        find_sync_key(key)  # type: ignore[arg-type]
    secret = str(key or variable).strip()
    frames = [frame for frame, _ in walk_tb(caught.tb)][1:]
    assert not [1 for frame in frames if secret and secret in str(frame.f_locals)]
    assert not secret or secret not in str(caught.value)


def test_sync_key_shows_itself_nowhere() -> None:
    key = find_sync_key(KEY)
    assert KEY not in f"{key!r} {key} {key.fingerprint} {key.digest('ada@example.org')}"
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(key)


def test_digest_depends_on_key_and_address() -> None:
    digests = {
        SyncKey(key).digest(address)
        for key in (b"one" * 9, b"two" * 9)
        for address in ("ada@example.org", "bob@example.org", "")
    }
    assert len(digests) == 6
    assert SyncKey(b"one" * 9).digest("ada@example.org") in digests


@posix
def test_data_folder_without_a_home_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "not/absolute")
    monkeypatch.setattr(os.path, "expanduser", str)
    with pytest.raises(SyncError, match="set HOME, or set ARENA_SYNC_KEY"):
        data_folder()
