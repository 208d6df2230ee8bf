"""Check of private attributes."""

from pathlib import Path

import pytest

from tests.lint import private


def found(text: str) -> list[str]:
    """Return the private names that are found in a module."""
    return [problem.message.partition(":")[0] for problem in private.check_text(text, "file.py")]


@pytest.mark.parametrize(
    "text",
    [
        "arena._session",
        "arena._session.send()",
        "self.arena._session",
        "arena._session = 1",
        "getattr(arena, '_session')",
        "hasattr(arena, '_session')",
        "monkeypatch.setattr(module, '_session', 1)",
        "monkeypatch.setattr('arena_groups._http._session', 1)",
        "attrgetter('_session')(arena)",
    ],
)
def test_check_text_finds_private_attributes(text: str) -> None:
    assert found(text) == ["_session"]


@pytest.mark.parametrize(
    "text",
    [
        "self._session",
        "cls._session",
        "arena.session",
        "arena.__class__",
        "_session",
        "from arena_groups._http import session",
        "import arena_groups._http",
        "monkeypatch.setattr('arena_groups._http.session.random', 1)",
        "getattr(arena, name)",
        "print('_session')",
        "os._exit(1)",
    ],
)
def test_check_text_accepts_other_names(text: str) -> None:
    assert found(text) == []


def test_check_reads_all_tests(tmp_path: Path) -> None:
    for name in ("tests/x/test_y.py", "arena_groups/z.py"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("\nx._y\n", "utf-8")
    (problem,) = private.check(tmp_path)
    assert str(problem) == "tests/x/test_y.py:2: _y: test the public behaviour instead"
