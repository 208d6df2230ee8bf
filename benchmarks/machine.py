"""Machine on which the figures were measured."""

import json
import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from shutil import which

from benchmarks.figures import Machine

__all__ = ["describe"]

PACKAGE = Path(__file__).parent / "contenders" / "typescript" / "package.json"
LIBRARIES = (
    "arena-groups",
    "aiohttp",
    "attrs",
    "cattrs",
    "msgspec",
    "orjson",
    "pydantic",
    "httpx",
    "openapi-python-client",
    "click",
    "rich",
)


def describe() -> Machine:
    """Return this machine, and the versions of all contenders."""
    versions = {name: found for name in LIBRARIES if (found := _installed(name))}
    if node := _node():
        versions["Node"] = node
        versions |= json.loads(PACKAGE.read_text(encoding="utf-8"))["dependencies"]
    return Machine(
        date=datetime.now(UTC).date().isoformat(),
        processor=_processor(),
        cores=_cores(),
        system=f"{platform.system()} {platform.machine()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        load=round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else 0.0,
        versions=versions,
    )


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _node() -> str | None:
    node = which("node")
    if node is None:
        return None
    run = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    return run.stdout.strip().removeprefix("v") or None


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1].strip() if found else platform.machine()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
