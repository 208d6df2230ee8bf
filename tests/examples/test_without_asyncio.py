"""Guide "Without asyncio": its files and cells run, and what it warns of is true."""

import ast
import asyncio
import atexit
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from arena_groups import ArenaClient, ClientStateError, NotFoundError
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.faults import ServerFailure
from tests.support.django_settings import configure_django
from tests.support.examples import EXAMPLES
from tests.support.waiting import HANG_TIMEOUT

pytest_plugins = ["arena_groups.pytest_plugin"]

PAGE = (EXAMPLES.parent / "docs/without-asyncio.md").read_text("utf-8")
FILES = dict(re.findall(r"^```py\n# (\w+\.py)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
SLOW = re.compile(r"^Executing <.*> took [\d.]+ seconds\n", re.MULTILINE)
CELLS = re.findall(r"^```py\n# cell\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(
    arena_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A folder with the files of the page, from which they can be imported."""
    for name, code in FILES.items():
        (tmp_path / name).write_text(code, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    names = [name.removesuffix(".py") for name in FILES]
    yield tmp_path
    background: Any = sys.modules.get("background")
    if background is not None:
        atexit.unregister(background.close)
        background.close()
    for name in names:
        sys.modules.pop(name, None)


def test_every_block_of_the_page_is_run_here_or_as_a_snippet() -> None:
    assert len(CELLS) == 4
    assert set(FILES) == {"background.py", "report.py", "flask_app.py", "views.py"}
    assert PAGE.count("```py\n") == len(CELLS) + len(FILES)


async def test_cells_run_in_an_event_loop_that_runs(
    arena_sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    names: dict[str, object] = {}
    for cell in CELLS:
        code = compile(cell, "cell", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        found = eval(code, names)  # noqa: S307 - as a notebook does
        if inspect.isawaitable(found):
            await found
    first, second = capsys.readouterr().out.splitlines()
    assert first == "100 of 480 pending invitations"
    assert second == "Ada Osei owner"
    assert isinstance(names["arena"], ArenaClient)
    assert names["arena"].closed


async def test_asyncio_run_in_a_notebook_raises() -> None:
    main = asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="cannot be called from a running event loop"):
        asyncio.run(main)
    main.close()


def test_client_in_another_loop_raises(arena_sandbox: Sandbox) -> None:
    async def close() -> None:
        await arena.aclose()

    async def use() -> str:
        return (await arena.me()).name

    arena = ArenaClient()
    with asyncio.Runner() as first:
        assert first.run(use()) == "Ada Osei"
        with pytest.raises(ClientStateError):
            asyncio.run(use())
        first.run(close())


def run_program(folder: Path, name: str) -> "subprocess.CompletedProcess[str]":
    """Run a program in development mode, where asyncio also reports what a busy machine slows."""
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", name],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(EXAMPLES.parent)},
        capture_output=True,
        encoding="utf-8",
        timeout=HANG_TIMEOUT,
        check=False,
    )
    done.stderr = SLOW.sub("", done.stderr)
    return done


def test_program_with_a_loop_in_a_thread_prints_and_ends(folder: Path) -> None:
    done = run_program(folder, "report.py")
    assert (done.returncode, done.stderr) == (0, "")
    name, pending, *members, error = done.stdout.splitlines()
    assert (name, pending) == ("Ada Osei", "480 pending")
    assert members[0] == "Ada Osei"
    assert len(members) > 10
    assert error.startswith("404")


FORKING = """
import os
from background import client, run

workers = [os.fork() for _ in range(2)]  # 0 in a worker: two, and one of the first
if 0 in workers:
    os.write(1, (run(client().me()).name + "\\n").encode())  # in one piece, unlike print()
else:
    for worker in workers:
        os.waitpid(worker, 0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_workers_that_were_forked_before_the_first_call_work(folder: Path) -> None:
    (folder / "server.py").write_text(FORKING, "utf-8")
    done = run_program(folder, "server.py")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Ada Osei\n" * 3


def test_threads_share_one_client(folder: Path, arena_sandbox: Sandbox) -> None:
    import background

    def first_member(_: int) -> str:
        return next(background.iterate(background.client().groups.members("research-studio"))).name

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(first_member, range(24))) == {"Ada Osei"}
        pending = background.client().groups.invitations("research-studio")
        ids = [each.id for each in background.iterate(pending)]
    assert len(set(ids)) == len(ids) == 480
    assert background.client().pacer.snapshot().used == len(arena_sandbox.requests)
    with pytest.raises(NotFoundError):
        background.run(background.client().groups.get("no-such-group"))


def test_flask_app_answers(folder: Path, arena_sandbox: Sandbox) -> None:
    pytest.importorskip("flask")
    import flask_app

    web = flask_app.app.test_client()
    for _ in range(2):
        assert web.get("/groups/research-studio/pending").json == {"pending": 480}
    assert web.get("/groups/no-such-group/pending").status_code == 404
    requests = len(arena_sandbox.requests)
    for wrong in ("a.b", "%20", "a%5Cb"):
        assert web.get(f"/groups/{wrong}/pending").status_code == 404
    assert len(arena_sandbox.requests) == requests
    arena_sandbox.faults.add(ServerFailure(501))
    assert web.get("/groups/research-studio/pending").status_code == 502


def test_sync_and_async_views_of_django_answer(folder: Path, arena_sandbox: Sandbox) -> None:
    configure_django()
    from django.test import Client
    from django.urls import clear_url_caches

    clear_url_caches()
    web = Client()
    for _ in range(2):  # under WSGI each async view has a new event loop
        assert web.get("/groups/research-studio/pending").json() == {"pending": 480}
        names = web.get("/groups/research-studio/members").json()["members"]
        assert (len(names), names[0]) == (10, "Ada Osei")
    for view in ("pending", "members"):
        assert web.get(f"/groups/no-such-group/{view}").status_code == 404
        assert web.get(f"/groups/a.b/{view}").status_code == 404
    arena_sandbox.faults.add(ServerFailure(501))
    for view in ("pending", "members"):
        response = web.get(f"/groups/research-studio/{view}")
        assert (response.status_code, "501" in response.content.decode()) == (502, False)


async def test_async_views_answer_together_under_asgi(folder: Path) -> None:
    configure_django()
    from django.test import AsyncClient
    from django.urls import clear_url_caches

    clear_url_caches()
    web = AsyncClient()
    paths = [f"/groups/research-studio/{view}" for view in ("members", "pending")] * 4
    responses = await asyncio.gather(*map(web.get, paths))
    assert [each.status_code for each in responses] == [200] * 8
