"""Pytest plugin, in test suites that use it."""

import doctest
import json
import os
import re
import sys
import textwrap
import tomllib
from pathlib import Path

import pytest

from tests.pytest_plugin.suites import PLUGIN, Suite, passes, run
from tests.support import installed
from tests.support.installed import Environment
from tests.support.waiting import HANG_TIMEOUT

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]
SETTINGS = """[pytest]
asyncio_default_fixture_loop_scope = function
filterwarnings = error
"""


class TestLoops:
    """The client works in any event loop, and is closed before the loop is."""

    BODY = """
        import pytest
        clients = []

        {mark}
        async def test_one(arena_client, arena_sandbox):
            clients.append(arena_client)
            assert (await arena_client.me()).id == arena_sandbox.users.owner.id

        {mark}
        async def test_two(arena_client, arena_sandbox):
            clients.append(arena_client)
            assert await arena_client.groups.invitations("research-studio").count() == 480

        def test_all_were_closed():
            assert [each.closed for each in clients] == [True, True]
        """

    def test_client_in_auto_mode_is_closed(self, suite: Suite) -> None:
        passes(suite, self.BODY.format(mark=""), passed=3)

    def test_client_in_strict_mode_is_closed(self, suite: Suite) -> None:
        code = self.BODY.format(mark="@pytest.mark.asyncio")
        passes(suite, code, "-o", "asyncio_mode=strict", passed=3)

    def test_client_in_a_loop_for_several_tests_is_closed(self, suite: Suite) -> None:
        scopes = ("class", "module", "package", "session")
        for scope in scopes:
            mark = f"@pytest.mark.asyncio(loop_scope='{scope}')"
            code = textwrap.dedent(self.BODY.format(mark=mark))
            (suite.path / f"test_{scope}.py").write_text(code, "utf-8")
        run(suite).assert_outcomes(passed=3 * len(scopes))

    def test_client_with_anyio_is_closed(self, suite: Suite) -> None:
        pytest.importorskip("anyio")
        suite.makeconftest(
            """
            import pytest

            @pytest.fixture(params=["asyncio"])
            def anyio_backend(request):
                return request.param
            """
        )
        code = self.BODY.format(mark="@pytest.mark.anyio")
        passes(suite, code, "-p", "anyio", "-p", "no:asyncio", "-o", "addopts=", passed=3)

    def test_fixtures_without_a_loop_serve_other_programs(self, suite: Suite) -> None:
        passes(
            suite,
            """
            import asyncio
            import json
            import urllib.request

            def test_program_of_any_kind(arena_sandbox):
                with urllib.request.urlopen(f"{arena_sandbox.url}/v3/groups/1001") as answer:
                    assert json.load(answer)["slug"] == "research-studio"

            def test_program_with_its_own_loop(arena_client):
                async def main():
                    return await arena_client.me()

                assert asyncio.run(main()).slug == "ada-osei"
                assert arena_client.closed

            def test_unused_client(arena_client):
                assert not arena_client.closed
            """,
            passed=3,
        )

    def test_client_in_a_fixture_outlives_its_teardown(self, suite: Suite) -> None:
        passes(
            suite,
            """
            import pytest

            @pytest.fixture
            async def bot(arena_client):
                await arena_client.groups.create_invite_code("blank-page")
                yield arena_client
                await arena_client.groups.delete_invite_code("blank-page")

            async def test_it(bot):
                assert (await bot.groups.invite_code("blank-page")).url
            """,
        )

    def test_client_in_a_loop_of_another_thread_is_closed(self, suite: Suite) -> None:
        suite.makeconftest(
            """
            import asyncio
            import threading
            import pytest

            @pytest.fixture(scope="session")
            def call():
                loop = asyncio.new_event_loop()
                thread = threading.Thread(target=loop.run_forever)
                thread.start()
                yield lambda make: asyncio.run_coroutine_threadsafe(make(), loop).result()
                loop.call_soon_threadsafe(loop.stop)
                thread.join()
                loop.run_until_complete(loop.shutdown_asyncgens())
                loop.close()
            """
        )
        passes(
            suite,
            """
            clients = []

            def test_loop_outlives_the_client(arena_client, call):
                clients.append(arena_client)
                call(arena_client.me)

            def test_client_is_requested_last(call, arena_client):
                clients.append(arena_client)
                assert call(arena_client.me) == call(arena_client.me)

            def test_all_were_closed():
                assert [each.closed for each in clients] == [True, True]
            """,
            passed=3,
        )

    def test_client_in_a_portal_is_closed(self, suite: Suite) -> None:
        pytest.importorskip("anyio")
        passes(
            suite,
            """
            import pytest
            from anyio.from_thread import start_blocking_portal

            @pytest.fixture(scope="module")
            def portal():
                with start_blocking_portal() as portal:
                    yield portal

            clients = []

            def test_portal_outlives_the_client(portal, arena_client):
                clients.append(arena_client)
                portal.call(arena_client.me)

            def test_client_outlives_the_portal(arena_client):
                clients.append(arena_client)
                with start_blocking_portal() as portal:
                    portal.call(arena_client.me)
                assert arena_client.closed

            def test_all_were_closed():
                assert [each.closed for each in clients] == [True, True]
            """,
            passed=3,
        )

    def test_client_in_a_web_app_under_test_works_within_one_loop(self, suite: Suite) -> None:
        pytest.importorskip("fastapi")
        passes(
            suite,
            """
            import pytest
            from arena_groups import ClientStateError
            from fastapi import FastAPI
            from fastapi.testclient import TestClient

            @pytest.fixture
            def app(arena_client):
                app = FastAPI()

                @app.get("/")
                async def name():
                    return (await arena_client.me()).name

                return app

            @pytest.fixture
            def web(app):
                with TestClient(app) as web:
                    yield web

            def test_requests_within_the_block(app):
                with TestClient(app) as web:
                    assert web.get("/").json() == web.get("/").json() == "Ada Osei"

            def test_requests_within_a_fixture(web):
                assert web.get("/").json() == web.get("/").json() == "Ada Osei"

            def test_requests_without_the_block(app):
                web = TestClient(app)
                web.get("/")
                with pytest.raises(ClientStateError, match="has ended: .*with TestClient"):
                    web.get("/")
            """,
            "-W",
            "ignore",
            passed=3,
        )

    def test_client_in_a_second_loop_says_that_the_first_has_ended(self, suite: Suite) -> None:
        passes(
            suite,
            """
            import asyncio
            import pytest
            from arena_groups import ClientStateError

            def test_it(arena_client):
                asyncio.run(arena_client.me())
                with pytest.raises(ClientStateError, match="loop that it was used in has ended"):
                    asyncio.run(arena_client.me())
            """,
        )

    def test_client_in_unittest_classes_is_closed(self, suite: Suite) -> None:
        passes(
            suite,
            """
            import asyncio
            import unittest
            import pytest

            class TestAsync(unittest.IsolatedAsyncioTestCase):
                @pytest.fixture(autouse=True)
                def keep(self, arena_client, arena_sandbox):
                    self.arena, self.sandbox = arena_client, arena_sandbox

                @pytest.mark.arena_group("night-walks", members=2)
                async def test_group(self):
                    members = self.arena.groups.members("night-walks")
                    self.assertEqual(await members.count(), 3)

            class TestSync(unittest.TestCase):
                @pytest.fixture(autouse=True)
                def keep(self, arena_client):
                    self.arena = arena_client

                def test_name(self):
                    self.assertEqual(asyncio.run(self.arena.me()).name, "Ada Osei")
            """,
            passed=2,
        )

    def test_client_closed_by_the_test_stays_closed(self, suite: Suite) -> None:
        passes(
            suite,
            """
            async def test_it(arena_client):
                async with arena_client:
                    await arena_client.ping()
                assert arena_client.closed
            """,
        )


class TestWaiting:
    def test_retry_advances_the_clock(self, suite: Suite) -> None:
        passes(
            suite,
            """
            import pytest

            @pytest.mark.arena_fault("rate-limited", retry_after=40, times=1)
            async def test_it(arena_client, arena_clock, arena_sandbox):
                before = arena_sandbox.now
                await arena_client.me()
                assert arena_clock.waits == [40]
                assert arena_clock.now() == 40
                assert (arena_sandbox.now - before).total_seconds() >= 40
            """,
        )

    def test_rate_limit_advances_the_clock(self, suite: Suite) -> None:
        passes(
            suite,
            """
            import asyncio
            import pytest

            @pytest.mark.arena_quota("free")
            async def test_it(arena_client, arena_clock, arena_sandbox):
                await asyncio.gather(*(arena_client.me() for _ in range(300)))
                assert len(arena_sandbox.requests) == 300
                assert {each.status for each in arena_sandbox.requests} <= {200, 304}
                assert sum(arena_clock.waits) > 60
            """,
        )

    def test_other_clients_can_use_the_clock(self, suite: Suite) -> None:
        passes(
            suite,
            """
            import pytest
            from arena_groups import ArenaClient, ForbiddenError

            async def test_it(arena_sandbox, arena_clock):
                token = arena_sandbox.tokens.read_only
                async with ArenaClient(
                    token, base_url=arena_sandbox.url, clock=arena_clock
                ) as arena:
                    with pytest.raises(ForbiddenError):
                        await arena.groups.create("No")
            """,
        )


class TestFrozenTime:
    """Libraries that freeze the time replace functions of `time` during a test."""

    def test_sandbox_follows_the_time_of_the_program(self, suite: Suite) -> None:
        passes(
            suite,
            """
            import time
            import pytest

            @pytest.mark.parametrize("days_old", [0, 3])
            async def test_it(arena_client, arena_sandbox, monkeypatch, days_old):
                monkeypatch.setattr(time, "time", lambda: 1_900_000_000.0)
                assert arena_sandbox.now.timestamp() == 1_900_000_000
                arena_sandbox.add_invitations("blank-page", 1)
                (invitation,) = await arena_client.groups.invitations("blank-page").collect()
                assert invitation.created_at.timestamp() == 1_900_000_000
            """,
            passed=2,
        )

    @pytest.mark.parametrize("library", ["freezegun", "time_machine"])
    def test_sandbox_follows_the_time_of_a_library(self, suite: Suite, library: str) -> None:
        pytest.importorskip(library)
        freeze = {
            "freezegun": "freezegun.freeze_time('2030-01-01', real_asyncio=True)",
            "time_machine": "time_machine.travel('2030-01-01', tick=False)",
        }[library]
        passes(
            suite,
            f"""
            import {library}
            import pytest

            @pytest.mark.arena_fault("rate-limited", retry_after=40, times=1)
            @pytest.mark.arena_fault("latency", seconds=0.01, times=1)
            @{freeze}
            async def test_it(arena_client, arena_sandbox, arena_clock):
                result = await arena_client.groups.invite(
                    "research-studio", email="ada@example.org"
                )
                assert result.invitation.created_at.year == 2030
                assert arena_clock.waits == [40]
            """,
        )

    def test_faults_wait_in_real_time(self, suite: Suite) -> None:
        passes(
            suite,
            """
            import asyncio
            import time
            import pytest

            @pytest.mark.arena_fault("latency", seconds=0.01)
            def test_it(arena_client, monkeypatch):
                monkeypatch.setattr(time, "monotonic", lambda: 1.0)
                assert asyncio.run(arena_client.me()).name == "Ada Osei"
            """,
        )


INVALID_MARKERS = [
    ("group", "arguments are missing, as in arena_group('night-walks', members=3)"),
    ("group()", "arguments are missing, as in arena_group('night-walks', members=3)"),
    ("group(members=3)", "missing a required argument: 'slug'"),
    ("group('x', 'y')", "too many positional arguments"),
    ("group('x', name=7)", "*name*must be a string, not 7"),
    ("group('x', private='yes')", "private must be True or False, not 'yes'"),
    ("group('x', description=b'')", "description must be a string, not b''"),
    ("group('x', owner=1)", "owner must be a string, not 1"),
    ("group('x', days_old='1')", "days_old must be a number of 0 or more, not '1'"),
    ("group(7)", "slug must be a string, not 7"),
    (
        "group('x', member=['ada'])",
        "there is no option 'member': use one of slug, name, owner, members, *",
    ),
    ("group('x', members='ada')", "members must be a list of names, or a number, *'ada'"),
    ("group('x', members=[7])", "members must be a list of names, or a number, not ?7?"),
    ("group('x', members=-1)", "members must be a number of 0 or more, not -1"),
    ("group('x', members=True)", "members must be a number of 0 or more, not True"),
    ("group('x', invitations='3')", "invitations must be a number of 0 or more, not '3'"),
    ("group('x', invitations=0.5)", "invitations must be a whole number, not 0.5"),
    ("group('x', members=100_000)", "members must be less than 100,000"),
    ("group('x', days_old=float('inf'))", "days_old must be less than 100,000"),
    ("group('x', days_old=float('nan'))", "days_old must be a number of 0 or more, not nan"),
    ("group('x', days_old=-1)", "days_old must be a number of 0 or more, not -1"),
    ("fault", "arguments are missing, as in arena_fault('server-failure', times=1)"),
    ("fault()", "arguments are missing, as in arena_fault('server-failure', times=1)"),
    ("fault(times=1)", "missing a required argument: 'fault'"),
    ("fault(7)", "the fault must be a fault of the sandbox, not 7"),
    ("fault(None)", "the fault must be a fault of the sandbox, not None"),
    ("fault(faults.Hang, times=1)", "use an instance of the fault: Hang(*)"),
    ("fault('hang:times=1', skip=1)", "give all options in 'hang:times=1', or none"),
    ("fault('hang', times='2')", "times must be a whole number or None, not '2'"),
    ("fault('hang', times=True)", "times must be a whole number or None, not True"),
    ("fault('hang', skip=0.5)", "skip must be a whole number, not 0.5"),
    ("fault('hang', skip=None)", "skip must be a whole number, not None"),
    ("fault('hang', probability='1')", "probability must be a number, not '1'"),
    ("fault('hang', probability=2)", "probability must be between 0 and 1"),
    ("fault('hang', where='me')", "where must be a function of a request, not 'me'"),
    ("fault('hang', operation='get')", "operation must be one of createGroup, *"),
    ("fault('hang', after=1)", "after must be True or False, not 1"),
    ("fault('hang', must_apply=1)", "must_apply must be True or False, not 1"),
    ("fault('latency', seconds='1')", "seconds must be a number, not '1'"),
    ("fault('plain-text', text=b'')", "text must be a string, not b''"),
    ("fault('churn', keep=7)", "keep must be a set of ids, not 7"),
    ("fault('churn', group=0.5)", "group must be a whole number or a string or None, not 0.5"),
    ("fault(fault='oops')", "unknown fault 'oops': use one of *"),
    ("fault('oops')", "unknown fault 'oops': use one of backward-pages, blocked, churn, *"),
    ("fault('oops:times=1')", "unknown fault 'oops': use one of *"),
    ("fault('hang', time=1)", "hang has no option 'time': use one of after, operation, *"),
    ("fault('hang:time=1')", "hang has no option 'time': use one of after, operation, *"),
    ("fault('hang', times=-1)", "times must not be negative"),
    ("fault('server-failure', status=200)", "status must be between 500 and 599"),
    ("fault('redirect')", "the option location is required"),
    ("quota", "arguments are missing, as in arena_quota('free')"),
    ("quota('gold')", "tier must be one of guest, free, premium, supporter, not 'gold'"),
    ("quota(120)", "tier must be one of guest, free, premium, supporter, not 120"),
    ("quota(limit=0)", "limit must be at least 1: sandbox.tokens.limited belongs to *"),
    ("quota(limit=-1)", "limit must be a number of 0 or more, not -1"),
    ("quota(limit='7')", "limit must be a number of 0 or more, not '7'"),
    ("quota(['free'])", "tier must be one of *, not ?'free'?"),
    ("quota(window=10)", "give a tier or limit="),
    ("quota(limit=7, window=0)", "window must be at least 1"),
    ("quota(limit=7, window=0.5)", "window must be a whole number, not 0.5"),
    ("quota(limits=7)", "there is no option 'limits': use one of tier, limit, window"),
    ("quota('free', 120)", "too many positional arguments"),
    ("quota('free', limit=7)", "use the tier 'free' or limit=, not both: a tier has its limit"),
    ("quota(tier='guest', limit=30, window=2)", "use the tier 'guest' or limit=, not both: *"),
    ("quota(window=60)", "give a tier or limit="),
    ("quota(None)", "give a tier or limit="),
]
MARKERS_THAT_THE_SANDBOX_REJECTS = [
    ("group('x y')", "group 'x y': the slug 'x y' is taken or invalid"),
    ("group('x', owner='nobody')", "group 'x': there is no user 'nobody' to own it: use one of *"),
    ("group('x', members=[' '])", "group 'x': name must not be empty"),
    ("group('research-studio', owner='member')", "*: it exists already, so owner cannot be set"),
    ("group('blank-page', private=True)", "*: it exists already, so private cannot be set"),
]


class TestMarkers:
    def test_markers_are_registered(self, suite: Suite) -> None:
        run(suite, "--markers").stdout.fnmatch_lines(
            [f"@pytest.mark.arena_{name}(*" for name in ("group", "fault", "quota")]
        )

    def test_group_markers_add_groups(self, suite: Suite) -> None:
        passes(
            suite,
            """
            import pytest
            from datetime import timedelta

            pytestmark = pytest.mark.arena_group("everywhere", members=4, followers=2)

            @pytest.mark.arena_group("night-walks", invitations=3, members=["ada", "member"])
            @pytest.mark.arena_group("night-walks", invitations=2, days_old=40, name="Walks")
            @pytest.mark.arena_group("theirs", owner="ada", members=["owner"], private=True,
                                     description="Not mine")
            async def test_it(arena_client, arena_sandbox):
                group = await arena_client.groups.get("night-walks")
                assert (group.name, group.user.id) == ("Walks", arena_sandbox.users.owner.id)
                members = [each.name async for each in arena_client.groups.members("night-walks")]
                assert members == ["Ada Osei", "Minh Castellanos", "ada"]
                ages = [
                    arena_sandbox.now - each.created_at
                    async for each in arena_client.groups.invitations("night-walks")
                ]
                assert [each // timedelta(days=1) for each in ages] == [0, 0, 0, 40, 40]

                theirs = await arena_client.groups.get("theirs")
                assert (theirs.name, theirs.user.name) == ("Theirs", "ada")
                assert arena_sandbox.members("theirs")[0] == arena_sandbox.members("night-walks")[2]
                assert theirs.description.markdown == "Not mine"

                assert len(arena_sandbox.members("everywhere")) == 5
                assert await arena_client.groups.followers("everywhere").count() == 2

            async def test_another(arena_client, arena_sandbox):
                assert "everywhere" in arena_sandbox.groups
                assert "night-walks" not in arena_sandbox.groups
            """,
            passed=2,
        )

    def test_group_marker_adds_to_a_seeded_group(self, suite: Suite) -> None:
        passes(
            suite,
            """
            import pytest

            @pytest.mark.arena_group("research-studio", members=1, invitations=20)
            def test_it(arena_sandbox):
                assert len(arena_sandbox.pending_invitations("research-studio")) == 500
            """,
        )

    def test_fault_markers_inject_faults(self, suite: Suite) -> None:
        passes(
            suite,
            """
            import pytest
            from arena_groups import BlockedError, ServerError
            from arena_groups.sandbox import faults

            @pytest.mark.arena_fault("server-failure", status=503, times=2)
            @pytest.mark.arena_fault("request-timeout:operation=getGroup,times=1")
            async def test_by_name(arena_client, arena_sandbox):
                await arena_client.me()
                await arena_client.groups.get("research-studio")
                statuses = [each.status for each in arena_sandbox.requests]
                assert statuses == [503, 503, 200, 408, 200]

            @pytest.mark.arena_fault(faults.ServerFailure(501), where=lambda each: each.query)
            async def test_by_class(arena_client):
                await arena_client.groups.get("research-studio")
                with pytest.raises(ServerError):
                    await arena_client.groups.members("research-studio")

            @pytest.mark.arena_fault("blocked", form="page", operation="getGroup")
            @pytest.mark.arena_fault(faults.EdgeError(521), times=1)
            async def test_edge(arena_client):
                await arena_client.me()
                with pytest.raises(BlockedError):
                    await arena_client.groups.get("research-studio")

            @pytest.mark.arena_fault("redirect", location="https://example.org/a,b=c")
            async def test_values_of_any_kind(arena_client, arena_sandbox):
                (fault,) = arena_sandbox.faults
                assert fault.fault.location == "https://example.org/a,b=c"
            """,
            passed=4,
        )

    def test_nearest_quota_marker_applies(self, suite: Suite) -> None:
        passes(
            suite,
            """
            import pytest

            @pytest.mark.arena_quota("free")
            class TestIt:
                async def test_the_tier(self, arena_client):
                    await arena_client.me()
                    assert (arena_client.rate_limit.tier, arena_client.rate_limit.limit) == (
                        "free", 120
                    )

                @pytest.mark.arena_quota(limit=7, window=2)
                async def test_a_number(self, arena_client):
                    await arena_client.me()
                    assert (arena_client.rate_limit.limit, arena_client.rate_limit.window) == (7, 2)
            """,
            passed=2,
        )

    def test_quota_of_a_class_module_or_parameter_is_replaced_by_a_nearer_one(
        self, suite: Suite
    ) -> None:
        passes(
            suite,
            """
            import pytest

            pytestmark = [pytest.mark.arena_quota(limit=1000), pytest.mark.arena_group("walks")]

            async def limit(client):
                await client.me()
                return client.rate_limit.limit

            async def test_module(arena_client):
                assert await limit(arena_client) == 1000

            @pytest.mark.arena_quota(limit=20)
            class TestBase:
                async def test_class(self, arena_client):
                    assert await limit(arena_client) == (20 if type(self) is TestBase else 30)

                @pytest.mark.arena_quota("guest")
                async def test_function(self, arena_client):
                    assert await limit(arena_client) == 30

            class TestDerived(TestBase):
                pytestmark = pytest.mark.arena_quota(limit=30)

            class TestInherited(TestDerived):
                pass

            @pytest.mark.parametrize(
                "tier", [pytest.param(each, marks=pytest.mark.arena_quota(each))
                         for each in ("free", "supporter")]
            )
            async def test_parameter(arena_client, tier):
                await arena_client.me()
                assert arena_client.rate_limit.tier == tier
            """,
            passed=9,
        )

    def test_two_quotas_in_one_place_are_an_error(self, suite: Suite) -> None:
        suite.makepyfile(
            """
            import pytest

            two = [pytest.mark.arena_quota("free"), pytest.mark.arena_quota(limit=7)]

            class TestClass:
                pytestmark = two

                def test_it(self, arena_sandbox):
                    pass

            @two[0]
            @pytest.mark.parametrize("x", [pytest.param(1, marks=two[1])])
            def test_parameter(arena_sandbox, x):
                pass
            """
        )
        result = run(suite)
        result.assert_outcomes(errors=2)
        for name in ("TestClass", "test_parameter[[]1]"):
            result.stdout.fnmatch_lines([f"*arena_quota: 2 of them on {name}: keep one. *"])

    def test_invalid_marker_is_reported_in_one_line(self, suite: Suite) -> None:
        lines = [
            f"@pytest.mark.arena_{marker.partition('(')[0]}: {problem}"
            for marker, problem in INVALID_MARKERS
        ] + [f"arena_sandbox: {problem}" for _, problem in MARKERS_THAT_THE_SANDBOX_REJECTS]
        markers = [marker for marker, _ in (*INVALID_MARKERS, *MARKERS_THAT_THE_SANDBOX_REJECTS)]
        suite.makepyfile(
            "import pytest\nfrom arena_groups.sandbox import faults\n"
            + "\n".join(
                f"@pytest.mark.arena_{marker}\ndef test_{number}(arena_sandbox): pass"
                for number, marker in enumerate(markers)
            )
        )
        result = run(suite)
        result.assert_outcomes(errors=len(markers))
        for number, line in enumerate(lines):
            # Each report has a heading, and then this line alone.
            heading = f"*ERROR at setup of test_{number} *"
            result.stdout.fnmatch_lines([heading, line.replace("[", "[[]")], consecutive=True)
        result.stdout.no_fnmatch_line("*Traceback*")
        result.stdout.no_fnmatch_line("*During handling*")

    def test_marker_with_the_class_of_a_fault_alone_is_reported(self, suite: Suite) -> None:
        faults = ["Latency", "Hang", "MissingTotal", "PagesPastEnd", "Redirect", "Own"]
        tests = {
            "function": "def test_it(arena_sandbox): pass",
            "coroutine": "async def test_it(arena_sandbox): pass",
            "class": "class TestIt: pass",
        }
        heading = """
            import pytest
            from arena_groups.sandbox.faults import *
            from arena_groups.sandbox.faults import BodyFault

            class Own(BodyFault):
                def transform(self, serialized, body):
                    return serialized

            """
        modules = {
            f"test_{fault}_{kind}": f"{textwrap.dedent(heading)}"
            f"@pytest.mark.arena_fault({fault})\n{test}\n"
            for fault in faults
            for kind, test in tests.items()
        }
        suite.makepyfile(
            **modules,
            test_last="""
            import pytest
            from arena_groups.sandbox.faults import Latency

            @pytest.mark.arena_fault(Latency(0), must_apply=False)
            def test_it(arena_sandbox):
                assert Latency(seconds=2) == Latency(2)
            """,
        )
        result = run(suite, "--continue-on-collection-errors")
        result.assert_outcomes(errors=len(modules), passed=1)
        output = result.stdout.str()
        for fault in faults:
            problem = f"use an instance of the fault: {fault}(…)"
            line = f"E   TypeError: @pytest.mark.arena_fault: {problem}"
            assert output.count(line) == len(tests)

    def test_marker_without_the_sandbox_fails_the_test(self, suite: Suite) -> None:
        suite.makepyfile(
            """
            import pytest
            import unittest

            pytestmark = pytest.mark.arena_group("everywhere")

            @pytest.mark.arena_fault("reset")
            def test_sync():
                raise NotImplementedError

            @pytest.mark.arena_quota("free")
            @pytest.mark.arena_fault
            async def test_async(tmp_path):
                raise NotImplementedError

            @pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.arena_group("a"))])
            def test_parameter(x):
                raise NotImplementedError

            class TestClass(unittest.TestCase):
                @pytest.mark.arena_group("a")
                def test_method(self):
                    raise NotImplementedError
            """
        )
        result = run(suite)
        result.assert_outcomes(errors=4)
        for test, marker in {
            "test_sync": "fault",
            "test_async": "*",
            "test_parameter[[]1]": "group",
            "test_method": "group",
        }.items():
            result.stdout.fnmatch_lines(
                [
                    f"*ERROR at setup of *{test} *",
                    f"@pytest.mark.arena_{marker} on {test}: the marker has no effect, as the *",
                ],
                consecutive=True,
            )
        result.stdout.no_fnmatch_line("*NotImplementedError*")

    def test_marker_whose_sandbox_is_used_indirectly_is_accepted(self, suite: Suite) -> None:
        passes(
            suite,
            """
            import pytest

            pytestmark = pytest.mark.arena_group("everywhere")

            @pytest.fixture
            def bot(arena_client):
                return arena_client

            @pytest.fixture
            def late(request):
                return request.getfixturevalue("arena_sandbox")

            @pytest.mark.arena_quota("free")
            def test_fixture(bot):
                pass

            @pytest.mark.arena_group("a")
            def test_late_fixture(late):
                assert "a" in late.groups

            @pytest.mark.arena_group("a")
            def test_request(request):
                assert "a" in request.getfixturevalue("arena_sandbox").groups

            @pytest.mark.arena_group("a")
            @pytest.mark.usefixtures("arena_sandbox")
            def test_usefixtures():
                pass

            def test_of_the_module_without_a_sandbox():
                pass

            class TestOverride:
                @pytest.fixture
                def arena_sandbox(self):
                    return None

                @pytest.mark.arena_group("a")
                def test_own_fixture(self, arena_sandbox):
                    pass
            """,
            passed=6,
        )

    def test_fault_that_must_apply_fails_the_test_if_it_does_not(self, suite: Suite) -> None:
        suite.makepyfile(
            """
            import pytest
            from arena_groups.sandbox import faults

            must = pytest.mark.arena_fault("reset:operation=getGroup,times=1", must_apply=True)

            @must
            async def test_applied(arena_client):
                await arena_client.groups.get("research-studio")

            @must
            async def test_not_applied(arena_client):
                await arena_client.me()

            @pytest.mark.arena_fault(faults.Hang(), must_apply=True)
            def test_without_requests(arena_sandbox):
                arena_sandbox.faults.clear()

            @must
            def test_that_fails_anyway(arena_sandbox):
                assert "reason" == "shown"

            @must
            def test_that_is_skipped(arena_sandbox):
                pytest.skip()

            @must
            @pytest.mark.xfail(strict=True)
            def test_that_is_expected_to_fail(arena_sandbox):
                pass

            @pytest.mark.arena_fault("reset")
            def test_that_need_not_apply(arena_sandbox):
                pass

            async def test_fault_added_by_the_test(arena_client, arena_sandbox):
                arena_sandbox.faults.add(faults.Hang(), operation="getGroup")
                with pytest.raises(AssertionError, match="hang"):
                    arena_sandbox.faults.assert_all_applied()
            """
        )
        result = run(suite)
        result.assert_outcomes(passed=3, failed=3, skipped=1, xfailed=1)
        for test, name, count in (("not_applied", "reset", 1), ("without_requests", "hang", 0)):
            result.stdout.fnmatch_lines(
                [
                    f"*_ test_{test} _*",
                    f"@pytest.mark.arena_fault on test_{test}: {name} was not *({count} received)",
                ],
                consecutive=True,
            )
        result.stdout.fnmatch_lines(["*_ test_that_fails_anyway _*", "*AssertionError*"])


class TestSandbox:
    def test_environment_names_the_sandbox(
        self, suite: Suite, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ARENA_TOKEN", "a-real-one")
        monkeypatch.delenv("ARENA_BASE_URL", raising=False)
        passes(
            suite,
            """
            import os
            from arena_groups import ArenaClient

            async def test_it(arena_sandbox):
                assert os.environ["ARENA_BASE_URL"] == arena_sandbox.url
                async with ArenaClient() as arena:
                    assert (await arena.me()).id == arena_sandbox.users.owner.id
            """,
        )
        assert os.environ["ARENA_TOKEN"] == "a-real-one"
        assert "ARENA_BASE_URL" not in os.environ

    @pytest.mark.parametrize("earlier", [None, "a-real-one"])
    @pytest.mark.parametrize(
        "arguments", ["monkeypatch, arena_sandbox", "arena_sandbox, monkeypatch"]
    )
    def test_variables_that_a_test_changes_are_restored(
        self, suite: Suite, monkeypatch: pytest.MonkeyPatch, arguments: str, earlier: str | None
    ) -> None:
        if earlier is not None:
            monkeypatch.setenv("ARENA_TOKEN", earlier)
        passes(
            suite,
            f"""
            import os

            def test_one({arguments}):
                monkeypatch.setenv("ARENA_TOKEN", "other")
                monkeypatch.delenv("ARENA_BASE_URL")

            def test_two():
                assert os.environ.get("ARENA_TOKEN") == {earlier!r}
                assert "ARENA_BASE_URL" not in os.environ
            """,
            passed=2,
        )

    def test_sandbox_can_be_stopped_and_started(self, suite: Suite) -> None:
        passes(
            suite,
            """
            import pytest
            from arena_groups import ArenaConnectionError

            async def test_it(arena_client, arena_sandbox):
                await arena_client.me()
                await arena_sandbox.aclose()
                with pytest.raises(ArenaConnectionError):
                    await arena_client.me()
                await arena_sandbox.start()
                await arena_client.me()
            """,
        )

    def test_each_test_has_its_own_sandbox(self, suite: Suite) -> None:
        passes(
            suite,
            """
            import pytest

            @pytest.mark.parametrize("number", [1, 2])
            async def test_it(arena_client, arena_sandbox, number):
                await arena_client.groups.invite("research-studio", email="ada@example.org")
                assert len(arena_sandbox.emails) == 1
            """,
            passed=2,
        )


class TestInTheBackground:
    """The plugin is loaded by suites that do not use it, too."""

    def run_alone(
        self, suite: Suite, *arguments: str, plugins: tuple[str, ...] = (PLUGIN,)
    ) -> pytest.RunResult:
        """Run pytest with these plugins only; every warning is an error."""
        chosen = [word for plugin in plugins for word in ("-p", plugin)]
        environment = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-X", "dev", "-W", "error", "-m", "pytest", "-W", "error"]
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            return suite.run(*command, *chosen, *arguments, timeout=HANG_TIMEOUT)

    def test_unused_plugin_imports_and_prints_nothing(self, pytester: Suite) -> None:
        pytester.makepyfile(
            """
            import sys

            def test_it():
                assert "arena_groups.pytest_plugin" in sys.modules
                ours = {name for name in sys.modules if name.startswith("arena_groups")}
                assert ours == {
                    "arena_groups", "arena_groups._exports", "arena_groups._version",
                    "arena_groups.pytest_plugin", "arena_groups.pytest_plugin.markers",
                }
                assert not {"aiohttp", "attrs", "cattrs", "asyncio"} & set(sys.modules)
            """
        )
        result = self.run_alone(pytester, "-q")
        result.assert_outcomes(passed=1)
        result.stdout.no_fnmatch_line("*arena*")
        assert result.stderr.str() == ""

    def test_used_plugin_leaves_no_thread_behind(self, pytester: Suite) -> None:
        pytester.makepyfile(
            """
            import asyncio
            import gc
            import threading
            import pytest

            @pytest.mark.asyncio
            async def test_in_a_loop(arena_client):
                await arena_client.groups.invitations("research-studio", per=10).collect(limit=50)

            @pytest.mark.asyncio(loop_scope="module")
            async def test_in_another(arena_client):
                await asyncio.gather(*(arena_client.me() for _ in range(5)))

            @pytest.mark.asyncio
            @pytest.mark.arena_fault("hang", operation="getCurrentUser")
            async def test_in_the_middle_of_a_call(arena_client, arena_sandbox):
                await arena_client.ping()
                call = asyncio.ensure_future(arena_client.me())
                while len(arena_sandbox.requests) < 2:
                    await asyncio.sleep(0)
                call.cancel()

            def test_nothing_is_left():
                gc.collect()
                assert [each.name for each in threading.enumerate()] == ["MainThread"]
            """
        )
        pytester.makefile(".ini", pytest=SETTINGS)
        result = self.run_alone(pytester, plugins=(PLUGIN, "pytest_asyncio.plugin"))
        result.assert_outcomes(passed=4)

    def test_entry_point_has_the_name_of_the_module(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
        assert project["entry-points"]["pytest11"] == {PLUGIN: PLUGIN}

    def test_suite_without_pytest_asyncio_works(self, pytester: Suite) -> None:
        pytester.makepyfile(
            """
            import asyncio

            def test_it(arena_client):
                async def main():
                    return (await arena_client.me()).name

                assert asyncio.run(main())
            """
        )
        self.run_alone(pytester).assert_outcomes(passed=1)


class TestGuide:
    """The code blocks of the guide are files of a test suite."""

    BLOCK = re.compile(r"^```py\n# (\w+\.py)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

    def test_all_blocks_of_the_guide_run(self, suite: Suite) -> None:
        text = (ROOT / "docs/testing.md").read_text("utf-8")
        files = dict(self.BLOCK.findall(text))
        assert len(files) == text.count("```py\n")
        for name, code in files.items():
            (suite.path / name).write_text(code, "utf-8")
        suite.syspathinsert()
        tests = len(re.findall(r"^ *(?:async )?def test_", "\n".join(files.values()), re.MULTILINE))
        assert tests >= 10
        # Of newer versions of Starlette, which the plugin has no part in.
        ours = ("-W", "error", "-W", "ignore:Using `httpx` with")
        run(suite, *ours).assert_outcomes(passed=tests)

    def test_doctest_of_the_guide_runs(self) -> None:
        results = doctest.testfile(str(ROOT / "docs/testing.md"), module_relative=False)
        assert results.failed == 0
        assert results.attempted >= 5

    def test_doctests_may_use_the_fixtures(self, suite: Suite) -> None:
        suite.makefile(
            ".txt",
            test_doc="""
            >>> import asyncio
            >>> asyncio.run(getfixture("arena_client").me()).slug
            'ada-osei'
            >>> "research-studio" in getfixture("arena_sandbox").groups
            True
            """,
        )
        run(suite, "-W", "error").assert_outcomes(passed=1)


ANOTHER_PROJECT = """
import pytest


async def pending(arena, group):
    return [each.invitee_email async for each in arena.groups.invitations(group)]


@pytest.mark.arena_group("night-walks", invitations=3, members=["ada"])
async def test_pending(arena_client):
    assert len(await pending(arena_client, "night-walks")) == 3


@pytest.mark.arena_fault("server-failure", times=1)
async def test_transient_fault(arena_client, arena_clock):
    assert await pending(arena_client, "blank-page") == []
    assert len(arena_clock.waits) == 1


def test_sandbox_alone(arena_sandbox):
    assert "research-studio" in arena_sandbox.groups
"""


@pytest.fixture(scope="module")
def other_environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Environment with the wheel, its requirements, and pytest."""
    folder = tmp_path_factory.mktemp("other")
    installed.build(ROOT, folder, "wheel")
    (wheel,) = folder.glob("*.whl")
    environment = installed.create(folder / "environment", wheel)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    needed = installed.needed(project["dependencies"])
    environment.modules("pytest", "pytest-asyncio", *needed)
    return environment


class TestInstalled:
    """Tests of another project, in an environment with the wheel and its requirements only."""

    def test_tests_of_another_project_pass(
        self, other_environment: Environment, tmp_path: Path
    ) -> None:
        (tmp_path / "test_bot.py").write_text(ANOTHER_PROJECT)
        settings = f"{SETTINGS}asyncio_mode = auto\naddopts = --strict-markers\n"
        (tmp_path / "pytest.ini").write_text(settings)
        report = output(other_environment, tmp_path, "-m", "pytest", "-p", "no:cacheprovider")
        assert "3 passed" in report
        assert "arena-groups-" in report.partition("plugins: ")[2].splitlines()[0]

    def test_plugin_named_twice_is_loaded_once(
        self, other_environment: Environment, tmp_path: Path
    ) -> None:
        (tmp_path / "conftest.py").write_text(f"pytest_plugins = ['{PLUGIN}']")
        (tmp_path / "test_it.py").write_text("def test_it(arena_sandbox): pass")
        (tmp_path / "pytest.ini").write_text(SETTINGS)
        report = output(other_environment, tmp_path, "-m", "pytest", "-p", PLUGIN)
        assert "1 passed" in report

    def test_plugin_can_be_disabled(self, other_environment: Environment, tmp_path: Path) -> None:
        (tmp_path / "test_it.py").write_text(
            "import sys\n\ndef test_it(): assert 'arena_groups' not in sys.modules"
        )
        report = output(other_environment, tmp_path, "-m", "pytest", "-p", f"no:{PLUGIN}")
        assert "1 passed" in report

    def test_import_of_the_package_does_not_load_the_plugin(
        self, other_environment: Environment, tmp_path: Path
    ) -> None:
        code = "import json, sys, arena_groups; print(json.dumps(list(sys.modules)))"
        loaded = output(other_environment, tmp_path, "-c", code)
        assert "arena_groups" in json.loads(loaded)
        assert not {PLUGIN, "pytest"} & set(json.loads(loaded))


def output(environment: Environment, folder: Path, *arguments: str) -> str:
    """Run its Python, and return the output."""
    done = environment.run("python", *arguments, cwd=folder)
    assert done.code == 0, done.out + done.err
    return done.out
