"""The command that watches groups."""

import asyncio
import errno
import json
import shlex
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from arena_groups.cli.main import run
from arena_groups.sandbox import Sandbox
from tests.support.clients import single
from tests.support.command_line import (
    BrokenStream,
    Finished,
    InterruptingStream,
    MemoryKeyring,
    Typing,
)
from tests.support.faults import ReplaceText
from tests.support.redis_server import RedisServer

Watch = Callable[..., Finished]
GROUP = "blank-page"
STUDIO = "research-studio"
WELCOME = """
import json, os, sys
event = json.load(sys.stdin)
assert os.environ["ARENA_EVENT"] == event["kind"]
assert os.environ["ARENA_EVENT_KEY"] == event["key"]
assert os.environ["ARENA_GROUP"] == event["group"]["slug"]
assert os.environ["ARENA_GROUP_ID"] == str(event["group"]["id"])
print("hello", event["member"]["name"])
sys.exit(int(sys.argv[1]))
"""


@pytest.fixture
def watch(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Watch:
    """Run the command against the test's own sandbox, to its end."""

    def call(*arguments: str) -> Finished:
        monkeypatch.setenv("ARENA_TOKEN", sandbox.tokens.owner)
        code = run(["watch", *arguments, "--base-url", sandbox.url])
        return Finished(code, *capfd.readouterr())

    return call


def welcome(folder: Path, code: int = 0) -> str:
    script = folder / "wel come.py"
    script.write_text(WELCOME)
    return shlex.join([sys.executable, str(script), str(code)])


def kinds(done: Finished) -> list[str]:
    assert (done.code, done.err) == (0, "")
    return [json.loads(line)["kind"] for line in done.out.splitlines()]


def test_once_with_store_reports_events_since_last_run(
    watch: Watch, sandbox: Sandbox, tmp_path: Path
) -> None:
    store = ["--once", "--store", str(tmp_path / "state.db"), "--ndjson"]
    assert kinds(watch(GROUP, *store)) == []
    sandbox.accept_invitation(sandbox.add_invitations(GROUP, 1)[0])
    sandbox.add_invitations(GROUP, 1)
    assert kinds(watch(GROUP, *store)) == ["invitation-sent", "member-joined"]
    assert kinds(watch(GROUP, *store)) == []
    assert kinds(watch(GROUP, *store, "--name", "other", "--replay")) != []


def test_feed_names_who_added_a_member(watch: Watch, sandbox: Sandbox, tmp_path: Path) -> None:
    line = [STUDIO, "--store", str(tmp_path / "s.db"), "--once", "--ndjson", "--feed"]
    assert kinds(watch(*line)) == []
    fan = sandbox.add_user("Fan")
    sandbox.follow(fan, sandbox.users.member.id)
    asyncio.run(add(sandbox, fan))
    (event,) = map(json.loads, watch(*line).out.splitlines())
    assert (event["member"]["id"], event["added_by"]["id"]) == (fan, sandbox.users.member.id)


async def add(sandbox: Sandbox, person: int) -> None:
    async with single(sandbox.tokens.member, base_url=sandbox.url) as other:
        assert (await other.groups.invite(STUDIO, user_id=person)).outcome == "added"


def test_replay_as_table_has_a_line_per_event(watch: Watch, sandbox: Sandbox) -> None:
    done = watch(GROUP, "--once", "--replay", "--format", "table")
    assert done.err == ""
    assert done.out.splitlines()[0].split() == ["TIME", "(UTC)", "GROUP", "EVENT", "WHO"]
    assert "member joined" in done.out


def test_replay_as_csv_has_a_line_per_event(watch: Watch, sandbox: Sandbox) -> None:
    lines = watch(GROUP, "--once", "--replay", "--format", "csv").out.splitlines()
    assert lines[0] == "key,group,kind,who,observed_at"
    assert lines[1].startswith(f"{sandbox.groups[GROUP]}/member-joined/1/")
    assert f"-1,{GROUP},member-joined," in lines[1]


@pytest.mark.parametrize("options", [["--ndjson"], ["--format", "json"], ["--format", "csv"], []])
def test_names_that_utf8_cannot_encode_do_not_end_the_watch(
    watch: Watch, sandbox: Sandbox, options: list[str]
) -> None:
    sandbox.faults.add(ReplaceText(GROUP.encode(), rb"pa\ud800ge\u0000"))
    done = watch(str(sandbox.groups[GROUP]), "--once", "--replay", *options)
    assert (done.code, done.err) == (0, "")
    assert "pa\\ud800ge" in done.out


def test_exec_command_gets_a_slug_that_no_variable_can_hold(
    watch: Watch, sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.faults.add(ReplaceText(GROUP.encode(), rb"pa\ud800ge\u0000"))
    script = tmp_path / "show.py"
    script.write_text(
        "import json, os, sys\n"
        "assert json.load(sys.stdin)['group']['slug'] == 'pa\\ud800ge\\0'\n"
        "assert os.environ['ARENA_GROUP'] == 'pa?ge\\ufffd'\n"
    )
    command = shlex.join([sys.executable, "-X", "utf8", str(script)])
    done = watch(str(sandbox.groups[GROUP]), "--once", "--replay", "--exec", command)
    assert (done.code, done.err) == (0, "")


def test_exec_failing_command_gets_event_again(
    watch: Watch, sandbox: Sandbox, tmp_path: Path
) -> None:
    store = ["--once", "--store", str(tmp_path / "state.db")]
    watch(GROUP, *store)
    sandbox.add_member(GROUP, sandbox.add_user("Ada; rm -rf $HOME"))
    failed = watch(GROUP, *store, "--exec", welcome(tmp_path, 3))
    assert (failed.code, failed.out) == (1, "hello Ada; rm -rf $HOME\n")
    assert "failed with exit code 3" in failed.err
    assert failed.err.count("\n") == 1
    again = watch(GROUP, *store, "--exec", welcome(tmp_path))
    assert (again.code, again.out) == (0, "hello Ada; rm -rf $HOME\n")
    assert watch(GROUP, *store, "--exec", welcome(tmp_path)).out == ""


def test_exec_command_that_ignores_stdin_succeeds(watch: Watch, sandbox: Sandbox) -> None:
    sandbox.add_members(GROUP, 3)
    done = watch(GROUP, "--once", "--replay", "--exec", shlex.join([sys.executable, "-c", "pass"]))
    assert (done.code, done.out, done.err) == (0, "", "")


@pytest.mark.parametrize("line", ["", "'open", "no-such-command-anywhere"])
def test_exec_invalid_command_is_an_error_before_the_first_event(watch: Watch, line: str) -> None:
    done = watch(GROUP, "--once", "--exec", line)
    assert (done.code, done.out) == (1, "")
    assert done.err.count("\n") == 1


def test_unknown_group_is_not_found(watch: Watch) -> None:
    done = watch("no-such-group")
    assert (done.code, done.out) == (3, "")
    assert "group no-such-group is no longer watched" in done.err


def test_interrupted_exits_with_130(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = InterruptingStream()
    monkeypatch.setattr(sys, "stdout", stream)
    assert watch(GROUP, "--replay", "--ndjson").code == 130
    assert json.loads(stream.getvalue().splitlines()[0])["kind"] == "member-joined"


def test_closed_pipe_exits_with_0(
    watch: Watch, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.add_members(GROUP, 5)
    stream = BrokenStream(errno.EPIPE, 1)
    monkeypatch.setattr(sys, "stdout", stream)
    done = watch(GROUP, "--replay", "--ndjson", "--quiet")
    assert (done.code, done.err) == (0, "")
    assert json.loads(stream.getvalue())["kind"] == "member-joined"


def test_failed_poll_is_reported_and_the_watch_continues(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = InterruptingStream("next try")
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("ARENA_TOKEN", sandbox.tokens.owner)
    line = ["watch", GROUP, "--replay", "--ndjson", "--base-url", "http://127.0.0.1:9"]
    assert run(line) == 130
    assert json.loads(stream.getvalue().splitlines()[-1])["note"]["message"].startswith(
        f"{GROUP}: "
    )


SECRET = "hunter2"


def test_shared_watch_with_redis_delivers_events_and_resumes(
    watch: Watch, sandbox: Sandbox, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.add_members(GROUP, 1)
    options = ["--shared", "--store", redis_server.url, "--replay", "--ndjson"]
    keys: list[str] = []
    for _ in range(2):
        stream = InterruptingStream()
        monkeypatch.setattr(sys, "stdout", stream)
        assert watch(GROUP, *options).code == 130
        keys.append(json.loads(stream.getvalue().splitlines()[0])["key"])
    assert keys[0] == keys[1]  # it was not acknowledged


def test_shared_watch_with_a_file_delivers_events(
    watch: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = InterruptingStream()
    monkeypatch.setattr(sys, "stdout", stream)
    store = str(tmp_path / "state.db")
    assert watch(GROUP, "--shared", "--store", store, "--replay", "--ndjson").code == 130
    assert json.loads(stream.getvalue().splitlines()[0])["kind"] == "member-joined"


async def known_limit(redis_server: RedisServer, token: str) -> int | None:
    """Return the rate limit that processes with this token share in Redis; ``None`` if none do."""
    from arena_groups.redis import RedisPacer

    async with RedisPacer(redis_server.url, token=token) as pacer:
        permit = await pacer.acquire(write=False)
        assert permit is not None
        pacer.release(permit, None)
        return pacer.snapshot().limit


@pytest.mark.parametrize("logged_in", [True, False])
def test_shared_watch_with_redis_shares_the_rate_limit_of_its_token(
    sandbox: Sandbox,
    redis_server: RedisServer,
    keyring: MemoryKeyring,
    typed: Typing,
    monkeypatch: pytest.MonkeyPatch,
    *,
    logged_in: bool,
) -> None:
    token = sandbox.tokens.owner
    where = ["--base-url", sandbox.url]
    if logged_in:
        typed(token)
        assert run(["auth", "login", *where]) == 0
    else:
        monkeypatch.setenv("ARENA_TOKEN", token)
    options = ["--store", redis_server.url, "--replay", "--ndjson", *where]
    assert asyncio.run(known_limit(redis_server, token)) is None
    assert run(["watch", GROUP, "--once", *options]) == 0
    assert asyncio.run(known_limit(redis_server, token)) is None
    monkeypatch.setattr(sys, "stdout", InterruptingStream())
    assert run(["watch", GROUP, "--shared", "--name", "other", *options]) == 130
    assert asyncio.run(known_limit(redis_server, token)) is not None


def test_shared_watch_in_private_sandboxes_shares_no_rate_limit(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", InterruptingStream())
    line = ["watch", GROUP, "--shared", "--store", redis_server.url, "--replay", "--sandbox"]
    assert run(line) == 130
    assert redis_server.command("EVAL \"return #redis.call('KEYS', '*:pacer:*')\" 0") == "0"


def test_shared_watch_that_may_not_share_the_rate_limit_ends_with_an_error(
    watch: Watch, own_redis_server: RedisServer
) -> None:
    own_redis_server.start()
    commands = "+eval +evalsha +hget +hset +hdel +hgetall"
    keys = "~arena-groups:store:*"
    own_redis_server.command(f"ACL SETUSER watcher on >{SECRET} {keys} {commands}")
    url = own_redis_server.url.replace("//", f"//watcher:{SECRET}@")
    done = watch(GROUP, "--shared", "--store", url)
    assert (done.code, done.out) == (1, "")
    assert "the request was not sent" in done.err
    assert "permission" in done.err
    assert done.err.count("\n") == 2  # the first says what is watched
    assert SECRET not in done.err


@pytest.mark.parametrize("concurrency", [1, 2])
def test_concurrency_is_the_number_of_polls_at_the_same_time(
    sandbox: Sandbox, watch: Watch, concurrency: int
) -> None:
    groups = [str(sandbox.add_group(f"Group {number}")) for number in range(4)]
    since = "2026-01-01"  # without a note that nothing will be reported
    done = watch(*groups, "--once", "--since", since, "--concurrency", str(concurrency))
    assert (done.code, done.err) == (0, "")
    order = [each.path.split("/")[3] for each in sandbox.requests]
    switches = sum(one != other for one, other in pairwise(order))
    assert set(order) == set(groups)
    assert (switches == 3) == (concurrency == 1)


@pytest.mark.parametrize("value", ["0", "-1", "many"])
def test_invalid_concurrency_is_an_error(watch: Watch, value: str) -> None:
    done = watch(GROUP, "--concurrency", value)
    assert (done.code, done.out) == (1, "")
    assert "--concurrency" in done.err


def test_store_of_the_environment_in_redis_is_used(
    watch: Watch, sandbox: Sandbox, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARENA_STORE", redis_server.url)
    assert kinds(watch(GROUP, "--once", "--ndjson")) == []
    sandbox.add_members(GROUP, 1)
    assert kinds(watch(GROUP, "--once", "--ndjson")) == ["member-joined"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--shared"], "--shared needs a --store"),
        (["--shared", "--once", "--store", "x.db"], "--shared and --once"),
        (["--store", f"http://:{SECRET}@127.0.0.1:9/0"], "use a file, or a URL"),
        (["--store", f"postgres://:{SECRET}@host/0"], "use a file, or a URL"),
        (["--store", f"redis://:{SECRET}@127.0.0.1:port/0"], "invalid Redis address"),
        (["--store", f"redis://:{SECRET}@127.0.0.1:9/0?hue=1"], "invalid Redis address"),
        (["--store", f"redis://:{SECRET}@127.0.0.1:9/0"], "the store in Redis cannot be used"),
        (["--shared", "--store", f"redis://:{SECRET}@127.0.0.1:9"], "the store in Redis cannot"),
        (["--store", f"redis://:{SECRET}@no-such-host.invalid"], "the store in Redis cannot"),
    ],
)
@pytest.mark.parametrize("more", [[], ["--verbose"]])
def test_store_that_cannot_be_used_is_an_error_without_its_password(
    watch: Watch, options: list[str], message: str, more: list[str]
) -> None:
    done = watch(GROUP, *options, *more)
    assert (done.code, done.out) == (1, "")
    assert message in done.err
    assert SECRET not in done.err
    assert "Traceback" not in done.err
