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
    "ls": ("list", "status"),
    "list": ("status",),
    "rm": ("delete", "remove"),
    "get": ("show",),
    "view": ("show",),
    "whoami": ("status",),
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

SUBCOMMAND_PLACES = {
    "auth": {"show": "auth status", "use": "auth switch"},
    "config": {"list": "config", "show": "config", "get": "config", "delete": "config unset"},
    "groups": {"members": "members list", "new": "groups create", "edit": "groups update"},
    "invitations": {
        "invite": "invitations send",
        "create": "invitations send",
        "delete": "invitations revoke",
        "remove": "invitations revoke",
        "cancel": "invitations revoke",
    },
    "members": {
        "add": "invitations send",
        "invite": "invitations send",
        "delete": "members remove",
    },
    "invite-code": {"new": "invite-code create", "qr": "invite-code show --qr"},
}
"""Where the words are that people try after the name of a command."""

FIRST_SUBCOMMANDS = {
    "groups": "groups show GROUP",
    "members": "members list GROUP",
    "invitations": "invitations list GROUP",
    "invite-code": "invite-code show GROUP",
}
"""What is probably meant by a group after the name of a command."""

OTHER_OPTIONS = {
    "-n": "--limit",
    "-l": "--limit",
    "-L": "--limit",
    "--max": "--limit",
    "--count": "--limit",
    "-o": "--format",
    "--output": "--format",
    "--json": "--format json",
    "--ndjson": "--format ndjson",
    "--csv": "--format csv",
    "--fields": "--columns",
    "--order": "--sort",
    "--order-by": "--sort",
    "--file": "--from",
    "--csv-file": "--from",
    "--input": "--from",
    "--all": "--all-groups",
    "--force": "--yes",
    "--debug": "--verbose",
    "--host": "--base-url",
    "--hostname": "--base-url",
    "--server": "--base-url",
    "--url": "--base-url",
}
"""Options of other programs, and those that serve the same purpose here."""

ARGUMENTS = {
    "--group": "GROUP",
    "--from": "FILE",
    "--file": "FILE",
    "--user": "USER",
    "--who": "WHO",
}
"""Options that people try, and the arguments that they stand for."""

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


def unknown_command(
    ctx: click.Context, word: str, names: Iterable[str], following: str = ""
) -> HintedUsageError:
    """Return the error of a word that is not a command.

    It repeats the word only if a command is meant: any other may be a secret. The word that
    follows it may be the command, as in "list members".
    """
    name = ctx.info_name or ""
    known = {each: each for each in names}
    if ctx.parent is None:
        known = {**PLACES, **{each: each for each in ALIASES}, **known}
        known |= _in_command(ctx, word, following)
    else:
        known = {**SUBCOMMAND_PLACES.get(name, {}), **known}
    for near in get_close_matches(word.lower(), known, 1):
        return HintedUsageError(f"no such command {word!r}. Did you mean {known[near]}?", ctx)
    hint = LOGIN_HINT if name == "auth" else ""
    if name in FIRST_SUBCOMMANDS:
        hint = f"`arena-groups {FIRST_SUBCOMMANDS[name]}`, or see `{ctx.command_path} --help`"
    return HintedUsageError("no such command", ctx, hint)


def _in_command(ctx: click.Context, word: str, following: str) -> dict[str, str]:
    """Return where a word is that comes before the name of its command; empty if nowhere."""
    root = ctx.command
    if not isinstance(root, click.Group):
        return {}
    name, *more = ALIASES.get(following, (following,))
    found = None if more else root.get_command(ctx, name)
    if not isinstance(found, click.Group):
        return {}
    for each in (word, *SUBCOMMAND_ALIASES.get(word, ())):
        if found.get_command(ctx, each) is not None:
            return {word: f"{name} {each}"}
    place = SUBCOMMAND_PLACES.get(name, {}).get(word)
    return {} if place is None else {word: place}


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
    command = error.ctx.command if error.ctx else None
    parameters = command.params if command else []
    argument = ARGUMENTS.get(name)
    if any(argument and argument in _metavar(each) for each in parameters):
        shown = f"{shown}: {argument} is an argument, without the name of an option"
    elif near := _similar_option(name, parameters):
        shown = f"{shown}. Did you mean {near}?"
    elif isinstance(command, click.Group):
        shown = f"{shown} here: options of a command come after its name"
    return CliError("usage", shown, hint=hint)


def _similar_option(name: str, parameters: Iterable[click.Parameter]) -> str:
    """Return the option that is probably meant, with its value; empty if there is none."""
    options = [option for each in parameters for option in each.opts if option.startswith("--")]
    other = OTHER_OPTIONS.get(name, "")
    if other.partition(" ")[0] in options:
        return other
    plain = {option.lstrip("-"): option for option in options}
    return "".join(plain[near] for near in get_close_matches(name.lstrip("-"), plain, 1, 0.7))


def _metavar(parameter: click.Parameter) -> str:
    """Return the words that stand for an argument in the help; empty for an option."""
    if not isinstance(parameter, click.Argument):
        return ""
    return parameter.metavar or (parameter.name or "").upper()


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
