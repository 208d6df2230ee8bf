"""Configuration file: defaults of some settings, in TOML."""

import os
import re
import stat
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import click

from arena_groups.cli.options import Format, name_in

# ruff: noqa: PLC0415 - keeps --help fast

CONFIG_VARIABLE = "ARENA_CONFIG"
FILE_NAME = "config.toml"
KEYS = ("base_url", "format", "group", "pager")
MAX_SIZE = 64 * 1024
_WORD = re.compile(r"""[^\s"'=,()\[\]]+""")
NONBLOCKING = 0 if sys.platform == "win32" else os.O_NONBLOCK


@dataclass(frozen=True)
class Configuration:
    """Values of the configuration file; ``None`` for those that it does not have."""

    base_url: str | None = None
    format: Format | None = None
    group: str | None = None
    pager: bool | None = None


def settings_folder() -> Path:
    """Return the folder of the program's files. It is relative only if there is no home folder."""
    folder = Path(click.get_app_dir("arena-groups"))
    if not folder.is_absolute():  # an empty or relative XDG_CONFIG_HOME counts as none
        folder = Path(os.path.expanduser("~/.config/arena-groups"))  # noqa: PTH111 - never raises
    return folder


def config_file() -> Path:
    """Return the path of the file: that of ARENA_CONFIG, or else beside the stored logins."""
    named = os.environ.get(CONFIG_VARIABLE)
    return Path(named) if named else settings_folder() / FILE_NAME


def read_config() -> Configuration:
    """Return the values of the file; none if there is no file.

    Raises:
        CliError: If the file is not readable, is not TOML, has a key that is unknown or a value
            that is wrong, or is named by ARENA_CONFIG and missing.
    """
    path = config_file()
    content = _content(path)
    return Configuration() if content is None else parse_config(content, path)


def parse_config(content: bytes, path: Path) -> Configuration:
    """Return the values of a file. The path is for errors, which show no value.

    Raises:
        CliError: If the content is not TOML, or has a key or a value that is wrong.
    """
    import tomllib

    text = ""
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
        found = tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        _fail(path, f"line {line} is not UTF-8")
    except tomllib.TOMLDecodeError as error:
        from arena_groups.cli.words import without_secrets

        last = content.count(b"\n") + 1
        problem = without_secrets(_lower(str(error)), _WORD.findall(text))  # it may name a key
        _fail(path, f"not TOML: {problem}".replace("end of document", f"line {last}, the end"))
    except (ValueError, RecursionError):  # a number or a nesting that is too long
        _fail(path, "not TOML")
    return checked_config(found, path)


def checked_config(found: Mapping[str, object], path: Path) -> Configuration:
    """Return the values of a table, checked.

    Raises:
        CliError: If a key is unknown, or a value is wrong.
    """
    for key in found:
        if key not in KEYS:
            from arena_groups.cli.words import may_be_secret

            shown = "" if may_be_secret(key) else f" {key!r}"
            _fail(path, f"unknown key{shown}", _keys_hint(key))
    values: dict[str, object] = {}
    for key, value in found.items():
        try:
            values[key] = _CHECKS[key](value)
        except ValueError as error:
            _fail(path, f"{key} {error}")
    return Configuration(**values)  # type: ignore[arg-type]


def set_value(key: str, text: str) -> Path:
    """Write a value to the file, which keeps its other lines, and return the path.

    Raises:
        click.UsageError: If the key is unknown, or the value is wrong.
        CliError: If the file is wrong otherwise.
        OSError: If the file cannot be written.
    """
    if key not in KEYS:
        raise click.UsageError(f"unknown key: {_keys_hint(key)}")
    value: object = text
    if key == "pager":
        value = {"true": True, "false": False}.get(text.lower(), text)
    try:
        value = _CHECKS[key](value)
        if key == "base_url":
            value = _checked_base_url(text)
    except ValueError as error:
        raise click.UsageError(f"{key} {error}") from None
    kept = value.value if isinstance(value, Format) else value
    return _change(lambda document: document.update({key: kept}))


def unset_value(key: str) -> Path | None:
    """Remove a key from the file, and return the path; ``None`` if the key was not there.

    Raises:
        click.UsageError: If the key is unknown, and not in the file.
        CliError: If the file is wrong otherwise.
        OSError: If the file cannot be written.
    """

    def remove(document: dict[str, object]) -> None:
        if key not in KEYS and key not in document:
            raise click.UsageError(f"unknown key: {_keys_hint(key)}")
        was_there.append(document.pop(key, None) is not None)

    was_there: list[bool] = []
    path = _change(remove)
    return path if any(was_there) else None


def _change(change: "Callable[[dict[str, object]], object]") -> Path:
    from arena_groups.cli.output_file import locked_file

    path = config_file()
    if not path.is_absolute() and not os.environ.get(CONFIG_VARIABLE):
        _fail(path, "there is no home folder for it", f"set HOME, or {CONFIG_VARIABLE}")
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():  # /dev/null would be replaced
        _fail(path, "not a file")
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked_file(target):
        _replace(target, path, change)
    return path


def _replace(target: Path, path: Path, change: "Callable[[dict[str, object]], object]") -> None:
    """Replace the file by a changed one. The path is for errors."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    from arena_groups.cli.output_file import replace_file

    content = _content(path, may_be_missing=True) or b""
    text = ""
    try:
        text = content.decode("utf-8-sig")
        document = tomlkit.parse(text)
    except (TOMLKitError, ValueError, RecursionError):
        parse_config(content, path)
        _fail(path, "not TOML")
    change(document)
    before, text = text, tomlkit.dumps(document)
    parse_config(text.encode(), path)  # the other keys, too
    if text == before:
        return
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o600
    replace_file(target, text, mode=mode)


def _content(path: Path, *, may_be_missing: bool = False) -> bytes | None:
    """Return the content of the file, or ``None`` if there is none."""
    named = bool(os.environ.get(CONFIG_VARIABLE))
    if not named and not path.is_absolute():  # the current folder may be anybody's
        return None
    try:
        # Without O_NONBLOCK, a FIFO would wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | NONBLOCKING)
    except FileNotFoundError:
        if named and not may_be_missing:
            _fail(path, "no such file", f"{CONFIG_VARIABLE} names it: correct or unset it")
        return None
    except (OSError, ValueError) as error:
        _fail(path, _reason(error))
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode) and os.fspath(path) != os.devnull:
            _fail(path, "not a file")
        with open(descriptor, "rb", closefd=False) as file:
            content = file.read(MAX_SIZE + 1)
    except OSError as error:
        _fail(path, _reason(error))
    finally:
        os.close(descriptor)
    if len(content) > MAX_SIZE:
        _fail(path, f"larger than {MAX_SIZE} bytes")
    return content


def _fail(path: Path, problem: str, hint: str = "") -> NoReturn:
    from arena_groups.cli.errors import CliError

    raise CliError("usage", f"the configuration file {path}: {problem}", hint=hint) from None


def _reason(error: Exception) -> str:
    reason = error.strerror if isinstance(error, OSError) else None
    return _lower(reason or "the path is not valid")


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _keys_hint(key: str) -> str:
    from difflib import get_close_matches

    for near in get_close_matches(key, KEYS, 1):
        return f"did you mean {near}?"
    if "token" in key.lower():
        return "a token does not belong there: use `arena-groups auth login`"
    return f"the keys are {', '.join(KEYS)}"


def _checked_text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be a text in quotation marks")
    return value.strip()


def _checked_base_url(text: str) -> str:
    from arena_groups._http.network import checked_base_url

    try:
        return checked_base_url(text, insecure_http=False, name="base_url")
    except ValueError as error:
        raise ValueError(str(error).partition(" (")[0].removeprefix("base_url ")) from None


def _checked_format(value: object) -> Format:
    if value not in list(Format):
        raise ValueError(f"must be one of {', '.join(Format)}")
    return Format(str(value))


def _checked_group(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return str(value)
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be a slug, an id, or the URL of a group's page")
    return name_in(value.strip(), is_group=True)


def _checked_pager(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


_CHECKS: Mapping[str, Callable[[object], object]] = {
    "base_url": _checked_text,
    "format": _checked_format,
    "group": _checked_group,
    "pager": _checked_pager,
}
