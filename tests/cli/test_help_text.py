"""Help texts, tables, details and errors at every width: no word is broken."""

import re
import shlex
from collections.abc import Callable

import pytest
from rich.cells import cell_len

from arena_groups.cli.main import run
from tests.cli.test_snapshots import PATHS, TABLES
from tests.support.command_line import At, Captured, Screen

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
AtTerminal = Callable[..., Screen]

WIDTHS = (80, 60, 40)


def words(text: str) -> set[str]:
    """The words of a text, and the values of choices."""
    return set(text.replace("|", " ").replace("\\\n", " ").split())


def check_lines(text: str, width: int, *, allowed: int = 1) -> None:
    """Fail if a line is wider than the terminal, and has more than one word."""
    for line in text.splitlines():
        assert cell_len(line) <= width or len(line.split()) <= allowed, line


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_help_of_each_command_fits_every_width(
    path: tuple[str, ...], capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {}
    for width in WIDTHS:
        monkeypatch.setenv("COLUMNS", str(width))
        assert run([*path, "--help"]) == 0
        found[width] = capsys.readouterr().out
        # An option, or the backslash of an example, may stand beside a long word.
        check_lines(found[width], width, allowed=2)
    assert words(found[80]) == words(found[60]) == words(found[40])


def test_example_that_continues_is_the_same_command(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = {}
    for width in (80, 40):
        monkeypatch.setenv("COLUMNS", str(width))
        assert run(["groups", "create", "--help"]) == 0
        examples = capsys.readouterr().out.partition("Examples:")[2].partition("\n\n")[0]
        commands = examples.replace("\\\n", "").splitlines()
        lines[width] = [shlex.split(line) for line in commands if "# " not in line]
    assert lines[80] == lines[40]
    assert "We meet on *Mondays*." in lines[40][1]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", [each for each in TABLES if each != "report"])
def test_table_of_each_command_fits_every_width(
    name: str, width: int, at: At, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    at(*TABLES[name].split(), chosen="table")
    out = capsys.readouterr().out
    if not out.startswith(("Name ", "Outcome ")):  # details in a pipe are not wrapped
        check_lines(out, width - 1, allowed=2)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("line", ["groups show research-studio", "groups show no-such-group"])
def test_details_and_errors_at_a_terminal_fit_every_width(
    line: str, width: int, at_terminal: AtTerminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    screen = at_terminal(*line.split())
    text = ESCAPES.sub("", screen.text)
    check_lines(text, width - 1, allowed=2)
    assert "research-studio" in text or "no such group" in " ".join(text.split())
