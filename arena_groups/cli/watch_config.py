"""Configuration file of ``arena-groups watch``, in TOML."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any, cast

import click

from arena_groups.cli.durations import parse_duration
from arena_groups.cli.errors import CliError

__all__ = [
    "FORMATS",
    "WatchConfig",
    "WebhookConfig",
    "parse_config",
    "read_config",
    "read_secret_file",
]

FORMATS = ("json", "slack", "discord")
OTHERS = 0o077


@dataclass(frozen=True)
class Kind:
    """Type of a value: its name, and whether a value is of it."""

    name: str
    accepts: Callable[[object], bool]


def _is_list_of(value: object, *kinds: type) -> bool:
    if not isinstance(value, list):
        return False
    return all(type(each) in kinds for each in cast("list[object]", value))


def _is_duration(value: object, *, zero: bool = False) -> bool:
    if type(value) not in {str, int, float}:
        return False
    try:
        return parse_duration(str(value)) > 0 or zero
    except ValueError:
        return False


def _are_texts(value: object) -> bool:
    if not isinstance(value, list) or not value:
        return False
    return all(map(_is_text, cast("list[object]", value)))


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


TEXT = Kind("a text that is not empty", _is_text)
FLAG = Kind("true or false", lambda value: isinstance(value, bool))
NUMBER = Kind("a whole number", lambda value: type(value) is int)
DURATION = Kind('a duration such as "1m", more than 0', _is_duration)
DURATION_OR_ZERO = Kind('a duration such as "1m"', partial(_is_duration, zero=True))
TIME = Kind('a date, or a text such as "2h"', lambda value: isinstance(value, str | date))
NAMES = Kind("a list of texts and ids", lambda value: _is_list_of(value, str, int))
SECRETS = Kind(
    "a text or a list of texts, not empty", lambda value: _is_text(value) or _are_texts(value)
)
TABLES = Kind("a list of tables: write [[webhooks]]", lambda value: _is_list_of(value, dict))

KEYS: Mapping[str, Kind] = {
    "groups": NAMES,
    "all_groups": FLAG,
    "interval": DURATION,
    "concurrency": NUMBER,
    "store": TEXT,
    "shared": FLAG,
    "name": TEXT,
    "exec": TEXT,
    "replay": FLAG,
    "since": TIME,
    "feed": FLAG,
    "health": TEXT,
    "deliver_for": DURATION_OR_ZERO,
    "give_up_after": DURATION,
    "include_emails": FLAG,
    "allow_private_targets": FLAG,
    "webhooks": TABLES,
}
WEBHOOK_KEYS: Mapping[str, Kind] = {
    "url": TEXT,
    "format": Kind("json, slack or discord", lambda value: value in FORMATS),
    "secret": SECRETS,
    "secret_file": TEXT,
    "name": TEXT,
    "include_emails": FLAG,
    "give_up_after": DURATION,
    "allow_private_targets": FLAG,
    "trust_env": FLAG,
}
PARAMETERS = {"exec": "line", "health": "health_at"}
"""Names of the command's parameters that differ from those of the keys."""


@dataclass(frozen=True, kw_only=True)
class WebhookConfig:
    """Endpoint as it was configured. Only ``url`` has to be given."""

    url: str = field(repr=False)
    format: str | None = None
    secret: str | None = field(default=None, repr=False)
    name: str | None = None
    include_emails: bool | None = None
    give_up_after: float | None = None
    allow_private_targets: bool | None = None
    trust_env: bool = False


@dataclass(frozen=True, kw_only=True)
class WatchConfig:
    """Content of a configuration file.

    Attributes:
        parameters: Values of the command's parameters, by name, as a command line has them.
        webhooks: The endpoints.
        has_secrets: Whether there is a secret in the file.
    """

    parameters: Mapping[str, object] = field(repr=False)
    webhooks: Sequence[WebhookConfig] = ()
    has_secrets: bool = False


def read_config(path: Path) -> WatchConfig:
    """Read a configuration file.

    Raises:
        CliError: It cannot be read, or other users can read the secrets in it.
        UsageError: Something in it is wrong.
    """
    content = _read_text(path)
    try:
        config = parse_config(_parse_toml(content), path.parent)
    except ValueError as error:
        raise click.UsageError(f"{path}: {error}") from None
    if config.has_secrets:
        _check_private(path)
    return config


def parse_config(document: Mapping[str, object], folder: Path) -> WatchConfig:
    """Return the content of a document. Relative paths in it start at ``folder``.

    Raises:
        ValueError: A key is unknown, or its value has the wrong type. No value is shown.
    """
    _check(document, KEYS, "")
    parameters = {
        PARAMETERS.get(name, name): _as_argument(value)
        for name, value in document.items()
        if name != "webhooks"
    }
    store = document.get("store")
    has_url = isinstance(store, str) and "://" in store
    if isinstance(store, str) and not has_url:
        parameters["store"] = str(folder / store)
    tables = cast("list[dict[str, object]]", document.get("webhooks", []))
    webhooks = [
        _webhook(table, f"webhooks[{number}].", folder)
        for number, table in enumerate(tables, start=1)
    ]
    return WatchConfig(
        parameters=parameters, webhooks=webhooks, has_secrets=bool(webhooks) or has_url
    )


def _parse_toml(text: str) -> dict[str, object]:
    """Return a document. Raise ``ValueError`` for whatever is wrong in it."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise
    except (ValueError, RecursionError):
        pass
    raise ValueError("a number is too long, or a list is nested too deeply")


def _check_private(path: Path) -> None:
    """Raise ``CliError`` if other users can read a file with secrets."""
    if hasattr(os, "geteuid") and path.stat().st_mode & OTHERS:
        raise CliError(
            "system",
            f"{path} has secrets, and other users can read it",
            hint=f"run chmod 600 {path}",
        )


def read_secret_file(path: Path) -> str:
    """Return the secrets in a private file, one in a line or separated by spaces."""
    text = _read_text(path)
    _check_private(path)
    if not text.split():
        raise CliError("system", f"{path} is empty: write a secret into it")
    return " ".join(text.split())


def _read_text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError:
        raise CliError("system", f"cannot read {path}: it is not UTF-8 text") from None


def _webhook(table: Mapping[str, object], where: str, folder: Path) -> WebhookConfig:
    _check(table, WEBHOOK_KEYS, where)
    if "url" not in table:
        raise ValueError(f"{where}url is missing")
    if "secret" in table and "secret_file" in table:
        raise ValueError(f"{where}secret and {where}secret_file cannot be combined")
    values = dict(table)
    if "secret_file" in table:
        values["secret"] = read_secret_file(folder / str(values.pop("secret_file")))
    elif isinstance(secrets := table.get("secret"), list):
        values["secret"] = " ".join(cast("list[str]", secrets))
    if "give_up_after" in table:
        values["give_up_after"] = parse_duration(str(table["give_up_after"]))
    return WebhookConfig(**cast("dict[str, Any]", values))  # whose types were checked


def _check(table: Mapping[str, object], kinds: Mapping[str, Kind], where: str) -> None:
    for name, value in table.items():
        if name not in kinds:
            close = get_close_matches(name, kinds, 1, 0.5)
            hint = f"did you mean {close[0]}?" if close else f"the keys are {', '.join(kinds)}"
            raise ValueError(f"unknown key {where}{name}: {hint}")
        if not kinds[name].accepts(value):
            raise ValueError(f"{where}{name} must be {kinds[name].name}")


def _as_argument(value: object) -> object:
    """Return a value as the command line would have it."""
    if isinstance(value, bool):
        return value
    if isinstance(value, list):
        return [str(each) for each in cast("list[object]", value)]
    return value.isoformat() if isinstance(value, date) else str(value)
