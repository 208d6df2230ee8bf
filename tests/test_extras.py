"""Commands that install an extra, for each tool that may have installed the package."""

import json
import sys
from importlib.metadata import Distribution, PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest

from arena_groups._extras import install_command, missing_extra

FOLDER = {"url": "file:///srv/checkout", "dir_info": {}}
REPOSITORY = {
    "url": "https://example.org/arena-groups.git",
    "vcs_info": {"vcs": "git", "commit_id": "0a1b2c", "requested_revision": "main"},
}


@pytest.fixture
def installed_by(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Return a function that changes what the environment says of the installation."""

    def change(installer: str | None, marker: str | None = None, origin: Any = None) -> None:
        info = tmp_path / "info"
        info.mkdir()
        if installer is not None:
            (info / "INSTALLER").write_text(installer + "\n")
        if origin is not None:
            (info / "direct_url.json").write_text(json.dumps(origin))
        if marker is not None:
            (tmp_path / marker).touch()
        monkeypatch.setattr(sys, "prefix", str(tmp_path))
        found = Distribution.at(info)
        monkeypatch.setattr(Distribution, "from_name", lambda name: found)

    return change


@pytest.mark.parametrize(
    ("installer", "marker", "origin", "command"),
    [
        ("pip", None, None, 'python -m pip install "arena-groups[oauth]"'),
        ("pip", None, FOLDER, 'python -m pip install "arena-groups[oauth]"'),
        ("conda", None, None, 'python -m pip install "arena-groups[oauth]"'),
        (None, None, None, 'python -m pip install "arena-groups[oauth]"'),
        ("uv", None, None, 'uv pip install "arena-groups[oauth]"'),
        ("pip", "pipx_metadata.json", None, 'pipx install --force "arena-groups[cli,oauth]"'),
        ("uv", "pipx_metadata.json", None, 'pipx install --force "arena-groups[cli,oauth]"'),
        ("uv", "uv-receipt.toml", None, 'uv tool install --force "arena-groups[cli,oauth]"'),
        (
            "uv",
            "uv-receipt.toml",
            FOLDER,
            'uv tool install --force "arena-groups[cli,oauth] @ file:///srv/checkout"',
        ),
        (
            "pip",
            "pipx_metadata.json",
            REPOSITORY,
            (
                'pipx install --force "arena-groups[cli,oauth] @ '
                'git+https://example.org/arena-groups.git@0a1b2c"'
            ),
        ),
    ],
)
def test_install_command_fits_the_installer(
    installed_by: Any, installer: str | None, marker: str | None, origin: Any, command: str
) -> None:
    installed_by(installer, marker, origin)
    assert install_command("oauth") == command


def test_install_command_without_metadata_uses_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Distribution:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(Distribution, "from_name", missing)
    assert install_command("cli", "oauth") == 'python -m pip install "arena-groups[cli,oauth]"'


def test_missing_extra_names_the_package_the_library_and_the_command(installed_by: Any) -> None:
    installed_by("pip")
    error = missing_extra("arena_groups.redis", "redis", "redis")
    assert error.name == "redis"
    assert str(error) == (
        'arena_groups.redis needs redis: python -m pip install "arena-groups[redis]"'
    )
