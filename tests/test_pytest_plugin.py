"""Pytest plugin, in test suites that use it."""

import json
import os
import re
import sys
import textwrap
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
    """Test suite with the plugin and pytest-asyncio, and no others."""
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
    """Run a suite in this process."""
    quiet = ("-p", "no:cacheprovider", "-p", "no:randomly")
    return suite.runpytest_inprocess("-p", PLUGIN, *quiet, *arguments)


def passes(suite: Suite, code: str, *arguments: str, passed: int = 1) -> None:
    """Run tests in this process, and expect all to pass."""
    suite.makepyfile(code)
    run(suite, *arguments).assert_outcomes(passed=passed)


class TestLoops:
    """The client works in any event loop, and is closed before the loop is."""

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


HINT = ". Did you mean 'members'?" if sys.version_info >= (3, 13) else ""
INVALID_MARKERS = [
    ("group()", "missing 1 required positional argument: 'slug'"),
    ("group(7)", "slug must be a string, not 7"),
    ("group('x', member=['ada'])", f"got an unexpected keyword argument 'member'{HINT}"),
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
]
MARKERS_THAT_THE_SANDBOX_REJECTS = [
    ("group('x y')", "group 'x y': the slug 'x y' is taken or invalid"),
    ("group('x', owner=' ')", "group 'x': name must not be empty"),
    ("quota('gold')", "tier must be one of guest, free, premium, supporter"),
    ("quota(limit=-1)", "limit must not be negative"),
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

    def test_invalid_marker_is_reported_in_one_line(self, suite: Suite) -> None:
        lines = [
            f"@pytest.mark.arena_{marker.partition('(')[0]}: {problem}"
            for marker, problem in INVALID_MARKERS
        ] + [f"arena_sandbox: {problem}" for _, problem in MARKERS_THAT_THE_SANDBOX_REJECTS]
        markers = [marker for marker, _ in (*INVALID_MARKERS, *MARKERS_THAT_THE_SANDBOX_REJECTS)]
        suite.makepyfile(
            "import pytest\n"
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
                async with ArenaClient(base_url=os.environ["ARENA_BASE_URL"]) as arena:
                    assert (await arena.me()).id == arena_sandbox.users.owner
            """,
        )
        assert os.environ["ARENA_TOKEN"] == "a-real-one"
        assert "ARENA_BASE_URL" not in os.environ

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
                    "arena_groups.pytest_plugin",
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
        tests = len(re.findall(r"^(?:async )?def test_", "\n".join(files.values()), re.MULTILINE))
        assert tests >= 10
        run(suite, "-W", "error").assert_outcomes(passed=tests)


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
