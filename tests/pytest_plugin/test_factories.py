"""Sandboxes and clients of any scope, from the factories of the plugin."""

import textwrap

import pytest

from tests.pytest_plugin.suites import Suite, passes, run

pytest_plugins = ["pytester"]

SHARED = """
    import pytest

    @pytest.fixture(scope="{scope}")
    def arena_sandbox(arena_sandbox_factory, request):
        with arena_sandbox_factory(request) as sandbox:
            yield sandbox

    @pytest.fixture(scope="{scope}")
    def shared_client(arena_client_factory, arena_sandbox):
        with arena_client_factory(arena_sandbox) as client:
            yield client
    """
SHARING_TESTS = """
    import os
    import pytest

    clients, slugs = [], []

    @pytest.mark.arena_group("night-walks", members=2)
    class TestShared:
        {mark}
        async def test_first(self, shared_client, arena_sandbox):
            clients.append(shared_client)
            assert os.environ["ARENA_BASE_URL"] == arena_sandbox.url
            slugs.append((await shared_client.groups.create("Made by the first test")).slug)

        {mark}
        async def test_second(self, shared_client, arena_client, arena_sandbox):
            clients.append(shared_client)
            clients.append(arena_client)
            assert (await shared_client.groups.get(slugs[0])).id
            assert (await arena_client.groups.get(slugs[0])).id
            assert ("night-walks" in arena_sandbox.groups) is {marked}

    def test_clients_are_closed():
        first, second, own = clients
        assert first is second
        assert own.closed
        assert first.closed is {closed}
    """


@pytest.mark.parametrize("scope", ["class", "module", "package", "session"])
@pytest.mark.parametrize("mode", ["auto", "strict"])
def test_fixtures_of_a_wider_scope_share_sandbox_and_client(
    suite: Suite, scope: str, mode: str
) -> None:
    suite.makeconftest(SHARED.format(scope=scope))
    mark = f"@pytest.mark.asyncio(loop_scope='{scope}')"
    # Only the class is marked, so only its own sandbox has the group.
    is_class = scope == "class"
    code = SHARING_TESTS.format(mark=mark, marked=is_class, closed=is_class)
    passes(suite, code, "-o", f"asyncio_mode={mode}", "-W", "error", passed=3)


def test_shared_client_works_with_anyio(suite: Suite) -> None:
    pytest.importorskip("anyio")
    suite.makeconftest(
        textwrap.dedent(SHARED.format(scope="module"))
        + textwrap.dedent(
            """
            @pytest.fixture(scope="module", autouse=True)
            def anyio_backend():
                return "asyncio"

            @pytest.fixture(scope="module", autouse=True)
            async def one_loop():  # keeps the loop of anyio for the module
                yield
            """
        )
    )
    code = SHARING_TESTS.format(mark="@pytest.mark.anyio", marked=False, closed=False)
    passes(suite, code, "-p", "anyio", "-p", "no:asyncio", "-o", "addopts=", passed=3)


def test_shared_client_in_an_async_fixture_works(suite: Suite) -> None:
    passes(
        suite,
        """
        import pytest
        import pytest_asyncio
        from arena_groups import ArenaClient
        from arena_groups.sandbox import AutoAdvanceClock

        pytestmark = pytest.mark.arena_quota("free")

        @pytest.fixture(scope="module")
        def arena_sandbox(arena_sandbox_factory, request):
            with arena_sandbox_factory(request) as sandbox:
                yield sandbox

        @pytest_asyncio.fixture(scope="module", loop_scope="module")
        async def arena_client(arena_sandbox):
            async with ArenaClient(clock=AutoAdvanceClock(arena_sandbox.advance)) as client:
                group = await client.groups.create("Night walks")
                yield client
                await client.groups.delete(group.id)

        @pytest.mark.asyncio(loop_scope="module")
        class TestIt:
            async def test_one(self, arena_client, arena_sandbox):
                assert any(slug.startswith("night-walks") for slug in arena_sandbox.groups)
                await arena_client.me()
                assert arena_client.rate_limit.limit == 120

            async def test_two(self, arena_client):
                await arena_client.me()
        """,
        "-o",
        "asyncio_mode=strict",
        passed=2,
    )


def test_several_sandboxes_are_independent(suite: Suite) -> None:
    passes(
        suite,
        """
        import os
        import pytest
        from arena_groups import ArenaClient

        async def copy(source, target):
            async for group in source.users.groups("ada-osei"):
                await target.groups.create(f"Copy of {group.name}")

        async def test_it(arena_client, arena_sandbox, arena_sandbox_factory, arena_client_factory):
            quota = pytest.mark.arena_quota(limit=40)
            with (
                arena_sandbox_factory(pytest.mark.arena_group("theirs"), quota) as other,
                arena_client_factory(other) as there,
                arena_client_factory(other, other.tokens.stranger) as stranger,
            ):
                assert os.environ["ARENA_BASE_URL"] == other.url != arena_sandbox.url
                assert (await stranger.me()).id == other.users.stranger.id
                created = await there.groups.create("Only here")
                assert there.rate_limit.limit == 40
                assert {"theirs", created.slug} <= set(other.groups)
                assert not {"theirs", created.slug} & set(arena_sandbox.groups)
            assert os.environ["ARENA_BASE_URL"] == arena_sandbox.url
            assert (await arena_client.me()).name == "Ada Osei"
        """,
    )


def test_fault_of_a_test_is_removed_from_the_shared_sandbox(suite: Suite) -> None:
    suite.makeconftest(SHARED.format(scope="module"))
    suite.makepyfile(
        """
        import pytest

        @pytest.mark.arena_fault("server-failure", times=1, must_apply=True)
        async def test_fault(arena_client, arena_sandbox, arena_clock):
            await arena_client.me()
            assert len(arena_clock.waits) == 1

        async def test_without(arena_client, arena_sandbox, arena_clock):
            await arena_client.me()
            assert not arena_clock.waits
            assert not list(arena_sandbox.faults)

        @pytest.mark.arena_fault("reset", operation="getGroup", must_apply=True)
        async def test_unapplied(arena_client):
            await arena_client.me()
        """
    )
    result = run(suite)
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*arena_fault on test_unapplied: reset was not applied to any *"])


def test_every_sandbox_of_a_test_is_checked(suite: Suite) -> None:
    suite.makepyfile(
        """
        import pytest
        from arena_groups.sandbox.faults import BodyFault

        class Broken(BodyFault):
            def transform(self, serialized, body):
                raise KeyError("the mistake in the fault")

        @pytest.fixture
        def other(request, arena_sandbox_factory):
            with arena_sandbox_factory(request) as sandbox:
                yield sandbox

        @pytest.mark.arena_fault("server-failure", times=1, must_apply=True)
        async def test_applied_in_one(arena_client, other):
            await arena_client.me()

        @pytest.fixture(scope="module")
        def client(arena_sandbox_factory, arena_client_factory):
            fault = pytest.mark.arena_fault(Broken(), times=1)
            with arena_sandbox_factory(fault) as sandbox, arena_client_factory(sandbox) as client:
                yield client

        async def test_failure_in_another(client):
            await client.me()
        """
    )
    result = run(suite)
    result.assert_outcomes(failed=2)
    for line in (
        "*arena_fault on test_applied_in_one: server-failure was not applied to any request (0 *",
        "E * KeyError: 'the mistake in the fault'",
    ):
        result.stdout.fnmatch_lines([line])


def test_marker_that_a_shared_sandbox_cannot_obey_is_an_error(suite: Suite) -> None:
    suite.makeconftest(SHARED.format(scope="class"))
    suite.makepyfile(
        """
        import pytest

        @pytest.mark.arena_fault("reset", operation="getGroup", must_apply=True)
        class TestIt:
            @pytest.mark.arena_group("night-walks")
            def test_group(self, arena_sandbox):
                pass

            @pytest.mark.arena_quota("free")
            def test_quota(self, arena_client):
                pass
        """
    )
    result = run(suite)
    result.assert_outcomes(errors=3)
    for name in ("group", "quota"):
        problem = "arena_sandbox has the scope 'class' and was set up before the test. *"
        result.stdout.fnmatch_lines([f"@pytest.mark.arena_{name} on test_{name}: *{problem}"])
    line = "@pytest.mark.arena_fault on a sandbox of the scope 'class': reset was not applied to *"
    result.stdout.fnmatch_lines([line])


def test_argument_that_is_not_a_marker_is_refused(suite: Suite) -> None:
    passes(
        suite,
        """
        import pytest

        @pytest.mark.parametrize(
            "source", ["night-walks", pytest.mark.skip, pytest.mark.arena_group("a").mark, None]
        )
        def test_it(arena_sandbox_factory, source):
            with pytest.raises(TypeError, match="^arena_sandbox_factory: pass request, or markers"):
                with arena_sandbox_factory(source):
                    pass

        def test_two_quotas(arena_sandbox_factory):
            quota = pytest.mark.arena_quota("free")
            with pytest.raises(pytest.fail.Exception, match="2 of them on arena_sandbox_factory"):
                with arena_sandbox_factory(quota, quota):
                    pass

        @pytest.mark.arena_quota("free")
        async def test_nearer_quota(request, arena_sandbox_factory, arena_client_factory):
            quota = pytest.mark.arena_quota(limit=7)
            with (
                arena_sandbox_factory(quota, request) as sandbox,
                arena_client_factory(sandbox) as client,
            ):
                await client.me()
                assert client.rate_limit.limit == 7

        def test_invalid_marker(arena_sandbox_factory):
            with pytest.raises(pytest.fail.Exception, match="tier must be one of"):
                with arena_sandbox_factory(pytest.mark.arena_quota("gold")):
                    pass
        """,
        passed=7,
    )


def test_token_that_cannot_be_one_is_refused(suite: Suite) -> None:
    passes(
        suite,
        """
        import pytest

        def test_user(arena_sandbox, arena_client_factory):
            with pytest.raises(TypeError, match="sandbox.tokens.stranger, not SandboxUser"):
                with arena_client_factory(arena_sandbox, arena_sandbox.users.stranger):
                    pass

        @pytest.mark.parametrize("name", ["stranger", "read_only"])
        def test_name(arena_sandbox, arena_client_factory, name):
            with pytest.raises(ValueError, match=f"pass sandbox.tokens.{name}, not its name"):
                with arena_client_factory(arena_sandbox, name):
                    pass
        """,
        passed=3,
    )


def test_factories_work_in_several_processes(suite: Suite) -> None:
    pytest.importorskip("xdist")
    suite.makeconftest(SHARED.format(scope="session"))
    names = ("a", "b")
    code = """
        async def test_it(arena_sandbox, arena_client):
            await arena_client.groups.create("Mine")
            assert "mine-2" not in arena_sandbox.groups
        """
    suite.makepyfile(**{f"test_{name}": textwrap.dedent(code) for name in names})
    run(suite, "-p", "xdist", "-n", "2", "--dist", "each").assert_outcomes(passed=4)
