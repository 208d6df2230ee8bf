"""Help texts: wrapped between words, at the width of the terminal."""

import re
import shutil
import textwrap
from collections.abc import Iterable, Iterator

import click

WIDEST = 80
NARROWEST = 20
MARGIN = 2  # columns that stay free on the right, as click leaves them
NARROW = 60
"""Below this width, names have a third of it, and not 30 columns."""
_SHELL_WORD = re.compile(r"""(?:"[^"]*"|'[^']*'|\S)+""")
# A choice such as [newest|oldest] may continue after "|".
_PART = re.compile(r"[^\s|]+\|?|\|")


class HelpFormatter(click.HelpFormatter):
    """Formatter that breaks no word, also in a terminal that is narrower than click expects."""

    def __init__(
        self, indent_increment: int = 2, width: int | None = None, max_width: int | None = None
    ) -> None:
        columns = min(shutil.get_terminal_size().columns, max_width or WIDEST)
        chosen = max(columns - MARGIN, NARROWEST) if width is None else width
        super().__init__(indent_increment, chosen, max_width)

    def write_text(self, text: str) -> None:
        """Write paragraphs at the current indentation."""
        indent = " " * self.current_indent
        width = max(self.width - self.current_indent, 1)
        wrapped = ["\n".join(_wrap(each, width)) for each in re.split(r"\n\s*\n", text)]
        self.write(textwrap.indent("\n\n".join(wrapped), indent) + "\n")

    def write_dl(
        self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2
    ) -> None:
        """Write names with a text for each, in two columns."""
        rows = list(rows)
        if self.width < NARROW:
            col_max = min(col_max, self.width // 3)
        first_column = min(max(len(name) for name, _ in rows), col_max) + col_spacing
        indent = " " * self.current_indent
        beside = "\n" + indent + " " * first_column
        for name, text in rows:
            names = list(_fold(name, max(self.width - self.current_indent, 1)))
            lines = list(_wrap(text, max(self.width - first_column - 2, 10)))
            start = names.pop() if len(names[-1]) <= first_column - col_spacing else None
            for line in names:
                self.write(f"{indent}{line}\n")
            if start is None and not lines:
                continue
            start = "" if start is None else start
            self.write(f"{indent}{start:<{first_column}}{beside.join(lines)}".rstrip() + "\n")

    def write_examples(self, program: str, examples: Iterable[tuple[str, str]]) -> None:
        """Write command lines with their purpose. A long line continues, as in a shell."""
        indent = " " * self.current_indent
        width = max(self.width + MARGIN - self.current_indent, 1)
        for purpose, line in examples:
            for part in _wrap(purpose, width - 2):
                self.write(f"{indent}# {part}\n")
            command = " \\\n".join(_continued(f"{program} {line}", width))
            self.write(f"{textwrap.indent(command, indent)}\n")


class HelpContext(click.Context):
    """Context of a command, with the formatter of the help texts."""

    formatter_class = HelpFormatter


def _wrap(text: str, width: int) -> list[str]:
    return textwrap.wrap(
        " ".join(text.split()), max(width, 1), break_long_words=False, break_on_hyphens=False
    )


def _fold(name: str, width: int) -> Iterator[str]:
    """Yield an option with its values on lines of at most ``width`` characters, if it can."""
    line = ""
    for part in _PART.finditer(name):
        gap = " " if line and name[part.start() - 1] == " " else ""
        if line and len(line) + len(gap) + len(part[0]) > width:
            yield line
            line, gap = "    ", ""
        line += gap + part[0]
    yield line


def _continued(command: str, width: int) -> Iterator[str]:
    """Yield the lines of a command; each but the last needs a backslash after it."""
    if len(command) <= width:
        yield command
        return
    line = ""
    for word in _SHELL_WORD.findall(command):
        if line.strip() and len(line) + 1 + len(word) > width - 2:
            yield line
            line = "   "
        line += f" {word}" if line else word
    yield line
