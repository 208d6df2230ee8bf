"""The command: its output and its exit code."""

from collections.abc import Iterator

import pytest

from tests.lint import __main__ as command
from tests.lint.problem import Problem


def good() -> Iterator[Problem]:
    yield from ()


def bad() -> Iterator[Problem]:
    yield Problem("b.py", 2, "wrong")
    yield Problem("a.py", 10, "wrong")
    yield Problem("a.py", 9, "wrong")
    yield Problem("a.py", 9, "wrong")


@pytest.fixture(autouse=True)
def two_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "CHECKS", {"good": good, "bad": bad})


def test_main_without_problems_returns_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["good"]) == 0
    assert capsys.readouterr() == ("", "good: 0 problems\n")


@pytest.mark.parametrize("arguments", [[], ["bad"], ["good", "bad"]])
def test_main_with_problems_lists_them_and_returns_1(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert command.main(arguments) == 1
    assert capsys.readouterr().out == "a.py:9: wrong\na.py:10: wrong\nb.py:2: wrong\n"


def test_main_with_an_unknown_check_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["nonsense"])
    assert "no check named nonsense" in capsys.readouterr().err
