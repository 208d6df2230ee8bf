"""Generator of the manual page of the command line: ``python docs/man_page.py``.

The page is made of the help of the commands, and of the tables of exit codes and variables in the
documentation. It holds no date and no place, so that it is the same on every machine.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from arena_groups._version import PROJECT_PAGE, __version__
from arena_groups.cli.main import COMMANDS, NAME, Command, CommandGroup, app
from arena_groups.cli.options import CommonOption

DOCS = Path(__file__).parent
PAGE = DOCS / "man/arena-groups.1"
SUMMARY = "manage Are.na groups from the terminal"
COLUMN = re.compile(r"\s*(?<!\\)\|\s*")
LINK = re.compile(r"\[([^\]]+)\]\([^)]*\)")
INTRODUCTION = """\
GROUP and USER are slugs, ids or the URLs of their pages on are.na. Results are a table at a
terminal, and one JSON object per line elsewhere.

There is no option for the token: log in, or set ARENA_TOKEN. Every command accepts the common
options, at any place on the line."""


def main() -> None:
    """Write the page."""
    PAGE.write_text(render(), "utf-8")


def render() -> str:
    """Return the page, in roff."""
    context = click.Context(app, info_name=NAME, help_option_names=["-h", "--help"])
    common = [each for each in app.get_params(context) if is_common(each)]
    codes = (DOCS / "cli.md").read_text("utf-8").partition("\n## Exit codes\n")[2]
    exit_codes = [(row[0], row[2]) for row in table_rows(codes) if row[0].isdecimal()]
    environment = (DOCS / "environment.md").read_text("utf-8")
    variables = [(row[0], row[1]) for row in table_rows(environment) if row[0].startswith("`")]
    lines = [
        f'.TH "{escape(NAME.upper())}" "1" "" "{escape(NAME)} {__version__}"',
        ".SH NAME",
        f"{escape(NAME)} \\- {escape(SUMMARY)}",
        ".SH SYNOPSIS",
        *synopsis(NAME, "[OPTIONS] COMMAND [ARGS]..."),
        ".SH DESCRIPTION",
        *paragraphs(INTRODUCTION),
        ".SH COMMANDS",
        *(f".TP\n.B {escape(name)}\n{escape(text)}" for name, text in COMMANDS.items()),
        ".SH COMMON OPTIONS",
        *options(common, context),
    ]
    for words, command in leaves(app, (NAME,)):
        lines += command_section(" ".join(words), command, context)
    lines += [".SH EXIT STATUS", *items(merged(exit_codes))]
    lines += [".SH ENVIRONMENT", *items(variables)]
    lines += [".SH SEE ALSO", f".UR {PROJECT_PAGE}", "The documentation", ".UE"]
    return "\n".join(lines) + "\n"


def leaves(
    command: click.Command, words: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield each command that does something, with its words, in the order of the help."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            if found is not None and not found.hidden:
                yield from leaves(found, (*words, name))
        return
    yield words, command
    subcommands: dict[str, click.Command] = getattr(command, "subcommands", {})
    for name, found in subcommands.items():
        yield from leaves(found, (*words, name))


def command_section(name: str, command: click.Command, parent: click.Context) -> Iterator[str]:
    """Yield the section of one command: usage, description, options and examples."""
    context = click.Context(command, info_name=name, parent=parent)
    own = [each for each in command.params if not is_common(each)]
    examples = command.examples if isinstance(command, Command | CommandGroup) else ()
    yield f'.SH "{escape(name)}"'
    yield from synopsis(name, " ".join(command.collect_usage_pieces(context)))
    yield from paragraphs(command.help or "")
    yield from options(own, context)
    for purpose, line in examples:
        yield from (".PP", f"{escape(purpose)}:", ".PP", ".RS 4", ".nf")
        yield from (escape(f"{NAME} {line}"), ".fi", ".RE")


def is_common(parameter: click.Parameter) -> bool:
    """Return whether every command accepts an option."""
    return isinstance(parameter, CommonOption) or "--help" in parameter.opts


def table_rows(text: str) -> Iterator[list[str]]:
    """Yield the cells of each row of the tables in a Markdown text."""
    for line in text.splitlines():
        if line.startswith("| "):
            yield COLUMN.split(line)[1:-1]


def synopsis(name: str, rest: str) -> list[str]:
    """Return the usage of a command."""
    return [".PP", f"\\fB{escape(name)}\\fR {escape(rest)}"]


def options(parameters: Sequence[click.Parameter], context: click.Context) -> Iterator[str]:
    """Yield the options among parameters, with their help."""
    for parameter in parameters:
        record = parameter.get_help_record(context)
        if isinstance(parameter, click.Option) and record is not None:
            yield f".TP\n\\fB{escape(record[0])}\\fR\n{escape(record[1])}"


def items(rows: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Yield a list of names with their meaning, which is Markdown."""
    for name, meaning in rows:
        text = LINK.sub(r"\1", meaning).replace("`", "").replace("\\|", "|")
        bold = name.replace("`", "")
        yield f".TP\n\\fB{escape(bold)}\\fR\n{escape(text)}"


def merged(rows: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return rows of which each name comes once, with all its meanings."""
    found: dict[str, list[str]] = {}
    for name, meaning in rows:
        found.setdefault(name, []).append(meaning)
    return [(name, "; or ".join(meanings)) for name, meanings in found.items()]


def paragraphs(text: str) -> Iterator[str]:
    """Yield the paragraphs of a help text."""
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        if paragraph:
            yield f".PP\n{escape(' '.join(paragraph.split()))}"


def escape(text: str) -> str:
    """Return a text as roff shows it: no character of it is a request or an escape.

    A hyphen is a minus sign, so that a command line can be copied from the page.
    """
    shown = text.replace("\\", "\\(rs").replace("-", "\\-").replace('"', "\\(dq")
    shown = "".join(each if each.isascii() else f"\\[u{ord(each):04X}]" for each in shown)
    return "\\&" + shown if shown.startswith((".", "'")) else shown


if __name__ == "__main__":
    main()
