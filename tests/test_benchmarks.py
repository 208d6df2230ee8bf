"""Benchmarks run, and contenders do the same work. No timing is asserted."""

import json
import socket
import sys
import urllib.error
import urllib.request
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import evolve

from benchmarks.chart import draw
from benchmarks.children import one_line, serving
from benchmarks.cli import RESULTS, main
from benchmarks.contenders import FIRST, CannotRunError, named
from benchmarks.figures import Figure, Machine, Point, Race, Results, Settings, Timing, Way, load
from benchmarks.micro import bulk, sandbox
from benchmarks.report import BEGIN, END, markdown, write_docs
from benchmarks.targets import check

PYTHON_CONTENDERS = ["arena-1", "arena-8", "orjson", "json", "msgspec", "pydantic", "httpx"]
ALWAYS = {"arena-groups", "aiohttp + json, dicts"}

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with serving() as url:
        yield url


def get(url: str, body: str | None = None) -> tuple[dict[str, str], dict[str, object]]:
    data = None if body is None else body.encode()
    with urllib.request.urlopen(url, data, timeout=10) as answer:  # noqa: S310 - our own server
        return {k.lower(): v for k, v in answer.headers.items()}, json.load(answer)


def without_node(_: object) -> Path:
    raise CannotRunError("Node is not installed")


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
        growth=[Point(FIRST, size, Figure(3, 3), Figure(1, 1), 13.0) for size in sizes],
        flight=[
            Point(f"arena-{pages}", pages, Figure(3, 3), Figure(wall, wall), 1.0)
            for pages, wall in ((1, 10), (8, 1.4), (16, 0.8))
        ],
        request=[
            Timing("bare", "bare", Figure(100, 100)),
            Timing("arena", "arena", Figure(110, 110)),
            Timing("options", "options", Figure(112, 112)),
        ],
        startup=[Timing(name, name, Figure(ms, ms)) for name, ms in startup.items()],
        script=[
            Timing("hand", "by hand", Figure(150, 148)),
            Timing("arena", "arena-groups", Figure(165, 160)),
        ],
        bulk=[
            Timing("hand", "by hand", Figure(200, 190)),
            Timing("arena", "invite_many", Figure(300, 280)),
        ],
        sandbox=[
            Timing(name, name, Figure(ms, ms))
            for name, ms in (("bare", 1), ("sandbox", 4), ("short-list", 4), ("long-list", 4.4))
        ],
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

    def test_group_by_id_has_no_invitations_and_no_members(self, server: str) -> None:
        for path in ("123/invitations", "123/members", "list-300/members"):
            _, page = get(f"{server}/v3/groups/{path}?per=100")
            assert page["data"] == []

    def test_address_is_invited_with_a_new_id(self, server: str) -> None:
        ids = set()
        for address in ("a@example.org", "b@example.org"):
            _, result = get(f"{server}/v3/groups/123/invitations", json.dumps({"email": address}))
            assert result["outcome"] == "invited"
            invitation = result["invitation"]
            assert isinstance(invitation, dict)
            assert invitation["invitee_email"] == address
            ids.add(invitation["id"])
        assert len(ids) == 2

    @pytest.mark.parametrize(
        ("path", "body", "status"),
        [
            ("/v3/groups/123/invitations", '{"user_id": 1}', "400"),
            ("/v3/groups/123/members", '{"email": "a@example.org"}', "404"),
        ],
    )
    def test_other_post_is_refused(self, server: str, path: str, body: str, status: str) -> None:
        with pytest.raises(urllib.error.HTTPError, match=status) as error:
            get(server + path, body)
        error.value.close()

    def test_body_that_arrives_in_pieces_is_read_whole(self, server: str) -> None:
        host, _, port = server.removeprefix("http://").partition(":")
        body = b'{"email":"a@example.org"}'
        head = b"POST /v3/groups/1/invitations HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body)
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            for piece in (head[:30], head[30:] + body[:5], body[5:] + head + body):
                connection.sendall(piece)
            received = b""
            while received.count(b"HTTP/1.1 201 Created") < 2:
                received += connection.recv(65536)
        assert received.count(b"HTTP/1.1") == 2

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

    def test_whole_scripts_run_or_are_left_out(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        from benchmarks.contenders import Workshop
        from benchmarks.micro import script
        from benchmarks.plan import QUICK, measure

        monkeypatch.setattr(script, "install_sdk", without_node)
        plan, settings = evolve(QUICK, startup_rounds=1), Settings([], quick=True)
        results = measure(plan, Workshop(tmp_path), settings, parts=["script"])
        assert [each.name for each in results.script] == ["hand", "arena"]
        assert all(each.cost.minimum > 0 for each in results.script)
        assert results.left_out == {
            "openapi-python-client, whole script": (
                "it needs the provider's document: --document PATH"
            ),
            "official TypeScript SDK, whole script": "Node is not installed",
        }

    def test_bulk_run_invites_everybody_in_each_way(self, server: str) -> None:
        options = ["--url", server, "--rounds", "1", "--people", "20"]
        taken = one_line([sys.executable, "-m", "benchmarks.micro.bulk", *options])
        assert list(taken) == list(bulk.LABELS)
        assert all(cost > 0 for [cost] in taken.values())

    def test_sandboxes_are_measured_in_each_way(self) -> None:
        options = ["--rounds", "1", "--long-list", "2000"]
        taken = one_line([sys.executable, "-m", "benchmarks.micro.sandbox", *options])
        assert list(taken) == list(sandbox.LABELS)
        assert all(cost > 0 for [cost] in taken.values())

    def test_scripts_that_read_different_items_raise_runtime_error(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        from benchmarks.contenders import Workshop
        from benchmarks.micro import script
        from benchmarks.progress import Progress

        seen = iter(("100 2400", "99 2380"))
        monkeypatch.setattr(script, "cost", lambda *_: (1.0, next(seen)))
        monkeypatch.setattr(script, "install_sdk", without_node)
        with pytest.raises(RuntimeError, match="not all scripts read the same items"):
            script.measure(Workshop(tmp_path), "unused", 1, Progress())

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
        assert "| arena-groups | 165.00 | 160.00 | 1.10 |" in text
        assert "| invite_many | 300.00 | 280.00 | 1.50 |" in text
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
        assert {"arena-1", "typescript", "9.00", "1.10", "0.13", "by hand"} <= {
            each.text for each in texts
        }
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
