"""``python -m benchmarks compare``: revisions, figures and the command. No timing is asserted."""

import shutil
import subprocess
from itertools import chain
from pathlib import Path

import pytest
from attrs import evolve

from benchmarks.children import ROOT
from benchmarks.cli import main
from benchmarks.compare import PARTS, QUICK, Duel, Part, Sizes
from benchmarks.comparison import Comparison, confidence_interval, order, report
from benchmarks.progress import Progress
from benchmarks.revisions import Tree, copy_revision, copy_today

HAS_GIT = shutil.which("git") is not None
needs_git = pytest.mark.skipif(not HAS_GIT, reason="git is not installed")
needs_repository = pytest.mark.skipif(
    not HAS_GIT or not (ROOT / ".git").exists(), reason="this tree is not a git repository"
)


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository whose package has no API; a file in it has been changed since."""
    folder = tmp_path / "repository"
    package = folder / "arena_groups"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("NAME = 'committed'\n", encoding="utf-8")
    (folder / "other.txt").write_text("not part of the package\n", encoding="utf-8")
    git(folder, "init", "--initial-branch=main")
    git(folder, "add", ".")
    git(folder, "commit", "--message=First")
    git(folder, "tag", "first")
    git(folder, "rm", "-r", "--cached", "arena_groups")
    git(folder, "commit", "--message=Without the package")
    (package / "__init__.py").write_text("NAME = 'changed'\n", encoding="utf-8")
    (package / "new.py").write_text("", encoding="utf-8")
    return folder


def comparison(ratios: list[float]) -> Comparison:
    return Comparison("a task, ms", [100 * each for each in ratios], [100.0] * len(ratios))


class TestOrder:
    def test_sides_alternate_so_that_each_runs_twice_in_a_row(self) -> None:
        assert list(chain(*order(4))) == [0, 1, 1, 0, 0, 1, 1, 0]


class TestConfidenceInterval:
    @pytest.mark.parametrize("count", [0, 1, 5])
    def test_few_rounds_have_none(self, count: int) -> None:
        assert confidence_interval([1.0] * count) is None

    @pytest.mark.parametrize(
        ("count", "interval"), [(6, (1, 6)), (8, (1, 8)), (9, (2, 8)), (12, (3, 10)), (20, (6, 15))]
    )
    def test_interval_is_that_of_the_sign_test(
        self, count: int, interval: tuple[float, float]
    ) -> None:
        assert confidence_interval([float(n) for n in range(count, 0, -1)]) == interval


class TestReport:
    def test_row_has_costs_and_ratios(self) -> None:
        compared = Comparison("a task, ms", today=[90, 99, 80], other=[100, 110, 100])
        assert compared.row() == [
            "a task, ms",
            "90.00",
            "100.00",
            "0.900",
            "0.800",
            "0.850 to 0.900",
        ]

    def test_single_round_is_its_own_spread(self) -> None:
        assert comparison([0.9]).row()[-1] == "0.900 to 0.900"

    @pytest.mark.parametrize(
        ("ratios", "words"),
        [
            ([0.90, 0.91, 0.92, 0.93, 0.94, 0.99], "today's tree is cheaper"),
            ([1.01, 1.02, 1.03, 1.04, 1.05, 1.10], "abc1234 is cheaper"),
            ([0.90, 0.91, 0.92, 0.93, 0.94, 1.01], "neither is clearly cheaper"),
            ([0.50, 0.50, 0.50], "too few rounds"),
        ],
    )
    def test_one_line_says_which_is_cheaper(self, ratios: list[float], words: str) -> None:
        text = report([comparison(ratios)], "abc1234")
        assert text.splitlines()[0].startswith("| what | today | abc1234 |")
        assert f"a task, ms: {words}" in text.splitlines()[-1]


class TestDuel:
    def test_trees_run_in_turn_after_a_run_that_is_not_counted(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        ran: list[str] = []

        def measure(tree: Path, _url: str, _sizes: Sizes) -> dict[str, float]:
            ran.append(tree.name)
            return {"cost": len(ran) / 1000}

        monkeypatch.setitem(PARTS, "script", Part({"cost": "a task, ms"}, 1000, measure))
        trees = (Tree("today's tree", tmp_path / "today"), Tree("abc1234", tmp_path / "other"))
        duel = Duel(trees, "unused", evolve(QUICK, rounds=2), Progress())
        duel.warm_up("script")
        assert duel.run("script") == [Comparison("a task, ms", [3, 6], [4, 5])]
        assert ran == ["today", "other", "today", "other", "other", "today"]


@needs_git
class TestRevisions:
    def test_revision_is_the_committed_package_with_the_benchmarks(
        self, repository: Path, tmp_path: Path
    ) -> None:
        tree = copy_revision("first", tmp_path / "old", repository)
        init = tree.folder / "arena_groups" / "__init__.py"
        assert tree.name.startswith("first (")
        assert init.read_text("utf-8") == "NAME = 'committed'\n"
        assert sorted(each.name for each in tree.folder.iterdir()) == ["arena_groups", "benchmarks"]
        assert (tree.folder / "benchmarks" / "compare.py").is_file()

    def test_today_has_changes_that_are_not_committed(
        self, repository: Path, tmp_path: Path
    ) -> None:
        tree = copy_today(tmp_path / "new", repository)
        package = tree.folder / "arena_groups"
        assert (package / "__init__.py").read_text("utf-8") == "NAME = 'changed'\n"
        assert (package / "new.py").is_file()

    @pytest.mark.parametrize("reference", ["nothing", "--help", "first:other.txt", ""])
    def test_unknown_revision_raises_value_error(
        self, repository: Path, tmp_path: Path, reference: str
    ) -> None:
        with pytest.raises(ValueError, match="git knows no revision"):
            copy_revision(reference, tmp_path / "old", repository)

    def test_revision_without_the_package_raises_value_error(
        self, repository: Path, tmp_path: Path
    ) -> None:
        with pytest.raises(ValueError, match="HEAD has no package arena_groups"):
            copy_revision("HEAD", tmp_path / "old", repository)

    def test_folder_without_a_repository_raises_runtime_error(self, tmp_path: Path) -> None:
        with pytest.raises(RuntimeError, match="not a git repository"):
            copy_revision("HEAD", tmp_path / "old", tmp_path)

    def test_without_git_raises_runtime_error(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(RuntimeError, match="git is not installed"):
            copy_revision("HEAD", tmp_path / "old")

    def test_package_that_lacks_what_a_part_needs_raises_runtime_error(
        self, repository: Path, tmp_path: Path
    ) -> None:
        tree = copy_revision("first", tmp_path / "old", repository)
        duel = Duel((tree, tree), "http://127.0.0.1:9", QUICK, Progress())
        with pytest.raises(RuntimeError, match=r"^first \(\w+\) cannot run the part .* 'ArenaClie"):
            duel.warm_up("script")


@needs_repository
class TestCommand:
    def test_head_against_itself_prints_ratios(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["compare", "HEAD", "--quick", "--rounds", "1", "--parts", "script"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].startswith("| what | today | HEAD (")
        [label] = PARTS["script"].labels.values()
        assert lines[2].startswith(f"| {label} |")
        assert lines[-1] == f"{label}: too few rounds to say which is cheaper."

    def test_unknown_revision_exits_with_2_and_one_line(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["compare", "no-such-revision"]) == 2
        assert capsys.readouterr().err == "error: git knows no revision 'no-such-revision'\n"
