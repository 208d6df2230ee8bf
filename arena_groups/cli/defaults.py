"""Precedence of the settings: option, variable, configuration file, login, default."""

import os
from collections.abc import Mapping
from typing import TypeVar

import click

from arena_groups.cli.config_file import Configuration, read_config
from arena_groups.cli.options import Default, Defaults, Format, name_in

T = TypeVar("T")

BASE_URL_VARIABLE = "ARENA_BASE_URL"
FORMAT_VARIABLE = "ARENA_FORMAT"
GROUP_VARIABLE = "ARENA_GROUP"
PAGER_VARIABLE = "ARENA_PAGER"
FILE = "the configuration file"
LOGIN = "the login"
BUILT_IN = "the default"
SECRET_VARIABLES = frozenset({
    "ARENA_TOKEN", "ARENA_MCP_TOKEN", "ARENA_STORE", "ARENA_SYNC_KEY",
    "ARENA_WEBHOOK_URL", "ARENA_WEBHOOK_SECRET",
})  # fmt: skip
"""Variables that are, or hold, a secret. Pagers and browsers do not get them."""


def read_defaults() -> Defaults:
    """Return the settings of the variables, and else of the configuration file.

    Raises:
        click.UsageError: If a variable has a value that cannot be used.
        CliError: If the file cannot be used.
    """
    return combine(os.environ, read_config())


def combine(variables: Mapping[str, str], file: Configuration) -> Defaults:
    """Return the settings of variables, and else of a configuration file.

    Raises:
        click.UsageError: If a variable has a value that cannot be used.
    """
    base_url = variables.get(BASE_URL_VARIABLE) or None
    form, group = _format(variables.get(FORMAT_VARIABLE)), _group(variables.get(GROUP_VARIABLE))
    pager = bool(variables.get(PAGER_VARIABLE)) or None
    return Defaults(
        base_url=first((base_url, BASE_URL_VARIABLE), (file.base_url, FILE)),
        format=first((form, FORMAT_VARIABLE), (file.format, FILE)),
        group=first((group, GROUP_VARIABLE), (file.group, FILE)),
        pager=first((pager, PAGER_VARIABLE), (file.pager, FILE)),
    )


def environment_without_secrets() -> dict[str, str]:
    """Return the environment for a program that needs none of our secrets."""
    return {name: value for name, value in os.environ.items() if name not in SECRET_VARIABLES}


def first(*candidates: tuple[T | None, str]) -> Default[T] | None:
    """Return the first value that is not ``None``, with its source."""
    for value, source in candidates:
        if value is not None:
            return Default(value, source)
    return None


def _format(text: str | None) -> Format | None:
    if not text:
        return None
    if text not in list(Format):
        raise click.UsageError(f"{FORMAT_VARIABLE} must be one of {', '.join(Format)}")
    return Format(text)


def _group(text: str | None) -> str | None:
    try:
        return name_in(text, is_group=True) if text else None
    except ValueError as error:
        raise click.UsageError(f"{GROUP_VARIABLE}: {error}") from None
