"""The pytest plugin, in test suites that use it."""

import json
import os
import re
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support import installed
from tests.support.installed import Environment
from tests.support.waiting import HANG_TIMEOUT

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parent.parent
PLUGIN = "arena_groups.pytest_plugin"

SETTINGS = """[pytest]
asyncio_default_fixture_loop_scope = function
filterwarnings = error
"""

Suite = pytest.Pytester


@pytest.fixture
def suite(pytester: Suite) -> Suite:
    """A test suite that uses the plugin, and knows of no other one but pytest-asyncio."""
    pytester.makeini(
        """
        [pytest]
        asyncio_mode = auto
        asyncio_default_fixture_loop_scope = function
        addopts = --strict-markers --strict-config
        """
    )
    return pytester


def run(suite: Suite, *arguments: str) -> pytest.RunResult:
    """Run it in this process."""
    quiet = ("-p", "no:cacheprovider", "-p", "no:randomly")
    return suite.runpytest_inprocess("-p", PLUGIN, *quiet, *arguments)


def passes(suite: Suite, code: str, *arguments: str, passed: int = 1) -> None:
    """Run tests in this process; all of them pass."""
    suite.makepyfile(code)
    run(suite, *arguments).assert_outcomes(passed=passed)


class TestLoops:
    """The client can be used wherever a loop runs, and is closed before the loop is."""

    BODY = """
        import pytest
        clients = []

        {mark}
        async def test_one(arena_client, arena_sandbox):
            clients.append(arena_client)
            assert (await arena_client.me()).id == arena_sandbox.users.owner

        {mark}
        async def test_two(arena_client, arena_sandbox):
            clients.append(arena_client)
            assert await arena_client.groups.invitations("research-studio").count() == 480

        def test_all_were_closed():
            assert [each.closed for each in clients] == [True, True]
        """

    def test_in_auto_mode(self, suite: Suite) -> None:
        passes(suite, self.BODY.format(mark=""), passed=3)

    def test_in_strict_mode(self, suite: Suite) -> None:
        code = self.BODY.format(mark="@pytest.mark.asyncio")
        passes(suite, code, "-o", "asyncio_mode=strict", passed=3)

    @pytest.mark.parametrize("scope", ["class", "module", "package", "session"])
    def test_in_a_loop_for_many_tests(self, suite: Suite, scope: str) -> None:
        passes(
            suite, self.BODY.format(mark=f"@pytest.mark.asyncio(loop_scope='{scope}')"), passed=3
        )

    def test_with_anyio(self, suite: Suite) -> None:
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

    def test_without_a_loop(self, suite: Suite) -> None:
        passes(
            suite,
            """
            import asyncio
            import json
            import urllib.request

            def test_a_program_of_any_kind(arena_sandbox):
                with urllib.request.urlopen(f"{arena_sandbox.url}/v3/groups/1001") as answer:
                    assert json.load(answer)["slug"] == "research-studio"

            def test_a_program_with_a_loop_of_its_own(arena_client):
                async def main():
                    return await arena_client.me()

                assert asyncio.run(main()).slug == "ada-osei"
                assert arena_client.closed

            def test_a_client_that_is_not_used(arena_client):
                assert not arena_client.closed
            """,
            passed=3,
        )

    def test_from_a_fixture_that_ends_with_it(self, suite: Suite) -> None:
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

    def test_closed_by_the_test_itself(self, suite: Suite) -> None:
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
    def test_nobody_waits_for_a_retry(self, suite: Suite) -> None:
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

    def test_nobody_waits_for_the_quota(self, suite: Suite) -> None:
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

    def test_clients_of_ones_own_can_have_the_clock(self, suite: Suite) -> None:
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


class TestMarkers:
    def test_they_are_known(self, suite: Suite) -> None:
        run(suite, "--markers").stdout.fnmatch_lines(
            [f"@pytest.mark.arena_{name}(*" for name in ("group", "fault", "quota")]
        )

    def test_groups(self, suite: Suite) -> None:
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
                assert (group.name, group.user.id) == ("Walks", arena_sandbox.users.owner)
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

    def test_the_seeded_group_can_have_more(self, suite: Suite) -> None:
        passes(
            suite,
            """
            import pytest

            @pytest.mark.arena_group("research-studio", members=1, invitations=20)
            def test_it(arena_sandbox):
                assert len(arena_sandbox.pending_invitations("research-studio")) == 500
            """,
        )

    def test_faults(self, suite: Suite) -> None:
        passes(
            suite,
            """
            import pytest
            from arena_groups import ArenaConnectionError, ServerError
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

            @pytest.mark.arena_fault("redirect", location="https://example.org/a,b=c")
            async def test_values_of_any_kind(arena_client, arena_sandbox):
                (fault,) = arena_sandbox.faults
                assert fault.fault.location == "https://example.org/a,b=c"
            """,
            passed=3,
        )

    def test_the_nearest_quota_counts(self, suite: Suite) -> None:
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

    @pytest.mark.parametrize(
        ("marker", "problem"),
        [
            ("group()", "missing 1 required positional argument: 'slug'"),
            ("group(7)", "slug must be a string, not 7"),
            ("group('x', member=['ada'])", "got an unexpected keyword argument 'member'"),
            ("group('x', members='ada')", "members must be a list of names, or a number, *'ada'"),
            ("group('x', members=[7])", "members must be a list of names, or a number, not ?7?"),
            ("group('x', members=-1)", "members must be a number of 0 or more, not -1"),
            ("group('x', members=True)", "members must be a number of 0 or more, not True"),
            ("group('x', invitations='3')", "invitations must be a number of 0 or more, not '3'"),
            ("group('x', invitations=0.5)", "invitations must be a whole number, not 0.5"),
            ("group('x', days_old=-1)", "days_old must be a number of 0 or more, not -1"),
            ("fault()", "*missing 1 required positional argument: 'fault'"),
            ("fault('oops')", "unknown fault 'oops': use one of backward-pages, churn, *"),
            ("fault('oops:times=1')", "unknown fault 'oops': use one of *"),
            ("fault('hang', time=1)", "hang has no option 'time': use one of after, operation, *"),
            ("fault('hang:time=1')", "hang has no option 'time': use one of after, operation, *"),
            ("fault('hang', times=-1)", "times must not be negative"),
            ("fault('server-failure', status=200)", "status must be between 500 and 599"),
            ("fault('redirect')", "missing 1 required positional argument: 'location'"),
        ],
    )
    def test_what_cannot_be_is_said_so(self, suite: Suite, marker: str, problem: str) -> None:
        name = marker.partition("(")[0]
        self.is_refused(suite, marker, f"@pytest.mark.arena_{name}: {problem}")

    @pytest.mark.parametrize(
        ("marker", "problem"),
        [
            ("group('x y')", "group 'x y': the slug 'x y' is taken or invalid"),
            ("group('x', owner=' ')", "group 'x': name must not be empty"),
            ("quota('gold')", "tier must be one of guest, free, premium, supporter"),
            ("quota(limit=-1)", "limit must not be negative"),
        ],
    )
    def test_what_the_sandbox_refuses_too(self, suite: Suite, marker: str, problem: str) -> None:
        self.is_refused(suite, marker, f"arena_sandbox: {problem}")

    def is_refused(self, suite: Suite, marker: str, line: str) -> None:
        suite.makepyfile(
            f"""
            import pytest

            @pytest.mark.arena_{marker}
            def test_it(arena_sandbox):
                pass
            """
        )
        result = run(suite)
        result.assert_outcomes(errors=1)
        result.stdout.fnmatch_lines([line.replace("[", "[[]")])
        result.stdout.no_fnmatch_line("*Traceback*")
        result.stdout.no_fnmatch_line("*During handling*")


class TestSandbox:
    def test_the_environment_leads_to_it(
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
                async with ArenaClient(base_url=os.environ["ARENA_BASE_URL"]) as arena:
                    assert (await arena.me()).id == arena_sandbox.users.owner
            """,
        )
        assert os.environ["ARENA_TOKEN"] == "a-real-one"
        assert "ARENA_BASE_URL" not in os.environ

    def test_it_can_fail_and_come_back(self, suite: Suite) -> None:
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

    def test_each_test_has_its_own(self, suite: Suite) -> None:
        passes(
            suite,
            """
            import pytest

            @pytest.mark.parametrize("turn", [1, 2])
            async def test_it(arena_client, arena_sandbox, turn):
                await arena_client.groups.invite("research-studio", email="ada@example.org")
                assert len(arena_sandbox.emails) == 1
            """,
            passed=2,
        )


class TestInTheBackground:
    """The plugin is loaded by suites that have nothing to do with it."""

    def alone(
        self, suite: Suite, *arguments: str, plugins: tuple[str, ...] = (PLUGIN,)
    ) -> pytest.RunResult:
        """Run pytest with no plugins but these, where every warning is an error."""
        chosen = [word for plugin in plugins for word in ("-p", plugin)]
        environment = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-X", "dev", "-W", "error", "-m", "pytest", "-W", "error"]
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            return suite.run(*command, *chosen, *arguments, timeout=HANG_TIMEOUT)

    def test_it_loads_nothing_and_says_nothing(self, pytester: Suite) -> None:
        pytester.makepyfile(
            """
            import sys

            def test_it():
                assert "arena_groups.pytest_plugin" in sys.modules
                ours = {name for name in sys.modules if name.startswith("arena_groups")}
                assert ours == {
                    "arena_groups", "arena_groups._version", "arena_groups.pytest_plugin",
                }
                assert not {"aiohttp", "attrs", "cattrs", "asyncio"} & set(sys.modules)
            """
        )
        result = self.alone(pytester, "-q")
        result.assert_outcomes(passed=1)
        result.stdout.no_fnmatch_line("*arena*")
        assert result.stderr.str() == ""

    def test_what_uses_it_leaves_nothing_behind(self, pytester: Suite) -> None:
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
        result = self.alone(pytester, plugins=(PLUGIN, "pytest_asyncio.plugin"))
        result.assert_outcomes(passed=4)

    def test_to_pytest_the_module_and_the_entry_point_are_one(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
        assert project["entry-points"]["pytest11"] == {PLUGIN: PLUGIN}

    def test_a_suite_without_pytest_asyncio(self, pytester: Suite) -> None:
        pytester.makepyfile(
            """
            import asyncio

            def test_it(arena_client):
                async def main():
                    return (await arena_client.me()).name

                assert asyncio.run(main())
            """
        )
        self.alone(pytester).assert_outcomes(passed=1)


class TestGuide:
    """The blocks of the guide are files of a test suite."""

    BLOCK = re.compile(r"^```py\n# (\w+\.py)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

    def test_it_runs_as_it_stands(self, suite: Suite) -> None:
        text = (ROOT / "docs/testing.md").read_text("utf-8")
        files = dict(self.BLOCK.findall(text))
        assert len(files) == text.count("```py\n")
        for name, code in files.items():
            (suite.path / name).write_text(code, "utf-8")
        suite.syspathinsert()
        tests = len(re.findall(r"^(?:async )?def test_", "\n".join(files.values()), re.MULTILINE))
        assert tests >= 10
        run(suite, "-W", "error").assert_outcomes(passed=tests)


ANOTHER_PROJECT = """
import pytest


async def pending(arena, group):
    return [each.invitee_email async for each in arena.groups.invitations(group)]


@pytest.mark.arena_group("night-walks", invitations=3, members=["ada"])
async def test_all_who_wait(arena_client):
    assert len(await pending(arena_client, "night-walks")) == 3


@pytest.mark.arena_fault("server-failure", times=1)
async def test_a_fault_in_passing(arena_client, arena_clock):
    assert await pending(arena_client, "blank-page") == []
    assert len(arena_clock.waits) == 1


def test_from_outside(arena_sandbox):
    assert "research-studio" in arena_sandbox.groups
"""


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment of its own, with the wheel, what it needs, and pytest."""
    folder = tmp_path_factory.mktemp("elsewhere")
    installed.build(ROOT, folder, "wheel")
    (wheel,) = folder.glob("*.whl")
    environment = installed.create(folder / "environment", wheel)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    needed = installed.needed(project["dependencies"])
    environment.modules("pytest", "pytest-asyncio", *needed)
    return environment


class TestInstalled:
    """Another project's tests, in an environment that has the wheel and what it needs only."""

    def test_three_tests_pass(self, elsewhere: Environment, tmp_path: Path) -> None:
        (tmp_path / "test_bot.py").write_text(ANOTHER_PROJECT)
        settings = f"{SETTINGS}asyncio_mode = auto\naddopts = --strict-markers\n"
        (tmp_path / "pytest.ini").write_text(settings)
        report = output(elsewhere, tmp_path, "-m", "pytest", "-p", "no:cacheprovider")
        assert "3 passed" in report
        assert "arena-groups-" in report.partition("plugins: ")[2].splitlines()[0]

    def test_it_can_be_named_as_well(self, elsewhere: Environment, tmp_path: Path) -> None:
        (tmp_path / "conftest.py").write_text(f"pytest_plugins = ['{PLUGIN}']")
        (tmp_path / "test_it.py").write_text("def test_it(arena_sandbox): pass")
        (tmp_path / "pytest.ini").write_text(SETTINGS)
        report = output(elsewhere, tmp_path, "-m", "pytest", "-p", PLUGIN)
        assert "1 passed" in report

    def test_it_can_be_switched_off(self, elsewhere: Environment, tmp_path: Path) -> None:
        (tmp_path / "test_it.py").write_text(
            "import sys\n\ndef test_it(): assert 'arena_groups' not in sys.modules"
        )
        report = output(elsewhere, tmp_path, "-m", "pytest", "-p", f"no:{PLUGIN}")
        assert "1 passed" in report

    def test_importing_the_package_does_not_load_it(
        self, elsewhere: Environment, tmp_path: Path
    ) -> None:
        code = "import json, sys, arena_groups; print(json.dumps(list(sys.modules)))"
        loaded = output(elsewhere, tmp_path, "-c", code)
        assert "arena_groups" in json.loads(loaded)
        assert not {PLUGIN, "pytest"} & set(json.loads(loaded))


def output(environment: Environment, folder: Path, *arguments: str) -> str:
    """What its Python writes, which must end well."""
    done = environment.run("python", *arguments, cwd=folder)
    assert done.code == 0, done.out + done.err
    return done.out
