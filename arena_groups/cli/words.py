"""Words of a command line: aliases, suggestions, and what an error may repeat."""

import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches

import click

from arena_groups.cli.errors import CliError

ALIASES = {
    "whoami": ("auth", "status"),
    "login": ("auth", "login"),
    "logout": ("auth", "logout"),
    "group": ("groups",),
    "member": ("members",),
    "invitation": ("invitations",),
    "invite-codes": ("invite-code",),
    "delivery": ("deliveries",),
    "reports": ("report",),
    "rosters": ("roster",),
}
"""Commands by other names, at the top level. Help does not list them."""

SUBCOMMAND_ALIASES = {
    "ls": ("list",),
    "rm": ("delete", "remove"),
    "get": ("show",),
    "view": ("show",),
}

PLACES = {
    "status": "auth status",
    "switch": "auth switch",
    "user": "whoami",
    "users": "members",
    "list": "groups list",
    "ls": "groups list",
    "show": "groups show",
    "create": "groups create",
    "update": "groups update",
    "delete": "groups delete",
    "contents": "groups contents",
    "followers": "groups followers",
    "join": "members join",
    "leave": "members leave",
    "remove": "members remove",
    "invite": "invitations send",
    "invites": "invitations",
    "send": "invitations send",
    "revoke": "invitations revoke",
    "expire": "invitations expire",
    "link": "sync link",
    "diff": "roster diff",
    "version": "--version",
}
"""Where the words are that people try at the top level."""

LOGIN_HINT = (
    "there is no argument or option for the token: type it at the prompt of"
    " `arena-groups auth login`, pipe it in"
    " (`arena-groups auth login < token.txt`), or set ARENA_TOKEN"
)
CONFIG_GROUP = "arena-groups config set group GROUP"
CODE_HINT = "type the code at the prompt, or pipe it in"
EXTRA_HINTS = {"auth login": LOGIN_HINT, "members join": CODE_HINT}
TOKEN_OPTIONS = {
    "--token", "--with-token", "--access-token", "--api-token", "--api-key", "--password",
    "--secret",
}  # fmt: skip

COMMON_OPTIONS = {
    "--format", "--columns", "--bom", "--utc", "--no-pager", "--sandbox", "--base-url", "--yes",
    "--quiet", "--verbose",
}  # fmt: skip
_METAVAR = re.compile(r"'\[?([A-Z|]+)\]?(?:\.\.\.)?'")
_OPTION = re.compile(r"--?[a-z][a-z-]{0,23}")
_FILE = re.compile(r".*\.[a-z0-9]{1,8}", re.IGNORECASE | re.DOTALL)
_HOST_AND_PORT = re.compile(r"[a-z][a-z0-9.-]*:\d{1,5}", re.IGNORECASE)
_INVITE = re.compile(r"/(?:group-)?invite/", re.IGNORECASE)
# Of a token in Base64, which may have "/" in it; folders are rarely named so.
_MIXED = re.compile(r"(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9])[A-Za-z0-9+=_-]{20,}")
HIDDEN = "…"
LONG = 20
"""Length of a word that may be a secret whatever it consists of."""


class HintedUsageError(click.UsageError):
    """Error of a command line, with a hint of its own."""

    def __init__(self, message: str, ctx: click.Context, hint: str = "") -> None:
        super().__init__(message, ctx)
        self.hint = hint


def unknown_command(ctx: click.Context, word: str, names: Iterable[str]) -> HintedUsageError:
    """Return the error of a word that is not a command.

    It repeats the word only if a command is meant: any other may be a secret.
    """
    known = {name: name for name in names}
    if ctx.parent is None:
        known = {**PLACES, **{name: name for name in ALIASES}, **known}
    for near in get_close_matches(word.lower(), known, 1):
        return HintedUsageError(f"no such command {word!r}. Did you mean {known[near]}?", ctx)
    hint = LOGIN_HINT if ctx.info_name == "auth" else ""
    return HintedUsageError("no such command", ctx, hint)


def too_many_words(ctx: click.Context, count: int) -> HintedUsageError:
    """Return the error of words that a command does not take, which may be secrets."""
    text = "an unexpected extra argument" if count == 1 else f"{count} unexpected extra arguments"
    names = ctx.command_path.partition(" ")[2]
    return HintedUsageError(f"got {text}", ctx, EXTRA_HINTS.get(names, ""))


def missing_group(ctx: click.Context) -> HintedUsageError:
    """Return the error of a command that got no GROUP, where a default group would do."""
    hint = f"name a group, or set a default one: {CONFIG_GROUP}"
    return HintedUsageError("missing argument GROUP", ctx, hint)


def usage_error(error: click.UsageError, words: Sequence[str]) -> CliError:
    """Return the error of a command line, without words that may be a secret."""
    hint = f"{error.ctx.command_path if error.ctx else 'arena-groups'} --help"
    if isinstance(error, HintedUsageError):
        return CliError("usage", error.message, hint=error.hint or hint)
    if isinstance(error, click.NoSuchOption):
        return _unknown_option(error, hint)
    message = _METAVAR.sub(r"'\1'", error.format_message())
    return CliError("usage", without_secrets(message, words), hint=hint)


def _unknown_option(error: click.NoSuchOption, hint: str) -> CliError:
    name = error.option_name
    shown = f"no such option {name}" if _OPTION.fullmatch(name) else "no such option"
    if get_close_matches(name, TOKEN_OPTIONS, 1, cutoff=0.85):
        return CliError("usage", shown, hint=LOGIN_HINT)
    if name in COMMON_OPTIONS:
        use = ": use --json" * (name == "--format" and "--json" in _options(error.ctx))
        return CliError("usage", f"{name} has no effect here{use}", hint=hint)
    near = "".join(get_close_matches(name, error.possibilities or (), 1))
    message = f"{shown}. Did you mean {near}?" if near else shown
    return CliError("usage", message, hint=hint)


def _options(ctx: click.Context | None) -> list[str]:
    return [] if ctx is None else [name for each in ctx.command.params for name in each.opts]


def without_secrets(message: str, words: Iterable[str]) -> str:
    """Return a message without the words of a command line that may be a secret."""
    values = {value for word in words for value in _values(word) if may_be_secret(value)}
    for value in sorted(values, key=len, reverse=True):
        for spelling in (value, repr(value)[1:-1]):  # errors quote values, with escapes
            message = message.replace(spelling, HIDDEN)
    return message


def _values(word: str) -> Iterator[str]:
    """Yield the values in a word of a command line: whole, without spaces, and one by one."""
    whole = word.partition("=")[2] if word.startswith("-") else word
    yield from (whole, whole.strip())
    yield from map(str.strip, whole.split(","))


def may_be_secret(word: str) -> bool:
    """Return whether a word may be a token, an invite code, or an address."""
    if "@" in word or _INVITE.search(word):
        return True
    if "/" in word or _FILE.fullmatch(word):
        return any(map(_MIXED.fullmatch, word.split("/")))
    mixed = any(map(str.isdigit, word)) and any(map(str.isalpha, word))
    mixed = mixed and not _HOST_AND_PORT.fullmatch(word)
    return len(word) >= LONG or (len(word) >= 8 and mixed)
