"""Environment of the tests: the same on each machine, at each terminal and in each CI system."""

import os
from collections.abc import Iterable
from typing import Final

SETTINGS: Final = (
    "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy",
    "NO_PROXY", "no_proxy", "REQUEST_METHOD", "SSL_CERT_FILE", "SSL_CERT_DIR",
)  # fmt: skip
"""Settings that the package reads besides its own, except those of output and folders."""

OUTPUT: Final = (
    "BROWSER", "COLORTERM", "COLUMNS", "EDITOR", "LINES", "MANPAGER", "PAGER", "TERM", "VISUAL",
    "CLICOLOR", "CLICOLOR_FORCE", "FORCE_COLOR", "NO_COLOR", "PY_COLORS",
    "TTY_COMPATIBLE", "TTY_INTERACTIVE",
)  # fmt: skip
"""What users and terminals set for the output of programs."""

OTHERS: Final = (
    "BUILD_NUMBER", "CI", "TF_BUILD",
    "BASH_ENV", "CDPATH", "ENV", "LANG", "LANGUAGE", "POSIXLY_CORRECT", "TZ",
    "NETRC", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "CURL_HOME",
    "NODE_EXTRA_CA_CERTS", "NODE_OPTIONS", "VIRTUAL_ENV",
    "PYTEST_ADDOPTS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD", "PYTEST_PLUGINS", "PYTEST_THEME",
)  # fmt: skip
PREFIXES: Final = ("ARENA_", "GITHUB_", "GIT_", "LC_", "LESS", "MYPY", "PIP_", "PYTHON", "XDG_")
KEPT: Final = (
    "ARENA_GROUPS_THOROUGH", "ARENA_OPENAPI",
    "PYTHONHOME", "PYTHONNOUSERSITE", "PYTHONPATH", "PYTHONPYCACHEPREFIX", "PYTHONUSERBASE",
)  # fmt: skip
"""Options of the tests, and where Python finds modules."""

CONFIGURATION_FOLDERS: Final = ("APPDATA", "XDG_CONFIG_HOME", "XDG_DATA_HOME")


def foreign_variables(names: Iterable[str]) -> list[str]:
    """Return the names of variables that users, terminals and CI systems set for programs.

    They change what programs read, write or connect to, so a test sets those that it is about.
    """
    removed = {*SETTINGS, *OUTPUT, *OTHERS}
    return [
        name
        for name in names
        if name in removed or (name.startswith(PREFIXES) and name not in KEPT)
    ]


def allow_open_files(count: int) -> None:
    """Raise the limit of open files to ``count``: a test may hold both ends of 200 connections."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def clean_environment(**variables: str) -> dict[str, str]:
    """Return the environment of a process that is not at a terminal and has no token."""
    removed = {*SETTINGS, "COLUMNS", "FORCE_COLOR", "NO_COLOR", "TERM"}
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in KEPT or not (name in removed or name.startswith("ARENA_"))
    }
    return {**kept, **variables}
