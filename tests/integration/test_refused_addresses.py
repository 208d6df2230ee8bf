"""Addresses that are refused: no frame of the package shows one to an error tracker."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import click
import pytest

import arena_groups
from arena_groups import (
    ArenaClient,
    ArenaError,
    ForbiddenError,
    InviteTarget,
    MemoryStore,
    NoPacer,
    StoreError,
    SyncPlan,
    invite_many,
    plan_sync,
    remove_many,
    revoke_many,
)
from arena_groups.bulk import normalize_invite_target
from arena_groups.cli.errors import CliError
from arena_groups.cli.invite_import import ImportOptions, import_invitations
from arena_groups.cli.main import app
from arena_groups.cli.options import Settings
from arena_groups.cli.people_file import read_invitees
from arena_groups.cli.sync_file import read_list
from arena_groups.reconcile import DesiredPerson
from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.faults import ServerFailure
from tests.integration.test_addresses import GROUP, respond
from tests.support.bulk import make_client
from tests.support.servers import ReceivedRequest, http, serving

PACKAGE = Path(arena_groups.__file__).parent
MARK = "wilhelmina"
GOOD = f"{MARK}.voss@example.org"
BAD = f"{MARK}.voss@localhost"


def frames_of(error: BaseException) -> Iterator[FrameType]:
    """Yield the frames of the package in an error, its causes and its contexts."""
    errors: list[BaseException | None] = [error]
    seen: set[int] = set()
    while errors:
        each = errors.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        errors += [each.__cause__, each.__context__]
        traceback: TracebackType | None = each.__traceback__
        while traceback is not None:
            if Path(traceback.tb_frame.f_code.co_filename).is_relative_to(PACKAGE):
                yield traceback.tb_frame
            traceback = traceback.tb_next


def shown(value: object, depth: int = 4) -> str:
    """Return what a tracker may show of a value: its repr, its items, its running frames."""
    text = repr(value)
    if depth:
        inner: list[object] = []
        if isinstance(value, dict):
            inner += [*value.keys(), *value.values()]
        elif isinstance(value, list | tuple | set | frozenset):
            inner += value
        for name in ("gi_frame", "cr_frame", "ag_frame"):
            frame = getattr(value, name, None)
            inner += [] if frame is None else frame.f_locals.values()
        text += "".join(shown(each, depth - 1) for each in inner)
    return text


def assert_hidden(error: BaseException, *, any_frames: bool = True) -> None:
    """Assert that neither the error nor a frame of the package shows an address."""
    frames = [*frames_of(error)]
    assert frames or not any_frames
    for frame in frames:
        names = [name for name, value in frame.f_locals.items() if MARK in shown(value)]
        assert not names, f"{frame.f_code.co_qualname}: {names}"
    assert MARK not in f"{error!r} {error}"


@pytest.fixture
def arena() -> ArenaClient:
    """A client that is never used for a request."""
    return ArenaClient("t", base_url="http://localhost:1")


def _invite(people: Any, **options: Any) -> Callable[[ArenaClient], object]:
    group = options.pop("group", "g")
    return lambda arena: invite_many(arena, group, people, **options)


REFUSED: dict[str, Callable[[ArenaClient], object]] = {
    "list": _invite([GOOD, BAD]),
    "tuple": _invite((BAD, GOOD)),
    "set": _invite({GOOD, BAD}),
    "keys of a dictionary": _invite({GOOD: 1, BAD: 2}.keys()),
    "target with address and id": _invite([GOOD, InviteTarget(email=GOOD, user_id=1)]),
    "bytes": _invite([GOOD, GOOD.encode()]),
    "nested list": _invite([[GOOD]]),
    "single string": _invite(GOOD),
    "invalid group": _invite([GOOD], group="a/b"),
    "invalid claim_timeout": _invite([GOOD], claim_timeout=0),
    "invalid concurrency": _invite([GOOD], concurrency=0),
    "invalid on_error": _invite([GOOD], on_error="x"),
    "one target": lambda _: normalize_invite_target(BAD),
    "one target of another type": lambda _: normalize_invite_target([GOOD]),
    "one target in bytes": lambda _: normalize_invite_target(GOOD.encode()),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_call_shows_no_address(case: str, arena: ArenaClient) -> None:
    with pytest.raises((ValueError, TypeError)) as caught:
        REFUSED[case](arena)
    assert_hidden(caught.value)


@pytest.mark.parametrize(
    ("group", "arguments"),
    [
        ("g", {"email": BAD}),
        ("g", {"email": f"{GOOD}\nBcc: {GOOD}"}),
        ("g", {"email": GOOD, "user_id": 4}),
        ("g", {"email": [GOOD]}),
        ("a/b", {"email": GOOD}),
        (None, {"email": GOOD}),
    ],
)
async def test_refused_invite_shows_no_address(
    group: Any, arguments: dict[str, Any], arena: ArenaClient
) -> None:
    with pytest.raises((ValueError, TypeError)) as caught:
        await arena.groups.invite(group, **arguments)
    assert_hidden(caught.value)


@pytest.mark.parametrize("bad", [BAD, GOOD.encode(), [GOOD], InviteTarget(email=BAD)])
async def test_address_refused_in_a_stream_is_not_shown(bad: object) -> None:
    async with (
        serving(respond) as server,
        ArenaClient("t", base_url=server.url, pacer=NoPacer()) as arena,
    ):
        people: Any = (each for each in [GOOD, bad])
        summary = await invite_many(arena, GROUP, people)
        (failed,) = summary.failed
        assert failed.error is not None
        assert_hidden(failed.error, any_frames=False)
        again: Any = (each for each in [bad, GOOD])
        with pytest.raises((ValueError, TypeError)) as caught:
            await invite_many(arena, GROUP, again, on_error="stop")
        assert_hidden(caught.value)


@pytest.mark.parametrize("delete_many", [revoke_many, remove_many])
async def test_address_instead_of_an_id_is_not_shown(delete_many: Any) -> None:
    async with (
        serving(respond) as server,
        ArenaClient("t", base_url=server.url, pacer=NoPacer()) as arena,
    ):
        with pytest.raises(TypeError) as caught:
            await delete_many(arena, GROUP, [GOOD], on_error="stop")
        assert_hidden(caught.value)


async def test_failed_store_shows_no_address() -> None:
    class BrokenStore(MemoryStore):
        async def compare_and_set(self, *_: object, **__: object) -> bool:
            raise StoreError("broken")

    async with (
        serving(respond) as server,
        ArenaClient("t", base_url=server.url, pacer=NoPacer()) as arena,
    ):
        with pytest.raises(StoreError) as caught:
            await invite_many(arena, GROUP, [GOOD], store=BrokenStore())
        assert_hidden(caught.value)


async def test_failed_list_of_invitations_shows_no_address() -> None:
    def respond_once(request: ReceivedRequest) -> bytes:
        if "/members" in request.target:
            return http({"error": "Forbidden", "code": 403}, "403 Forbidden")
        return respond(request, GOOD)

    async with (
        serving(respond_once) as server,
        ArenaClient("t", base_url=server.url, pacer=NoPacer()) as arena,
    ):
        with pytest.raises(ForbiddenError) as caught:
            await invite_many(arena, GROUP, [GOOD])
        assert_hidden(caught.value)


@pytest.mark.parametrize(
    ("text", "column"),
    [
        (f"email\n{GOOD}\n{BAD}\n", None),
        (f"{BAD}\n", None),
        (f"name,mail\nx,{GOOD}\n", None),
        (f"name,mail\nx,{GOOD}\n", "email"),
        (f'email\n{GOOD}\n"{"x" * 140_000}"\n', None),
    ],
)
async def test_refused_file_shows_no_address(text: str, column: str | None, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text(text)
    with pytest.raises(CliError) as caught:
        read_invitees(str(file), column)
    assert_hidden(caught.value)
    options = ImportOptions(file=str(file), column=column)
    with pytest.raises(CliError) as caught:
        await import_invitations(Settings(), "g", options)
    assert_hidden(caught.value)
    assert MARK not in str(caught.value.details)
    if column is None:
        with pytest.raises(CliError) as caught:
            read_list(str(file))
        assert_hidden(caught.value)
        assert MARK not in str(caught.value.details)


async def test_import_that_skips_lines_shows_no_address(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, result = tmp_path / "people.csv", tmp_path / "result.csv"
    file.write_text(f"email\n{MARK}@\n{GOOD}\n")
    options = ImportOptions(file=str(file), skip_invalid=True, result=result)
    with pytest.raises(arena_groups.NotFoundError) as caught:
        await import_invitations(Settings(sandbox=True), "no-such", options)
    assert_hidden(caught.value)
    assert MARK not in capsys.readouterr().err + result.read_text()


def test_refused_file_of_other_encoding_shows_no_address(tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_bytes(f"{GOOD}\n\xe9".encode("latin-1"))
    with pytest.raises(CliError) as caught:
        read_invitees(str(file), None)
    assert_hidden(caught.value)


@pytest.mark.parametrize("line", [[GOOD, BAD], [GOOD, "--journal", "x"]])
def test_refused_option_shows_no_address(line: list[str]) -> None:
    addresses = [f"--email={each}" if MARK in each else each for each in line]
    with pytest.raises((ValueError, click.UsageError)) as caught:
        app.main(["invitations", "send", "g", *addresses], standalone_mode=False, obj=Settings())
    assert_hidden(caught.value)


@pytest.mark.parametrize("command", ["send", "revoke"])
@pytest.mark.parametrize("line", [[GOOD, BAD], [f"https://x.example/{MARK}"], [GOOD, "a/b"]])
def test_refused_argument_shows_no_address(command: str, line: list[str]) -> None:
    with pytest.raises((ValueError, click.UsageError)) as caught:
        app.main(["invitations", command, "g", *line], standalone_mode=False, obj=Settings())
    assert_hidden(caught.value)


def _numbered_rows() -> Iterator[str]:
    yield GOOD
    raise LookupError("the file has ended early")


PLANS: dict[str, dict[str, Any]] = {
    "list": {"desired": [GOOD, BAD]},
    "set": {"desired": {GOOD, BAD}},
    "row": {"desired": {"email": GOOD}},
    "rows": {"desired": [{"email": BAD, "note": GOOD}]},
    "single string": {"desired": GOOD},
    "address as a user": {"desired": [DesiredPerson(user=GOOD)]},
    "broken iterable": {"desired": _numbered_rows()},
    "contradiction": {"desired": [{"email": GOOD, "user": 5}, {"email": GOOD, "user": 6}]},
    "keep": {"keep": [GOOD, BAD]},
    "keep that is a string": {"keep": GOOD},
    "reinvite": {"reinvite": [GOOD, BAD]},
    "reinvite that is a string": {"reinvite": GOOD},
    "group": {"group": "a/b"},
    "option": {"add_only": 1},
    "fraction": {"max_removals": 2.0},
    "store": {"store": MemoryStore},
    "key": {"key": MARK[:5]},
}


@pytest.mark.parametrize("case", PLANS)
async def test_refused_plan_shows_no_address(case: str, arena: ArenaClient) -> None:
    arguments = {"group": "g", "desired": [GOOD], **PLANS[case]}
    with pytest.raises((ValueError, TypeError, LookupError)) as caught:
        await plan_sync(arena, **arguments)
    assert_hidden(caught.value)


@pytest.mark.parametrize(
    "operation", ["getGroup", "getCurrentUser", "getGroupInvitations", "getGroupMembers", "getUser"]
)
async def test_plan_that_fails_while_it_reads_shows_no_address(operation: str) -> None:
    async with Sandbox() as sandbox, make_client(sandbox) as arena:
        sandbox.add_group("Spring", slug="spring")
        await arena.groups.invite("spring", email=GOOD)
        sandbox.faults.add(ServerFailure(), operation=operation)
        rows = [GOOD, {"email": f"2{GOOD}", "user": "nobody", "note": GOOD}]
        with pytest.raises(ArenaError) as caught:
            await plan_sync(arena, "spring", rows, keep=[GOOD], store=MemoryStore(), key="k" * 20)
        assert_hidden(caught.value)
        sandbox.faults.clear()
        with pytest.raises(ValueError, match="users who do not exist: position 1") as refused:
            await plan_sync(arena, "spring", rows, keep=[GOOD], store=MemoryStore(), key="k" * 20)
        assert_hidden(refused.value)


@pytest.mark.parametrize("method", ["read", "compare_and_set"])
async def test_plan_with_a_failed_store_shows_no_address(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise StoreError("broken")

    store = MemoryStore()
    monkeypatch.setattr(store, method, fail)
    async with Sandbox() as sandbox, make_client(sandbox) as arena:
        sandbox.add_group("Spring", slug="spring")
        await arena.groups.invite("spring", email=GOOD)
        with pytest.raises(StoreError) as caught:
            await plan_sync(arena, "spring", [GOOD], store=store, key="k" * 20)
        assert_hidden(caught.value)


@pytest.mark.parametrize(
    "damage", [{"version": 9}, {"people": GOOD}, {"people": [{"emails": [BAD]}]}, {"actions": None}]
)
async def test_damaged_plan_shows_no_address(damage: dict[str, Any]) -> None:
    async with Sandbox() as sandbox, make_client(sandbox) as arena:
        sandbox.add_group("Spring", slug="spring")
        plan = await plan_sync(arena, "spring", [GOOD])
    assert MARK not in f"{plan} {plan!r} {plan.actions!r} {plan.people!r}"
    with pytest.raises(ValueError, match=r"version|damaged") as caught:
        SyncPlan.from_dict({**plan.to_dict(), **damage})
    assert_hidden(caught.value)
