"""Files that commands write: names that are refused, and files that are replaced as a whole."""

import stat
from pathlib import Path

import pytest

from arena_groups.cli.main import run
from arena_groups.cli.output_file import replace_file
from tests.support.command_line import Captured

PEOPLE = "email\nada@example.org\n"
LINES = [
    ["sync", "blank-page", "people.csv", "--dry-run", "--md", "PATH"],
    ["sync", "blank-page", "people.csv", "--plan", "PATH"],
    ["sync", "blank-page", "people.csv", "--yes", "--result", "PATH"],
    ["invitations", "send", "blank-page", "--from", "people.csv", "--result", "PATH"],
    ["report", "blank-page", "--md", "PATH"],
    ["report", "blank-page", "--html", "PATH"],
    ["invite-code", "show", "research-studio", "--qr-svg", "PATH"],
    ["invite-code", "show", "research-studio", "--qr-png", "PATH"],
]


@pytest.mark.parametrize("line", LINES, ids=" ".join)
@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("-", "- does not stand for standard output here: name a file"),
        (".", "is a directory"),
        ("no-folder/file", "cannot open {folder}no-folder/file: no such file or directory"),
    ],
)
def test_path_that_cannot_be_written_is_named_as_it_was_given(
    line: list[str],
    path: str,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Captured,
) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    Path("people.csv").write_text(PEOPLE)
    assert run([*(path if part == "PATH" else part for part in line), "--sandbox"]) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    shown = {message.format(folder=""), message.format(folder=f"{folder}/")}
    assert any(text in error for text in shown)
    assert [each.name for each in folder.iterdir()] == ["people.csv"]


def test_two_outputs_of_a_report_cannot_be_one_file(tmp_path: Path, capsys: Captured) -> None:
    path = tmp_path / "report"
    line = ["report", "blank-page", "--html", str(path), "--md", str(path), "--sandbox"]
    assert run(line) == 1
    assert "--html and --md are the same file" in capsys.readouterr().err
    assert not path.exists()


def test_file_is_replaced_as_a_whole_and_private(tmp_path: Path) -> None:
    path = tmp_path / "work" / "file"
    path.parent.mkdir()
    path.write_text("old")
    replace_file(path, "new")
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    replace_file(path, "newer", mode=0o644)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert [each.name for each in path.parent.iterdir()] == ["file"]
