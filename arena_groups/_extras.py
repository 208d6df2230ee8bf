"""Optional extras: the command that installs one, and the error when its library is missing."""

import json
import os
import shlex
import sys
from collections.abc import Sequence
from importlib.metadata import Distribution, PackageNotFoundError
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from urllib.parse import urlsplit
from urllib.request import url2pathname

__all__ = ["install_command", "missing_extra"]

PACKAGE = "arena-groups"


def install_command(*extras: str) -> str:
    """Return the command that adds ``extras``, for the tool that installed this package.

    pipx and uv make an environment for each tool, and they replace it. The command for them
    therefore names where the package came from, and the extra ``cli``, without which the tool
    does not start. Elsewhere, the name is enough: what is installed stays, and gets libraries.
    """
    try:
        installed = Distribution.from_name(PACKAGE)
    except PackageNotFoundError:  # run from its sources
        return f"{_installer('')} {_from_sources(extras)}"
    installer = (installed.read_text("INSTALLER") or "").strip()
    prefix = Path(sys.prefix)
    if (prefix / "pipx_metadata.json").exists():
        tool = "pipx install --force"
    elif (prefix / "uv-receipt.toml").exists():
        tool = "uv tool install --force"
    else:
        return f'{_installer(installer)} "{PACKAGE}[{",".join(extras)}]"'
    return (
        f"{tool} {_with_origin(sorted({'cli', *extras}), installed.read_text('direct_url.json'))}"
    )


def _installer(installed_by: str) -> str:
    """Return the command that installs into this environment, without the requirement."""
    uses_uv = installed_by == "uv" or not find_spec("pip")
    python = _python()
    if uses_uv and (installed_by == "uv" or which("uv")):
        return f"uv pip install --python {python}"
    # An environment without pip, as `python -m venv --without-pip` makes it.
    ensured = "" if find_spec("pip") else f"{python} -m ensurepip && "
    return f"{ensured}{python} -m pip install"


def _python() -> str:
    """Return the name of this interpreter for a shell: ``python`` if that starts it."""
    found = which("python")
    if found is not None and Path(found).parent == Path(sys.executable).parent:
        return "python"
    return _quoted(sys.executable)


def _quoted(path: str) -> str:
    return f'"{path}"' if os.name == "nt" and " " in path else shlex.join([path])


def _from_sources(extras: Sequence[str]) -> str:
    """Return the requirement for a package that is not installed: its clone, if it is in one."""
    clone = Path(__file__).parents[1]
    names = ",".join(extras)
    if (clone / "pyproject.toml").exists():
        return f'-e "{clone}[{names}]"'
    return f'"{PACKAGE}[{names}]"'


def _with_origin(extras: Sequence[str], direct_url: str | None) -> str:
    """Return a requirement that names a folder, file or repository (PEP 610)."""
    names = ",".join(extras)
    if direct_url is None:
        return f'"{PACKAGE}[{names}]"'
    source = json.loads(direct_url)
    url: str = source["url"]
    if source.get("dir_info", {}).get("editable"):
        return f'--editable "{url2pathname(urlsplit(url).path)}[{names}]"'
    if vcs := source.get("vcs_info"):
        url = f"{vcs['vcs']}+{url}@{vcs['commit_id']}"
    if folder := source.get("subdirectory"):
        url += f"#subdirectory={folder}"
    return f'"{PACKAGE}[{names}] @ {url}"'


def missing_extra(package: str, library: str, extra: str) -> ImportError:
    """Return the error of ``package``, whose ``library`` is not installed."""
    return ImportError(f"{package} needs {library}: {install_command(extra)}", name=library)
