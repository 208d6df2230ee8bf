"""Optional extras: the command that installs one, and the error when its library is missing."""

import json
import sys
from importlib.metadata import Distribution, PackageNotFoundError
from pathlib import Path

__all__ = ["install_command", "missing_extra"]

PACKAGE = "arena-groups"


def install_command(*extras: str) -> str:
    """Return the command that adds ``extras``, for the tool that installed this package.

    pipx and uv make an environment for each tool, and they replace it. The command for them
    therefore names where the package came from, and the extra ``cli``, without which the tool
    does not start.
    """
    try:
        installed = Distribution.from_name(PACKAGE)
    except PackageNotFoundError:  # run from its sources
        installer, origin = "", ""
    else:
        installer = (installed.read_text("INSTALLER") or "").strip()
        origin = _origin(installed.read_text("direct_url.json"))
    prefix = Path(sys.prefix)
    if (prefix / "pipx_metadata.json").exists():
        tool = "pipx install --force"
    elif (prefix / "uv-receipt.toml").exists():
        tool = "uv tool install --force"
    else:
        command = "uv pip install" if installer == "uv" else "python -m pip install"
        return f'{command} "{PACKAGE}[{",".join(extras)}]"'
    return f'{tool} "{PACKAGE}[{",".join(sorted({"cli", *extras}))}]{origin}"'


def _origin(direct_url: str | None) -> str:
    """Return the end of a requirement that names a folder, file or repository (PEP 610)."""
    if direct_url is None:
        return ""
    source = json.loads(direct_url)
    if vcs := source.get("vcs_info"):
        return f" @ {vcs['vcs']}+{source['url']}@{vcs['commit_id']}"
    return f" @ {source['url']}"


def missing_extra(package: str, library: str, extra: str) -> ImportError:
    """Return the error of ``package``, whose ``library`` is not installed."""
    return ImportError(f"{package} needs {library}: {install_command(extra)}", name=library)
