"""The banned words are found wherever they stand, and nothing else is."""

from pathlib import Path

import pytest

from tests.lint import words
from tests.lint.problem import ROOT


def found(text: str) -> list[int]:
    """Return the lines on which a banned word stands."""
    return [problem.line for problem in words.check_text(text, "file.py")]


@pytest.mark.parametrize("phrase", words.BANNED)
@pytest.mark.parametrize("form", [str, str.capitalize, str.upper, "# {}.".format, '"{}"'.format])
def test_check_text_finds_each_phrase(phrase: str, form: type[str]) -> None:
    assert found(f"x = 1\n{form(phrase)}\n") == [2]


@pytest.mark.parametrize(
    "identifier",
    ["told_by", "_told", "was_told()", "ToldText", "toldText", "wasTold", "HTTPTold", "NOT_TOLD",
     "x.told.y", "told2"],
)  # fmt: skip
def test_check_text_splits_identifiers(identifier: str) -> None:
    assert found(identifier) == [1]


@pytest.mark.parametrize(
    "text",
    ["untold", "silent", "talented", "folklore", "impatience", "spoiler", "UNTOLD", "Toldo",
     "toldo_x", "has everything", "as forever", "impulses"],
)  # fmt: skip
def test_check_text_leaves_longer_words_alone(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    "text", ["what\nbecame of", "# what became\n# of it", "what_became_of", "What  became\n    of"]
)
def test_check_text_finds_phrases_across_line_breaks(text: str) -> None:
    assert found(text) == [1]


def test_check_text_names_the_place_and_the_reason() -> None:
    (problem,) = words.check_text("a\nb\nlore", "docs/page.md")
    assert str(problem) == "docs/page.md:3: 'lore': private word: seed data"


@pytest.mark.parametrize(
    "place",
    ["README.md", "noxfile.py", ".ci/run", ".github/workflows/ci.yml", "changes/+new.added.md",
     "docs/architecture.md", "docs/decisions/0001.md", "arena_groups/redis/promises.lua",
     "arena_groups/cli/main.py", "examples/bot.py", "tests/cli/snapshots/help.txt",
     "tests/x/test_y.py", "benchmarks/plan.py"],
)  # fmt: skip
def test_check_reads_every_kind_of_file(tmp_path: Path, place: str) -> None:
    file = tmp_path / place
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("lent\n", "utf-8")
    assert [each.file for each in words.check(tmp_path)] == [place]


def test_check_reads_the_names_of_files(tmp_path: Path) -> None:
    (tmp_path / "arena_groups").mkdir()
    (tmp_path / "arena_groups/lore.py").touch()
    (problem,) = words.check(tmp_path)
    assert (problem.file, problem.line) == ("arena_groups/lore.py", 1)


@pytest.mark.parametrize("place", ["docs/_build/page.md", "tests/__pycache__/x.py"])
def test_check_skips_generated_files(tmp_path: Path, place: str) -> None:
    file = tmp_path / place
    file.parent.mkdir(parents=True)
    file.write_text("lent\n", "utf-8")
    assert list(words.check(tmp_path)) == []


def test_files_are_those_of_this_project() -> None:
    names = {file.relative_to(ROOT).as_posix() for file in words.files()}
    assert {"README.md", "noxfile.py", ".ci/run", "arena_groups/__init__.py"} <= names
    assert names >= words.HERE
