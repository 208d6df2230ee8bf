"""The command ``arena-groups config``: defaults of settings, and where each comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from arena_groups.cli import output
from arena_groups.cli.config_file import KEYS, config_file, set_value, unset_value
from arena_groups.cli.connect import choose_server, current_login
from arena_groups.cli.defaults import BUILT_IN, first, read_defaults
from arena_groups.cli.main import CommandGroup, example, shows
from arena_groups.cli.options import Default, Format, Settings, common_options

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def _as_key(_context: click.Context, _parameter: click.Parameter, text: str) -> str:
    """Return a key that was written in another case, or with ``-`` between its words."""
    key = text.lower().replace("-", "_")
    return key if key in KEYS else text


def _complete_key(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[str]:
    return [key for key in KEYS if key.startswith(incomplete)]


key_argument = click.argument("key", callback=_as_key, shell_complete=_complete_key)


@example("Read the group of a project without naming it", "config set group research-studio")
@example("Show every setting, and where it comes from", "config")
@click.group("config", cls=CommandGroup, invoke_without_command=True)
@common_options
@click.pass_context
def command(context: click.Context) -> None:
    """Show and change the defaults of settings.

    An option comes before a variable, a variable before the configuration file, and that before
    the current login. The keys are base_url, format, group and pager.
    """
    if context.invoked_subcommand is None:
        settings = context.ensure_object(Settings)
        settings.defaults = read_defaults()
        results = output.Results(settings, output.SETTINGS, None)
        for row in setting_rows(settings):
            results.write(row)
        results.close()
        output.info_at_terminal(settings, f"the configuration file is {config_file()}")


def setting_rows(settings: Settings) -> Sequence[output.SettingRow]:
    """Return the settings with the values that commands use now."""
    defaults = settings.defaults
    server = choose_server(settings, current_login(settings))
    chosen = first((settings.format, "--format")) or defaults.format
    pager = first((False if settings.no_pager else None, "--no-pager")) or defaults.pager
    rows: tuple[tuple[str, Default[str] | Default[Format] | Default[bool] | Default[None]], ...] = (
        ("base_url", server),
        ("format", chosen or Default(None, BUILT_IN)),
        ("group", defaults.group or Default(None, BUILT_IN)),
        ("pager", pager or Default(True, BUILT_IN)),
    )
    return [
        output.SettingRow(
            key=key,
            value=found.value.value if isinstance(found.value, Format) else found.value,
            source=found.source,
            file=str(config_file()),
        )
        for key, found in rows
    ]


@shows(lambda: output.ACTIONS)
@example("Use a server of your own by default", "config set base_url http://127.0.0.1:8080")
@example("Write JSON by default", "config set format json")
@command.command("set", short_help="Write a value to the configuration file.")
@key_argument
@click.argument("value")
@common_options
@click.pass_obj
def set_(settings: Settings, *, key: str, value: str) -> None:
    """Write a value to the configuration file.

    KEY is base_url, format, group or pager.
    """
    _write(settings, "set", key, set_value(key, value))


@shows(lambda: output.ACTIONS)
@example("Turn the pager on again", "config unset pager")
@command.command("unset", short_help="Remove a value from the configuration file.")
@key_argument
@common_options
@click.pass_obj
def unset(settings: Settings, *, key: str) -> None:
    """Remove a value from the configuration file, also one whose key is unknown."""
    path = unset_value(key)
    _write(settings, "not_set" if path is None else "unset", key, path)


def _write(settings: Settings, outcome: str, key: str, path: Path | None) -> None:
    if path is not None:
        output.info(settings, f"written to {path}")
    row = output.ActionRow(outcome=outcome, type="Setting", target=key)
    output.write_one(settings, output.ACTIONS, row)
