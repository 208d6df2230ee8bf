"""The commands that show and repeat deliveries."""

import asyncio
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from arena_groups import SQLiteStore
from arena_groups.cli.main import run
from arena_groups.webhooks.outbox import Outbox
from tests.support.command_line import Captured
from tests.support.webhooks import START, event, local_sender


class Endpoint:
    """Receiver on this machine, which answers with ``status``."""

    def __init__(self) -> None:
        self.status, self.ids = 204, list[str]()
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                if endpoint.status == 204:
                    endpoint.ids.append(self.headers["webhook-id"])
                self.send_response(endpoint.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.webhook = f"{self.url}/hook/s3cr3t-path"


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    found = Endpoint()
    thread = Thread(target=found.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield found
    found.server.shutdown()
    found.server.server_close()
    thread.join()


@pytest.fixture
def store(endpoint: Endpoint, tmp_path: Path) -> str:
    """A store in which the endpoint has three dead letters."""
    path = tmp_path / "state.db"

    async def give_up() -> None:
        sender = local_sender(endpoint.url)
        async with SQLiteStore(path) as opened:
            outbox = Outbox(opened, "default")
            await outbox.refresh()
            await outbox.register({sender.endpoint: sender.target}, START)
            await outbox.take_over()
            for number in (1, 2, 3):
                await outbox.append(event(number), START)
            group = event(1).group.id
            position = outbox.index.cursor(sender.endpoint, group).position
            entries = await outbox.entries(group, position, 3)
            await outbox.put_aside(sender.endpoint, group, entries, "status 410", START)

    asyncio.run(give_up())
    return str(path)


def rows(captured: Captured) -> list[dict[str, object]]:
    read = captured.readouterr()
    assert read.err == ""
    return [json.loads(line) for line in read.out.splitlines()]


def test_list_shows_each_endpoint_by_its_host(store: str, capsys: Captured) -> None:
    assert run(["deliveries", "list", "--store", store]) == 0
    (row,) = rows(capsys)
    assert (row["endpoint"], row["waiting"], row["dead"]) == ("http://127.0.0.1", 0, 3)
    assert row["last_failure"] == "status 410"
    assert "s3cr3t-path" not in str(row)


@pytest.mark.parametrize(
    ("host", "count"), [("127.0.0.1", 1), ("http://127.0.0.1", 1), ("example.org", 0)]
)
def test_list_of_one_host(store: str, host: str, count: int, capsys: Captured) -> None:
    assert run(["deliveries", "list", "--store", store, "--endpoint", host]) == 0
    assert len(rows(capsys)) == count


def test_list_reads_the_store_of_a_configuration_file(
    store: str, tmp_path: Path, capsys: Captured
) -> None:
    config = tmp_path / "watch.toml"
    config.write_text(f"groups = ['one']\nstore = '{store}'\nname = 'other'\n")
    assert run(["deliveries", "list", "--config", str(config)]) == 0
    assert rows(capsys) == []
    assert run(["deliveries", "list", "--config", str(config), "--name", "default"]) == 0
    assert [row["dead"] for row in rows(capsys)] == [3]


@pytest.mark.parametrize("chosen", ["table", "json", "csv"])
def test_list_in_other_formats(store: str, chosen: str, capsys: Captured) -> None:
    assert run(["deliveries", "list", "--store", store, "--format", chosen]) == 0
    assert "http://127.0.0.1" in capsys.readouterr().out


def test_retry_sends_what_was_given_up(
    store: str, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv("ARENA_WEBHOOK_URL", endpoint.webhook)
    monkeypatch.setenv("ARENA_STORE", store)
    assert run(["deliveries", "retry", "--allow-private-targets"]) == 0
    counts = {"sent": 3, "failed": 0, "skipped": 0, "last_failure": ""}
    assert rows(capsys) == [{"endpoint": "http://127.0.0.1", **counts}]
    assert endpoint.ids == [event(number).key for number in (1, 2, 3)]
    assert run(["deliveries", "list"]) == 0
    assert [row["dead"] for row in rows(capsys)] == [0]


def test_retry_that_is_not_accepted_fails_and_keeps_the_events(
    store: str, endpoint: Endpoint, capsys: Captured
) -> None:
    endpoint.status = 500
    line = ["deliveries", "retry", "--store", store, "--allow-private-targets"]
    assert run([*line, "--webhook", endpoint.webhook]) == 1
    read = capsys.readouterr()
    assert "3 events not accepted" in read.err
    row = json.loads(read.out)
    assert (row["failed"], row["skipped"]) == (1, 2)
    assert row["last_failure"].startswith("500")
    assert "s3cr3t-path" not in read.out + read.err
    assert run(["deliveries", "list", "--store", store]) == 0
    assert [row["dead"] for row in rows(capsys)] == [3]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["list"], "give the --store"),
        (["retry"], "give the --store"),
        (["retry", "--store", "{store}"], "no endpoint"),
        (
            ["retry", "--store", "{store}", "--webhook", "https://a.example/", "--endpoint", "b"],
            "no endpoint",
        ),
    ],
)
def test_missing_options_are_errors(
    store: str, options: list[str], message: str, capsys: Captured
) -> None:
    assert run(["deliveries", *(option.format(store=store) for option in options)]) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("command", ["list", "retry"])
def test_store_that_does_not_exist_is_an_error_and_not_created(
    command: str, tmp_path: Path, capsys: Captured
) -> None:
    store = tmp_path / "none.db"
    line = ["deliveries", command, "--store", str(store)]
    more = ["--webhook", "https://a.example/"] if command == "retry" else []
    assert run([*line, *more]) == 1
    assert f"there is no store {store}" in capsys.readouterr().err
    assert not store.exists()


def test_retry_names_dead_letters_whose_endpoint_was_not_given(
    store: str, capsys: Captured
) -> None:
    line = ["deliveries", "retry", "--store", store, "--webhook", "https://a.example/"]
    assert run(line) == 0
    read = capsys.readouterr()
    assert json.loads(read.out)["sent"] == 0
    assert "3 dead letters of http://127.0.0.1 not sent: its URL was not given" in read.err


@pytest.mark.parametrize("sort", ["endpoint", "waiting", "dead", "oldest"])
def test_list_is_sorted(
    store: str, endpoint: Endpoint, capsys: Captured, tmp_path: Path, sort: str
) -> None:
    async def add_waiting() -> None:
        async with SQLiteStore(Path(store)) as opened:
            outbox = Outbox(opened, "default")
            await outbox.refresh()
            for number, url in enumerate(("http://127.0.0.9:1", "http://127.0.0.5:1")):
                sender = local_sender(url)
                await outbox.register({sender.endpoint: sender.target}, START)
                await outbox.append(event(7 + number), START + number)

    asyncio.run(add_waiting())
    assert run(["deliveries", "list", "--store", store, "--format", "ndjson"]) == 0
    unsorted = rows(capsys)
    words = ["deliveries", "list", "--store", store, "--format", "ndjson", "--sort", sort]
    assert run(words) == 0
    found = rows(capsys)
    descending = sort in {"waiting", "dead"}
    default = 0 if descending else "~"
    assert len(found) == 3
    assert found == sorted(unsorted, key=lambda row: row[sort] or default, reverse=descending)
