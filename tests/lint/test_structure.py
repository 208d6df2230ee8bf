"""The limits of modules, and classes of the same name."""

from pathlib import Path

import pytest

from tests.lint import structure


@pytest.mark.parametrize(
    ("file", "lines", "problems"),
    [
        ("a/x.py", 39, ["39 lines; a module has at least 40"]),
        ("a/x.py", 40, []),
        ("a/x.py", 450, []),
        ("a/x.py", 451, ["451 lines; a module has at most 450"]),
        ("a/__init__.py", 3, []),
        ("a/__main__.py", 3, []),
        ("a/_version.py", 3, []),
        ("a/__init__.py", 451, ["451 lines; a module has at most 450"]),
    ],
)
def test_check_length_knows_both_limits(file: str, lines: int, problems: list[str]) -> None:
    assert [each.message for each in structure.check_length("\n" * lines, file)] == problems


def test_check_class_names_finds_the_second_of_a_name() -> None:
    texts = {
        "one.py": "class Entry: ...\nclass Other: ...\n",
        "two.py": "def f():\n    class Entry: ...\n",
        "three.py": "class Outer:\n    class Other: ...\n",
    }
    assert [str(each) for each in structure.check_class_names(texts)] == [
        "two.py:2: class Entry is also in one.py",
        "three.py:2: class Other is also in one.py",
    ]


def test_check_class_names_is_content_with_different_names() -> None:
    texts = {"one.py": "class Entry: ...\n", "two.py": "class _Entry: ...\nEntry = 1\n"}
    assert not list(structure.check_class_names(texts))


def test_check_reads_the_whole_package(tmp_path: Path) -> None:
    for name in ("arena_groups/a.py", "arena_groups/x/b.py", "tests/c.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("class A: ...\n")
    found = [str(each) for each in structure.check(tmp_path)]
    assert found == [
        "arena_groups/a.py:1: 1 lines; a module has at least 40",
        "arena_groups/x/b.py:1: 1 lines; a module has at least 40",
        "arena_groups/x/b.py:1: class A is also in arena_groups/a.py",
    ]
