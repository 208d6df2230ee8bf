"""A sandbox in a thread of its own."""

import asyncio
import inspect
import json
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import aiohttp
import pytest

from arena_groups.sandbox import RecordedRequest, Sandbox
from arena_groups.sandbox.faults import ServerFailure
from arena_groups.sandbox.threaded import ThreadedSandbox

THREAD_NAME = "arena-sandbox"


def sandbox_threads() -> int:
    """Return the number of threads that serve a sandbox."""
    return [each.name for each in threading.enumerate()].count(THREAD_NAME)


def slug(url: str, path: str = "/v3/groups/1001") -> object:
    with urllib.request.urlopen(url + path) as response:  # noqa: S310 - the sandbox's own
        return json.load(response)["slug"]


def test_with_block_serves_without_event_loop() -> None:
    before = sandbox_threads()
    with ThreadedSandbox() as sandbox:
        assert slug(sandbox.url) == "research-studio"
        assert [each.path for each in sandbox.requests] == ["/v3/groups/1001"]
        assert sandbox_threads() == before + 1
    assert sandbox_threads() == before


async def test_with_block_serves_running_event_loop() -> None:
    with ThreadedSandbox() as sandbox:
        async with aiohttp.ClientSession() as session, session.get(f"{sandbox.url}/v3/ping") as got:
            assert got.status == 200


def test_members_run_in_own_thread() -> None:
    threads: list[str] = []

    def clock() -> float:
        threads.append(threading.current_thread().name)
        return time.time()

    with ThreadedSandbox(clock=clock) as sandbox:
        threads.clear()
        sandbox.add_group("Night Walks")
        assert sandbox.now
    assert set(threads) == {THREAD_NAME}


def test_every_public_member_is_wrapped() -> None:
    for name, member in inspect.getmembers_static(Sandbox):
        if not name.startswith("_"):
            assert vars(ThreadedSandbox)[name] is not member
            assert getattr(ThreadedSandbox, name).__doc__


def test_callback_may_use_sandbox() -> None:
    def is_for_all(request: RecordedRequest) -> bool:
        return len(sandbox.requests) > 1

    with ThreadedSandbox() as sandbox:
        sandbox.faults.add(ServerFailure(503), where=is_for_all)
        assert slug(sandbox.url)
        with pytest.raises(urllib.error.HTTPError, match="503"):
            slug(sandbox.url)


def test_concurrent_threads_are_served() -> None:
    def work() -> None:
        for _ in range(20):
            sandbox.add_invitations("blank-page", 2)
            slug(sandbox.url)

    with ThreadedSandbox() as sandbox:
        threads = [threading.Thread(target=work) for _ in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert len(sandbox.pending_invitations("blank-page")) == 160
        assert {each.status for each in sandbox.requests} == {200}


def test_exceptions_are_raised_in_caller() -> None:
    with ThreadedSandbox() as sandbox:
        with pytest.raises(LookupError, match="no-such-group"):
            sandbox.members("no-such-group")
        with pytest.raises(ValueError, match="only moves forward"):
            sandbox.advance(timedelta(days=-1))


def test_members_work_outside_with_block() -> None:
    sandbox = ThreadedSandbox()
    group = sandbox.add_group("Night Walks", slug="night-walks")
    with sandbox:
        assert slug(sandbox.url, "/v3/groups/night-walks") == "night-walks"
    assert sandbox.groups["night-walks"] == group
    assert len(sandbox.requests) == 1


async def test_aclose_and_start_interrupt_service() -> None:
    with ThreadedSandbox() as sandbox:
        url = sandbox.url
        await sandbox.aclose()
        with pytest.raises(urllib.error.URLError):
            await asyncio.to_thread(slug, url)
        await sandbox.start()
        assert await asyncio.to_thread(slug, url)


async def test_start_and_aclose_outside_with_block_raise() -> None:
    sandbox = ThreadedSandbox()
    with pytest.raises(RuntimeError, match="within its `with` block"):
        await sandbox.start()
    with pytest.raises(RuntimeError, match="within its `with` block"):
        await sandbox.aclose()


def test_busy_port_leaves_no_thread() -> None:
    before = sandbox_threads()
    with ThreadedSandbox() as sandbox:
        port = int(sandbox.url.rpartition(":")[2])
        with pytest.raises(OSError, match=f"cannot listen on port {port}"), ThreadedSandbox(port):
            pass
        assert sandbox_threads() == before + 1


async def test_exit_ends_hanging_requests() -> None:
    with ThreadedSandbox() as sandbox:
        sandbox.faults.add_spec("hang")
        asking = asyncio.create_task(asyncio.to_thread(slug, sandbox.url))
        while not sandbox.requests:  # noqa: ASYNC110 - it happens in another thread
            await asyncio.sleep(0)
    with pytest.raises(OSError, match=r"."):
        await asking


def test_methods_and_control_surface_take_turns() -> None:
    with ThreadedSandbox() as sandbox:

        def post(path: str) -> None:
            body = b'{"count": 1}'
            headers = {"Content-Type": "application/json"}
            request = urllib.request.Request(f"{sandbox.url}/__sandbox__/{path}", body, headers)  # noqa: S310
            with urllib.request.urlopen(request) as response:  # noqa: S310 - on loopback
                assert response.status == 200

        with ThreadPoolExecutor(8) as pool:
            work = [
                *(pool.submit(post, "groups/blank-page/members") for _ in range(30)),
                *(pool.submit(sandbox.add_members, "blank-page", 1) for _ in range(30)),
                *(pool.submit(sandbox.advance, 1) for _ in range(30)),
            ]
            for each in work:
                each.result()
        members = sandbox.members("blank-page")
        assert len(members) == len(set(members)) == 61
        sandbox.reset()
        assert sandbox.members("blank-page") == [sandbox.users.owner.id]
