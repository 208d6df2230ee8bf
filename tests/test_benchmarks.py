"""Benchmarks run, and contenders do the same work. No timing is asserted."""

import json
import urllib.error
import urllib.request
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import evolve

from benchmarks.chart import draw
from benchmarks.children import serving
from benchmarks.cli import RESULTS, main
from benchmarks.contenders import FIRST, CannotRunError, named
from benchmarks.figures import Figure, Machine, Point, Race, Results, Settings, Timing, Way, load
from benchmarks.report import BEGIN, END, markdown, write_docs
from benchmarks.targets import check

PYTHON_CONTENDERS = ["arena-1", "arena-8", "orjson", "json", "msgspec", "pydantic", "httpx"]
ALWAYS = {"arena-groups", "aiohttp + json, dicts"}

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with serving() as url:
        yield url


def get(url: str) -> tuple[dict[str, str], dict[str, object]]:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own server
        return {k.lower(): v for k, v in answer.headers.items()}, json.load(answer)


def way(name: str, cpu: float, wall: float, *, sequential: bool = True) -> Way:
    return Way(name, name, Figure(cpu, cpu), Figure(wall, wall), 40.0, 1.0, sequential)


def good_results() -> Results:
    ways = [
        way("arena-1", 1.1, 10),
        way("arena-8", 1.2, 1.3, sequential=False),
        way("orjson", 1.0, 10),
        way("json", 1.6, 10),
        way("openapi", 9.0, 11),
        way("typescript", 5.0, 10),
    ]
    race = Race(items=20_000, rounds=9, latency=0.05, ways=ways)
    sizes = (1_000, 10_000, 100_000, 1_000_000)
    startup = {"nothing": 10, "libraries": 110, "import": 130, "cli-libraries": 60, "help": 80}
    return Results(
        machine=Machine("2026-01-01", "a processor", 2, "Linux", "CPython", 0.1, {"aiohttp": "3"}),
        settings=Settings([], quick=False),
        left_out={"httpx + pydantic": "httpx is not installed"},
        cpu=race,
        latency=race,
        growth=[Point(FIRST, size, Figure(3, 3), Figure(1, 1), 50.0) for size in sizes],
        flight=[Point("arena-8", 8, Figure(3, 3), Figure(1, 1), 1.0)],
        request=[
            Timing("bare", "bare", Figure(100, 100)),
            Timing("arena", "arena", Figure(110, 110)),
            Timing("options", "options", Figure(112, 112)),
        ],
        startup=[Timing(name, name, Figure(ms, ms)) for name, ms in startup.items()],
    )


class TestServer:
    def test_response_is_like_that_of_the_api(self, server: str) -> None:
        headers, page = get(f"{server}/v3/groups/list-300/invitations?page=3&per=100")
        assert headers["content-type"] == "application/json; charset=utf-8"
        assert headers["etag"].startswith('W/"')
        assert int(headers["x-ratelimit-limit"]) > 1_000_000
        assert page["meta"] == {
            "current_page": 3,
            "next_page": None,
            "prev_page": 2,
            "per_page": 100,
            "total_pages": 3,
            "total_count": 300,
            "has_more_pages": False,
        }

    def test_ids_are_unique_and_descending(self, server: str) -> None:
        ids: list[int] = []
        for number in range(1, 8):
            _, page = get(f"{server}/v3/groups/list-700/invitations?page={number}&per=100")
            data = page["data"]
            assert isinstance(data, list)
            ids += [each["id"] for each in data]
        assert len(set(ids)) == 700
        assert ids == sorted(ids, reverse=True)

    def test_group_is_served(self, server: str) -> None:
        _, group = get(f"{server}/v3/groups/group-5")
        assert group["slug"] == "group-5"

    @pytest.mark.parametrize("path", ["/v3/groups/list-301/invitations?per=100", "/v3/me"])
    def test_other_path_is_404(self, server: str, path: str) -> None:
        with pytest.raises(urllib.error.HTTPError, match="404") as error:
            get(server + path)
        error.value.close()


class TestRun:
    def test_all_contenders_read_the_same_items(self, tmp_path: Path) -> None:
        output = tmp_path / "results.json"
        size = ["--items", "300", "--rounds", "1", "--parts", "cpu"]
        assert main(["run", *size, "--only", *PYTHON_CONTENDERS, "--output", str(output)]) == 0
        results = load(output)
        assert results.cpu is not None
        ran = {each.label for each in results.cpu.ways}
        assert ran >= ALWAYS
        assert all(each.cpu.median > 0 for each in results.cpu.ways)
        assert ran | set(results.left_out) == {each.label for each in named(PYTHON_CONTENDERS)}
        assert str(tmp_path) not in output.read_text(encoding="utf-8")

    def test_contenders_that_read_different_items_raise_runtime_error(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from benchmarks import runner
        from benchmarks.progress import Progress

        checksums = iter(("one", "another"))
        usage = {"cpu": 1.0, "wall": 1.0, "peak_rss": 1.0, "rss_growth": 1.0}
        monkeypatch.setattr(
            runner, "one_line", lambda _: {"items": 100, "checksum": next(checksums), **usage}
        )
        contenders = {each.name: each for each in named(["arena-1", "json"])}
        ready = runner.Field({name: ["unused"] for name in contenders}, contenders)
        with pytest.raises(RuntimeError, match="not all contenders read the same items"):
            runner.race(ready, runner.Size(items=100, rounds=1), 0.0, Progress())

    def test_generated_client_without_the_document_cannot_run(self, tmp_path: Path) -> None:
        from benchmarks.contenders import Workshop

        [generated] = named(["openapi"])
        with pytest.raises(CannotRunError, match="--document"):
            generated.command(Workshop(tmp_path))


class TestTargets:
    def test_good_figures_meet_all_targets(self) -> None:
        assert [str(each) for each in check(good_results()) if not each.met] == []

    def test_slow_client_misses_targets(self) -> None:
        good = good_results()
        assert good.cpu is not None
        slow = [way("arena-1", 2.0, 10), *good.cpu.ways[1:]]
        missed = check(evolve(good, cpu=evolve(good.cpu, ways=slow)))
        assert [each.met for each in missed[:5]] == [False, False, False, False, False]
        assert "MISS" in str(missed[0])
        assert all(each.met for each in missed[5:])

    def test_missing_figures_miss_targets(self) -> None:
        empty = Results(machine=good_results().machine, settings=Settings([], quick=True))
        assert not any(each.met for each in check(empty))
        assert "not measured" in str(check(empty)[0])


class TestReport:
    def test_markdown_has_all_measurements(self) -> None:
        text = markdown(good_results())
        assert "| **arena-1** | 1.10 | 1.10 (1.10) | 1.0 | 10.00 | 1.00 |" in text
        assert "Left out: httpx + pydantic (httpx is not installed)." in text
        assert "a processor (2 cores, Linux)" in text

    def test_write_docs_replaces_the_text_between_the_markers(self, tmp_path: Path) -> None:
        page, image = tmp_path / "page.md", tmp_path / "images" / "chart.svg"
        page.write_text(f"before\n\n{BEGIN}\nold\n{END}\n\nafter\n", encoding="utf-8")
        write_docs(good_results(), page, image)
        write_docs(good_results(), page, image)
        text = page.read_text(encoding="utf-8")
        assert text.startswith("before\n")
        assert text.endswith("\nafter\n")
        assert "old" not in text
        assert text.count(markdown(good_results())) == 1
        root = ET.fromstring(image.read_text(encoding="utf-8"))  # noqa: S314 - our own
        texts = list(root.iter("{http://www.w3.org/2000/svg}text"))
        assert {"arena-1", "typescript", "9.00", "1.10", "0.13"} <= {each.text for each in texts}
        width = float(root.attrib["width"])
        # A phone gives it some 320 pixels: letters of 15 are 12 high there, and none is cut off.
        assert width <= 400
        for each in texts:
            assert float(each.attrib["x"]) + 8 * len(each.text or "") < width

    def test_documentation_has_the_stored_results(self) -> None:
        kept = load(RESULTS)
        assert markdown(kept) in (ROOT / "docs/benchmarks.md").read_text("utf-8")
        assert draw(kept) == (ROOT / "docs/images/benchmarks.svg").read_text("utf-8")

    def test_readme_claims_are_measured(self) -> None:
        readme = " ".join((ROOT / "README.md").read_text("utf-8").split())
        assert "less CPU per item than the generated client and the TypeScript SDK" in readme
        race = load(RESULTS).cpu
        assert race is not None
        cost = {each.name: each.cpu.median for each in race.ways}
        assert cost["arena-1"] < min(cost["openapi"], cost["typescript"])
