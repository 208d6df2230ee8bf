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


def has(monkeypatch: pytest.MonkeyPatch, programs: dict[str, str], *, pip: bool = True) -> None:
    """Change which programs the search path has, and whether the environment has pip."""
    monkeypatch.setattr("arena_groups._extras.which", programs.get)
    monkeypatch.setattr("arena_groups._extras.find_spec", lambda name: name if pip else None)


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
        has(monkeypatch, {"python": sys.executable})
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
        ("uv", None, None, 'uv pip install --python python "arena-groups[oauth]"'),
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


@pytest.mark.parametrize(
    ("marker", "origin", "command"),
    [
        (
            "pipx_metadata.json",
            {"url": "file:///srv/my%20clone", "dir_info": {"editable": True}},
            'pipx install --force --editable "/srv/my clone[cli,redis]"',
        ),
        (
            "uv-receipt.toml",
            {"url": "file:///srv/clone", "dir_info": {"editable": True}},
            'uv tool install --force --editable "/srv/clone[cli,redis]"',
        ),
        (
            "pipx_metadata.json",
            {**REPOSITORY, "subdirectory": "python"},
            (
                'pipx install --force "arena-groups[cli,redis] @ '
                'git+https://example.org/arena-groups.git@0a1b2c#subdirectory=python"'
            ),
        ),
    ],
)
def test_install_command_of_a_tool_keeps_its_origin(
    installed_by: Any, marker: str, origin: Any, command: str
) -> None:
    installed_by("pip", marker, origin)
    assert install_command("redis") == command


@pytest.mark.parametrize("active", [False, True])
@pytest.mark.parametrize(
    ("installer", "pip", "uv", "command"),
    [
        ("pip", True, False, "{python} -m pip install"),
        ("pip", True, True, "{python} -m pip install"),
        ("pip", False, True, "{uv}"),
        ("uv", True, True, "{uv}"),
        ("uv", False, False, "{uv}"),
        ("pip", False, False, "{python} -m ensurepip && {python} -m pip install"),
    ],
)
def test_install_command_fits_the_environment(
    installed_by: Any,
    monkeypatch: pytest.MonkeyPatch,
    active: bool,
    installer: str,
    pip: bool,
    uv: bool,
    command: str,
) -> None:
    installed_by(installer)
    monkeypatch.setattr(sys, "executable", "/srv/my env/bin/python")
    found = {"python": "/srv/my env/bin/python" if active else "/usr/bin/python"}
    found |= {"uv": "/usr/bin/uv"} if uv else {}
    has(monkeypatch, found, pip=pip)
    quoted = "'/srv/my env/bin/python'"
    python = "python" if active else quoted
    expected = command.format(python=python, uv=f"uv pip install --python {python}")
    assert install_command("redis") == f'{expected} "arena-groups[redis]"'


@pytest.mark.parametrize("is_clone", [False, True])
def test_install_command_from_sources_names_the_clone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, is_clone: bool
) -> None:
    def missing(name: str) -> Distribution:
        raise PackageNotFoundError(name)

    if is_clone:
        (tmp_path / "pyproject.toml").touch()
    monkeypatch.setattr(Distribution, "from_name", missing)
    monkeypatch.setattr("arena_groups._extras.__file__", str(tmp_path / "arena_groups" / "x.py"))
    has(monkeypatch, {"python": sys.executable})
    named = f'-e "{tmp_path}[cli,oauth]"' if is_clone else '"arena-groups[cli,oauth]"'
    assert install_command("cli", "oauth") == f"python -m pip install {named}"


def test_missing_extra_names_the_package_the_library_and_the_command(installed_by: Any) -> None:
    installed_by("pip")
    error = missing_extra("arena_groups.redis", "redis", "redis")
    assert error.name == "redis"
    assert str(error) == (
        'arena_groups.redis needs redis: python -m pip install "arena-groups[redis]"'
    )
