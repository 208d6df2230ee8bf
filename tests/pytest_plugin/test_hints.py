"""Failures of the usual mistakes in tests, and what they say."""

import pytest

from arena_groups.pytest_plugin.hints import hint_for
from tests.pytest_plugin.suites import Suite, run

pytest_plugins = ["pytester"]


@pytest.mark.parametrize(
    ("message", "plugins", "hint"),
    [
        (
            "ScopeMismatch: You tried to access the … fixture arena_client with a session scoped …",
            (),
            '@pytest.fixture(scope="session")',
        ),
        ("ScopeMismatch: … fixture tmp_path with a session scoped request object.", (), None),
        ("async def functions are not natively supported.", (), "pip install pytest-asyncio"),
        ("async def functions are not natively supported.", ("asyncio",), "@pytest.mark.asyncio"),
        ("'t' requested an async fixture 'bot', with no plugin", (), "pip install pytest-asyncio"),
        ("'t' requested an async fixture 'bot'", ("asyncio",), "@pytest_asyncio.fixture"),
        ("'coroutine' object has no attribute 'name'", (), "`await`"),
        ("assert <coroutine object ArenaClient.me at 0x7f> == 3", (), "`await`"),
        ("'Paginator' object is not iterable", (), "`async for`"),
        ("object of type 'Paginator' has no len()", (), "`async for`"),
        ("this client belongs to another event loop: create one in each", (), "loop_scope"),
        ("as the event loop that it was used in has ended: create a client", (), "loop_scope"),
        ("'_GeneratorContextManager' object has no attribute 'url'", (), "use `with`"),
        (
            "arena_sandbox_factory.<locals>.open_sandbox() got an unexpected keyword argument 'a'",
            (),
            "arena_quota('free')",
        ),
        ("'AutoAdvanceClock' object has no attribute 'advance'", (), "arena_sandbox.advance"),
        (
            "T.test_x() missing 2 required positional arguments: 'tmp_path' and 'arena_client'",
            (),
            "autouse=True",
        ),
        ("'Sandbox' object does not support the context manager protocol", (), "`async with`"),
        ("'ArenaClient' object does not support the context manager protocol", (), "`async with`"),
        ("T.test_x() missing 1 required positional argument: 'name'", (), None),
        ("assert 3 == 4", ("asyncio",), None),
    ],
)
def test_hint_fits_the_message(message: str, plugins: tuple[str, ...], hint: str | None) -> None:
    found = hint_for(message, plugins.__contains__)
    if hint is None:
        assert found is None
    else:
        assert found is not None
        assert hint in found


MISTAKES = """
    import pytest

    async def test_unmarked(arena_client):
        await arena_client.me()

    @pytest.mark.asyncio
    async def test_no_await(arena_client):
        call = arena_client.me()
        try:
            assert call.name == "Ada Osei"
        finally:
            call.close()  # otherwise it warns during a later test

    @pytest.mark.asyncio
    async def test_no_async_for(arena_client):
        for member in arena_client.groups.members("research-studio"):
            pass

    @pytest.fixture
    async def bot(arena_client):
        return arena_client

    @pytest.mark.asyncio
    async def test_fixture(bot):
        await bot.me()

    @pytest.fixture(scope="class")
    def wide(arena_client):
        return arena_client

    def test_scope(wide):
        pass

    @pytest.mark.arena_grup("a")
    def test_typo(arena_sandbox):
        pass

    @pytest.mark.arena_faults("reset")
    class TestTypo:
        def test_of_class(self, arena_sandbox):
            pass

    @pytest.mark.arena_quotas("free")
    def test_registered_by_the_suite():
        pass

    @pytest.mark.arena_quota("free")
    @pytest.mark.arena_quota(limit=7)
    def test_two_quotas(arena_sandbox):
        pass

    @pytest.fixture(scope="class")
    def shared_client(arena_sandbox_factory, arena_client_factory):
        with arena_sandbox_factory() as sandbox, arena_client_factory(sandbox) as client:
            yield client

    class TestShared:
        @pytest.mark.asyncio(loop_scope="class")
        async def test_class_loop(self, shared_client):
            await shared_client.me()

        @pytest.mark.asyncio
        async def test_own_loop(self, shared_client):
            await shared_client.me()

    def test_no_with(arena_sandbox_factory):
        assert arena_sandbox_factory().url

    @pytest.fixture
    def unopened(arena_sandbox_factory):
        return arena_sandbox_factory()

    def test_no_with_in_a_fixture(unopened, arena_client_factory):
        with arena_client_factory(unopened):
            pass

    async def test_of_others():
        pass
    """


def test_usual_mistakes_say_what_to_do(suite: Suite) -> None:
    suite.makepyfile(MISTAKES)
    suite.makeini(
        """
        [pytest]
        asyncio_default_fixture_loop_scope = function
        markers = arena_quotas(tier): another marker
        """
    )
    result = run(suite, "-W", "ignore")
    result.assert_outcomes(passed=2, failed=7, errors=5)
    for test, line in {
        "test_unmarked": "pytest-asyncio is in strict mode: mark the test with @pytest.mark.*",
        "test_no_await": "E * write `await` before the call.",
        "test_no_async_for": "E * Lists are async: write `async for`, *",
        "TestShared.test_own_loop": "E * share a client need one event loop: *",
        "test_no_with": "E * return context managers: use `with`, *",
        "test_no_with_in_a_fixture": "E * return context managers: use `with`, *",
        "test_of_others": "async def functions are not natively supported.",
    }.items():
        result.stdout.fnmatch_lines([f"*_ {test} _*", line])
    for test, line in {
        "test_fixture": "pytest-asyncio is in strict mode: use @pytest_asyncio.fixture *",
        "test_scope": "*with arena_sandbox_factory(request) as sandbox, *",
        "test_typo": "*arena_grup on test_typo: there is no such marker. Did you mean arena_group?",
        "TestTypo.test_of_class": "*.arena_faults on *: there is no *. Did you mean arena_fault?",
        "test_two_quotas": "@pytest.mark.arena_quota: 2 of them on test_two_quotas: keep one. *",
    }.items():
        result.stdout.fnmatch_lines([f"*_ ERROR at setup of {test} _*", line])
    assert result.stdout.str().count("asyncio is in strict mode: mark the test") == 1


def test_forgotten_await_fails_where_warnings_are_errors(suite: Suite) -> None:
    suite.makepyfile(
        """
        async def test_it(arena_client):
            arena_client.groups.create("Night walks")
        """
    )
    result = run(suite, "-W", "error")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*coroutine 'GroupsResource.create' was never awaited*"])


def test_trio_is_reported(suite: Suite) -> None:
    pytest.importorskip("trio")
    suite.makepyfile(
        """
        import pytest

        @pytest.mark.anyio
        async def test_it(arena_client, anyio_backend):
            await arena_client.me()
        """
    )
    result = run(suite, "-p", "anyio", "-p", "no:asyncio", "-o", "addopts=", "-W", "ignore")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["E * Trio is not supported: let the fixture anyio_backend *"])


def test_failure_of_the_sandbox_is_the_failure_of_the_test(suite: Suite) -> None:
    suite.makepyfile(
        """
        import pytest
        from arena_groups import ServerError
        from arena_groups.sandbox.faults import BodyFault, Latency

        class Broken(BodyFault):
            def transform(self, serialized, body):
                raise KeyError("the mistake in the fault")

        async def test_fault(arena_client, arena_sandbox):
            arena_sandbox.faults.add(Broken(), times=1)
            await arena_client.me()

        async def test_where(arena_client, arena_sandbox):
            arena_sandbox.faults.add(Latency(0), where=lambda request: request.nothing)
            with pytest.raises(ServerError):
                await arena_client.me()

        @pytest.fixture(scope="class")
        def arena_sandbox(request, arena_sandbox_factory):
            with arena_sandbox_factory(request) as sandbox:
                yield sandbox

        class TestShared:
            @pytest.mark.xfail(raises=KeyError, strict=True)
            @pytest.mark.arena_fault(Broken(), times=1)
            async def test_fault(self, arena_client):
                await arena_client.me()

            async def test_later(self, arena_client, arena_sandbox):
                await arena_client.me()
                assert [type(each) for each in arena_sandbox.failures] == [KeyError]
        """
    )
    result = run(suite)
    result.assert_outcomes(failed=2, passed=1, xfailed=1)
    for test, error in {
        "test_fault": "E * KeyError: 'the mistake in the fault'",
        "test_where": "E * AttributeError: 'RecordedRequest' object has no attribute 'nothing'",
    }.items():
        note = "E * This was raised in arena_sandbox, which answered with a 500."
        result.stdout.fnmatch_lines([f"*_ {test} _*", error, note])
