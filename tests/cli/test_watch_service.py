"""Watch as a service: webhooks, secrets, health, and its end by signals."""

import json
import os
import shlex
import signal
import socket
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from arena_groups import PollFailure, StoreError
from arena_groups.cli.main import run
from arena_groups.cli.options import Format, Settings
from arena_groups.cli.watch_service import FailureReporter, backlog_notes
from arena_groups.sandbox.threaded import ThreadedSandbox
from arena_groups.webhooks import Backlog
from tests.support.command_line import Captured, Finished, Process, Start
from tests.support.redis_server import RedisServer
from tests.support.waiting import HANG_TIMEOUT, until_blocking

GROUP = "blank-page"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="
HIDDEN = "hidden-part"
STOP_WITHIN = 5.0


class Endpoint:
    """Receiver on this machine; ``status`` is its answer, and ``hanging`` keeps it from any."""

    def __init__(self) -> None:
        self.status = 204
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.tunnels: list[str] = []
        self.hanging = threading.Event()
        self.resumed = threading.Event()
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                endpoint.requests.append((headers, body))
                if endpoint.hanging.is_set():
                    endpoint.resumed.wait(HANG_TIMEOUT)
                self.send_response(endpoint.status)
                self.end_headers()

            def do_CONNECT(self) -> None:  # as a proxy, which refuses
                endpoint.tunnels.append(self.path)
                self.send_response(502)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/{HIDDEN}"

    @property
    def keys(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.requests]


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    found = Endpoint()
    thread = threading.Thread(target=found.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield found
    found.resumed.set()
    found.server.shutdown()
    found.server.server_close()
    thread.join()


@pytest.fixture
def sandbox() -> Iterator[ThreadedSandbox]:
    with ThreadedSandbox() as running:
        yield running


Watch = Callable[..., Process]
Watched = Callable[..., Finished]


@pytest.fixture
def watch(sandbox: ThreadedSandbox, start: Start) -> Watch:
    """Start the command in a process, against the test's own sandbox."""

    def begin(*arguments: str, token: str | None = None, **variables: str) -> Process:
        where = {"ARENA_BASE_URL": sandbox.url, "ARENA_TOKEN": token or sandbox.tokens.owner}
        return start("watch", *arguments, **where, **variables)

    return begin


@pytest.fixture
def watched(
    sandbox: ThreadedSandbox, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Watched:
    """Run the command to its end, against the test's own sandbox, in this process."""

    def call(*arguments: str, token: str | None = None, **variables: str) -> Finished:
        where = {
            "ARENA_BASE_URL": sandbox.url,
            "ARENA_TOKEN": sandbox.tokens.owner if token is None else token,
        }
        with monkeypatch.context() as patch:
            for name, value in {**where, **variables}.items():
                patch.setenv(name, value)
            code = run(["watch", *arguments])
        return Finished(code, *capfd.readouterr())

    return call


def finish(process: Process) -> Finished:
    out, err = process.communicate(timeout=HANG_TIMEOUT)
    return Finished(process.returncode, out, err)


def next_line(process: Process, containing: str) -> str:
    """Return the next line of standard error with a text."""
    assert process.stderr is not None
    for line in process.stderr:
        if containing in line:
            return str(line)
    raise AssertionError(f"{containing} was never written")


def stop(process: Process, number: signal.Signals = signal.SIGTERM) -> Finished:
    """Send a signal, and check that the process ends in time."""
    process.send_signal(number)
    out, err = process.communicate(timeout=STOP_WITHIN)
    return Finished(process.returncode, out, err)


def with_webhook(endpoint: Endpoint, store: Path, *more: str) -> list[str]:
    return [GROUP, "--store", str(store), "--allow-private-targets", *more]


class TestWebhooks:
    def test_events_are_delivered_with_a_signature(
        self, watch: Watch, endpoint: Endpoint, tmp_path: Path
    ) -> None:
        done = finish(
            watch(
                *with_webhook(endpoint, tmp_path / "s.db", "--once", "--replay", "--ndjson"),
                ARENA_WEBHOOK_URL=endpoint.url,
                ARENA_WEBHOOK_SECRET=f"{SECRET} whsec_b2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xk",
            )
        )
        assert (done.code, done.err) == (0, "")
        ((headers, body),) = endpoint.requests
        found = Webhook(SECRET).verify(body, headers)
        assert found["type"] == "member.joined"
        assert json.loads(done.out)["key"] == headers["webhook-id"]

    def test_several_endpoints_of_a_file_get_every_event(
        self, watched: Watched, endpoint: Endpoint, tmp_path: Path
    ) -> None:
        config = tmp_path / "watch.toml"
        config.write_text(
            f'groups = ["{GROUP}"]\nstore = "s.db"\nreplay = true\nallow_private_targets = true\n'
            f'[[webhooks]]\nurl = "{endpoint.url}/one"\nsecret = "{SECRET}"\n'
            f'[[webhooks]]\nurl = "{endpoint.url}/two"\nsecret = "{SECRET}"\nname = "two"\n'
        )
        config.chmod(0o600)
        done = watched("--config", str(config), "--once", "--quiet")
        assert (done.code, done.err) == (0, "")
        assert len(endpoint.keys) == 2
        assert len(set(endpoint.keys)) == 1
        assert (tmp_path / "s.db").exists()

    @pytest.mark.parametrize(
        ("shared", "own", "shown"),
        [("", "", False), ("true", "", True), ("true", "false", False), ("false", "true", True)],
    )
    def test_addresses_are_sent_if_the_option_or_the_endpoint_says_so(
        self,
        watched: Watched,
        endpoint: Endpoint,
        sandbox: ThreadedSandbox,
        tmp_path: Path,
        shared: str,
        own: str,
        shown: bool,
    ) -> None:
        sandbox.add_invitations(GROUP, 4)
        config = tmp_path / "watch.toml"
        config.write_text(
            f'groups = ["{GROUP}"]\nreplay = true\nallow_private_targets = true\n'
            f'[[webhooks]]\nurl = "{endpoint.url}"\nsecret = "{SECRET}"\n'
            + (f"include_emails = {own}\n" if own else "")
        )
        config.chmod(0o600)
        more = ["--include-emails"] if shared == "true" else []
        done = watched("--config", str(config), "--once", "--quiet", *more)
        assert done.code == 0
        events = [json.loads(body)["data"] for _, body in endpoint.requests]
        sent = [each["invitation"] for each in events if each["kind"] == "invitation-sent"]
        assert len(sent) == 4
        assert any(each["invitee_email"] is not None for each in sent) is shown

    def test_secret_file_for_slack_only_is_refused(self, watched: Watched, tmp_path: Path) -> None:
        secret = tmp_path / "secret"
        secret.write_text(SECRET)
        secret.chmod(0o600)
        url = f"https://hooks.slack.com/{HIDDEN}"
        done = watched(GROUP, "--webhook", url, "--webhook-secret-file", str(secret), token="")
        assert (done.code, done.out) == (1, "")
        assert "--webhook-secret-file has no effect" in done.err
        assert HIDDEN not in done.err

    def test_format_is_also_that_of_endpoints_of_the_file(
        self, watched: Watched, endpoint: Endpoint, tmp_path: Path
    ) -> None:
        config = tmp_path / "watch.toml"
        config.write_text(
            f'groups = ["{GROUP}"]\nreplay = true\nallow_private_targets = true\n'
            f'[[webhooks]]\nurl = "{endpoint.url}/one"\n'
            f'[[webhooks]]\nurl = "{endpoint.url}/two"\nformat = "json"\nsecret = "{SECRET}"\n'
        )
        config.chmod(0o600)
        options = ["--config", str(config), "--webhook-format", "discord", "--once", "--quiet"]
        done = watched(*options)
        assert (done.code, done.err) == (0, "")
        bodies = [set(json.loads(body)) for _, body in endpoint.requests]
        assert sorted(min(each) for each in bodies) == ["allowed_mentions", "data"]

    @pytest.mark.parametrize("asked", [True, False])
    def test_proxy_of_the_environment_is_used_only_if_the_file_says_so(
        self, watched: Watched, endpoint: Endpoint, tmp_path: Path, asked: bool
    ) -> None:
        config = tmp_path / "watch.toml"
        config.write_text(
            f'[[webhooks]]\nurl = "https://hook.invalid/{HIDDEN}"\nsecret = "{SECRET}"\n'
            f"trust_env = {str(asked).lower()}\n"
        )
        config.chmod(0o600)
        proxy = endpoint.url.removesuffix(HIDDEN)
        options = ["--config", str(config), "--once", "--replay", "--deliver-for", "1s"]
        done = watched(GROUP, *options, https_proxy=proxy)
        assert done.code == 1
        assert set(endpoint.tunnels) == ({"hook.invalid:443"} if asked else set())
        assert HIDDEN not in done.err

    def test_option_comes_before_the_file(
        self, watched: Watched, endpoint: Endpoint, sandbox: ThreadedSandbox, tmp_path: Path
    ) -> None:
        config = tmp_path / "watch.toml"
        config.write_text(f'groups = ["{GROUP}"]\nreplay = true\n')
        line = ["--config", str(config), "--once", "--ndjson"]
        groups = [
            {json.loads(each)["group"]["slug"] for each in watched(*words, *line).out.splitlines()}
            for words in ([], ["night-shift"], ["--all-groups"])
        ]
        assert groups[:2] == [{GROUP}, {"night-shift"}]
        assert len(groups[2]) == 8

    def test_what_is_left_stays_for_the_next_run(
        self, watched: Watched, endpoint: Endpoint, tmp_path: Path
    ) -> None:
        endpoint.status = 503
        line = with_webhook(endpoint, tmp_path / "s.db", "--once", "--quiet")
        variables = {"ARENA_WEBHOOK_URL": endpoint.url, "ARENA_WEBHOOK_SECRET": SECRET}
        failed = watched(*line, "--replay", "--deliver-for", "1s", **variables)
        assert failed.code == 1
        assert "1 event not delivered to http://127.0.0.1 in 1 s: 503 Service" in failed.err
        assert "the next run tries again" in failed.err
        assert HIDDEN not in failed.err
        endpoint.status = 204
        before = len(endpoint.keys)
        again = watched(*line, **variables)
        assert (again.code, again.err) == (0, "")
        assert len(endpoint.keys) == before + 1
        assert len(set(endpoint.keys)) == 1
        last = watched(*line, **variables)
        assert (last.code, len(endpoint.keys)) == (0, before + 1)

    def test_events_that_are_given_up_are_an_error_and_named(
        self, watched: Watched, endpoint: Endpoint, tmp_path: Path
    ) -> None:
        endpoint.status = 503
        line = with_webhook(endpoint, tmp_path / "s.db", "--once", "--replay")
        variables = {"ARENA_WEBHOOK_URL": endpoint.url, "ARENA_WEBHOOK_SECRET": SECRET}
        failed = watched(*line, "--give-up-after", "0.001", **variables)
        assert failed.code == 1
        assert "http://127.0.0.1: gave up 1 event" in failed.err
        assert "1 event given up" in failed.err
        assert "`arena-groups deliveries retry`" in failed.err
        assert watched(*line, **variables).code == 0  # it is not given up again

    def test_watch_of_other_groups_with_the_same_name_ends_the_first(
        self, watch: Watch, endpoint: Endpoint, sandbox: ThreadedSandbox, tmp_path: Path
    ) -> None:
        variables = {"ARENA_WEBHOOK_URL": endpoint.url, "ARENA_WEBHOOK_SECRET": SECRET}
        line = with_webhook(endpoint, tmp_path / "s.db", "--interval", "0.3")
        first = watch(*line, "--replay", "--ndjson", **variables)
        assert first.stdout is not None
        first.stdout.readline()
        until_blocking(lambda: len(endpoint.requests) == 1)
        second = watch("night-shift", *line[1:], "--replay", **variables)
        assert second.stdout is not None
        second.stdout.readline()
        sandbox.add_members(GROUP, 1)
        done = finish(first)
        assert done.code == 1
        assert "use --shared for all of them, or give each another --name" in done.err
        assert stop(second).code == 0

    def test_failure_and_recovery_are_reported_without_the_url(
        self, watch: Watch, endpoint: Endpoint, tmp_path: Path
    ) -> None:
        endpoint.status = 500
        line = with_webhook(endpoint, tmp_path / "s.db", "--replay")
        process = watch(*line, ARENA_WEBHOOK_URL=endpoint.url, ARENA_WEBHOOK_SECRET=SECRET)
        line_of_failure = next_line(process, "waiting")
        assert "http://127.0.0.1: " in line_of_failure
        assert "1 event waiting" in line_of_failure
        endpoint.status = 204
        recovered = next_line(process, "delivered again")
        done = stop(process)
        assert done.code == 0
        assert HIDDEN not in line_of_failure + recovered + done.err

    @pytest.mark.parametrize(
        ("url", "message"),
        [
            ("http://169.254.169.254/hidden-part", "webhook 1: "),
            ("https://10.0.0.1/hidden-part", "--allow-private-targets"),
            ("ftp://example.org/hidden-part", "webhook 1: url must be"),
            ("https://user:hidden-part@example.org/", "without a user name"),
            ("hidden-part", "webhook 1: url must be"),
        ],
    )
    @pytest.mark.parametrize("more", [[], ["--verbose"], ["--format", "json"]])
    def test_url_that_is_refused_is_not_shown(
        self, capfd: pytest.CaptureFixture[str], url: str, message: str, more: list[str]
    ) -> None:
        code = run(["watch", GROUP, "--webhook", url, *more])
        out, err = capfd.readouterr()
        assert (code, out) == (1, "")
        assert message in err
        assert HIDDEN not in err
        assert err.count("\n") == 1

    def test_wrong_secret_is_not_shown(self, watched: Watched) -> None:
        url = "https://example.org/"
        done = watched(GROUP, token="", ARENA_WEBHOOK_URL=url, ARENA_WEBHOOK_SECRET=HIDDEN)
        assert done.code == 1
        assert "webhook 1: " in done.err
        assert HIDDEN not in done.err

    def test_watch_without_secret_or_store_says_so(
        self, watched: Watched, endpoint: Endpoint
    ) -> None:
        options = ["--webhook", endpoint.url, "--allow-private-targets", "--once", "--replay"]
        done = watched(GROUP, *options)
        assert done.code == 0
        assert "webhooks are not signed: set ARENA_WEBHOOK_SECRET" in done.err
        assert "without --store, what waits for a webhook is lost" in done.err


class TestEnvironmentOfCommands:
    def test_exec_command_gets_no_secret_of_the_watch(
        self, watched: Watched, tmp_path: Path
    ) -> None:
        script = tmp_path / "show.py"
        script.write_text("import os; print(sorted(n for n in os.environ if 'ARENA' in n))")
        withheld = {
            "ARENA_WEBHOOK_URL": "https://example.org/hidden-part",
            "ARENA_WEBHOOK_SECRET": SECRET,
            "ARENA_STORE": str(tmp_path / "s.db"),
            "ARENA_SYNC_KEY": "0123456789abcdef0123456789abcdef",
            "ARENA_MCP_TOKEN": "0123456789abcdef",
        }
        command = shlex.join([sys.executable, str(script)])
        options = ["--once", "--replay", "--exec", command, "--deliver-for", "0"]
        shown = watched(GROUP, *options, **withheld).out
        assert "ARENA_EVENT_KEY" in shown
        assert "ARENA_TOKEN" in shown
        assert not [name for name in withheld if name in shown]


class TestSignals:
    def test_sigterm_ends_a_waiting_watch_with_0(self, watch: Watch) -> None:
        process = watch(GROUP)
        next_line(process, "watching 1 group every 60 s")
        assert stop(process) == Finished(0, "", "")

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_signal_during_a_hanging_poll_ends_the_watch(
        self, start: Start, number: signal.Signals
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            silent.settimeout(HANG_TIMEOUT)
            base = f"http://127.0.0.1:{silent.getsockname()[1]}"
            process = start("watch", GROUP, ARENA_BASE_URL=base, ARENA_TOKEN="token")
            with silent.accept()[0] as connection:
                assert connection.recv(4) == b"GET "
                done = stop(process, number)
        assert (done.code, done.out) == (0 if number is signal.SIGTERM else 130, "")

    def test_sigterm_during_a_hanging_webhook_keeps_the_event(
        self, watch: Watch, endpoint: Endpoint, tmp_path: Path
    ) -> None:
        endpoint.hanging.set()
        line = with_webhook(endpoint, tmp_path / "s.db", "--quiet", "--ndjson")
        variables = {"ARENA_WEBHOOK_URL": endpoint.url, "ARENA_WEBHOOK_SECRET": SECRET}
        process = watch(*line, "--replay", **variables)
        until_blocking(lambda: len(endpoint.requests) == 1)
        assert stop(process).code == 0
        endpoint.hanging.clear()
        assert finish(watch(*line, "--once", **variables)).code == 0
        assert len(endpoint.keys) == 2
        assert len(set(endpoint.keys)) == 1

    def test_sigterm_ends_a_command_that_ignores_it(self, watch: Watch, tmp_path: Path) -> None:
        script = tmp_path / "stubborn.py"
        script.write_text(
            "import signal, sys, time\n"
            "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            "print('here', flush=True)\n"
            "time.sleep(600)\n"
        )
        process = watch(GROUP, "--replay", "--exec", shlex.join([sys.executable, str(script)]))
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        assert stop(process).code == 0

    def test_second_sigterm_does_not_disturb_the_end_after_the_first(
        self, watch: Watch, tmp_path: Path
    ) -> None:
        script = tmp_path / "stubborn.py"
        script.write_text(
            "import os, signal, sys, time\n"
            "signal.signal(signal.SIGTERM, lambda *_: os.write(1, b'again\\n'))\n"
            "print(os.getpid(), flush=True)\n"
            "time.sleep(600)\n"
        )
        process = watch(GROUP, "--replay", "--exec", shlex.join([sys.executable, str(script)]))
        assert process.stdout is not None
        child = int(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "again\n"
        process.send_signal(signal.SIGTERM)
        try:
            assert process.wait(STOP_WITHIN) == 0
            with pytest.raises(ProcessLookupError):
                os.kill(child, 0)
        finally:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)

    def test_sigterm_ends_a_watch_whose_output_nobody_reads(
        self, watch: Watch, sandbox: ThreadedSandbox
    ) -> None:
        sandbox.add_members(GROUP, 800)
        process = watch(GROUP, "--replay", "--ndjson")
        next_line(process, "watching 1 group")
        assert process.stdout is not None
        assert process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(STOP_WITHIN) == 0

    def test_sigterm_releases_the_leases(self, watch: Watch, tmp_path: Path) -> None:
        import sqlite3

        store = tmp_path / "s.db"
        line = [GROUP, "--store", str(store), "--shared", "--replay", "--ndjson"]
        process = watch(*line)
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["kind"] == "member-joined"
        assert stop(process).code == 0
        with sqlite3.connect(store) as connection:
            assert "heartbeat" not in repr(list(connection.execute("select * from records")))
        connection.close()


class TestStart:
    def test_all_groups_are_counted_and_one_joined_later_is_noted(
        self, watch: Watch, sandbox: ThreadedSandbox
    ) -> None:
        process = watch("--all-groups", "--interval", "0.2")
        counted = next_line(process, "watching")
        assert counted == "arena-groups: watching 8 groups every 0.2 s\n"
        sandbox.add_group("Joined Later", slug="joined-later")
        next_line(process, "now watching joined-later")
        assert stop(process).code == 0

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ([], "give either GROUP or --all-groups"),
            ([GROUP, "--all-groups"], "give either GROUP or --all-groups"),
            ([GROUP, "--interval", "soon"], "invalid duration 'soon'"),
            ([GROUP, "--interval", "0"], "more than 0 seconds"),
            ([GROUP, "--since", "soon"], "invalid time 'soon'"),
            ([GROUP, "--since", "2h", "--replay"], "--replay and --since"),
            ([GROUP, "--health", "nowhere"], "invalid address 'nowhere'"),
            ([GROUP, "--config", "no-such-file.toml"], "no such file"),
            ([GROUP, "--webhook-secret-file", "no-such-file"], "no such file"),
            ([GROUP, "--webhook-format", "xml"], "xml"),
            ([GROUP, "--webhook-format", "slack"], "--webhook-format needs a webhook"),
            ([GROUP, "--include-emails"], "--include-emails needs a webhook"),
            ([GROUP, "--give-up-after", "1d"], "--give-up-after needs a webhook"),
            ([GROUP, "--allow-private-targets"], "--allow-private-targets needs a webhook"),
        ],
    )
    def test_wrong_options_are_errors(
        self, watched: Watched, options: list[str], message: str
    ) -> None:
        done = watched(*options, token="")
        assert (done.code, done.out) == (1, "")
        assert message in done.err
        assert done.err.count("\n") == 1

    def test_once_without_store_is_a_warning(self, watched: Watched) -> None:
        done = watched(GROUP, "--once")
        assert (done.code, done.out) == (0, "")
        assert "--once without --store reports nothing" in done.err

    @pytest.mark.parametrize(("token", "code"), [("wrong", 2), (None, 3)])
    def test_wrong_token_or_group_ends_the_watch_with_its_code(
        self, watched: Watched, token: str | None, code: int
    ) -> None:
        done = watched("no-such-group", token=token)
        assert (done.code, done.out) == (code, "")

    def test_since_reports_newer_invitations(
        self, watched: Watched, sandbox: ThreadedSandbox
    ) -> None:
        sandbox.add_invitations(GROUP, 2)
        recent = watched(GROUP, "--once", "--since", "1h", "--ndjson")
        assert [json.loads(each)["kind"] for each in recent.out.splitlines()] == (
            ["invitation-sent"] * 2
        )
        done = watched(GROUP, "--once", "--since", "2999-01-01", "--ndjson")
        assert (done.code, done.out, done.err) == (0, "", "")

    def test_user_without_groups_to_watch_gets_a_note(
        self, watched: Watched, sandbox: ThreadedSandbox
    ) -> None:
        done = watched("--all-groups", "--once", "--replay", token=sandbox.tokens.stranger)
        assert (done.code, done.out) == (0, "")
        assert "there is no group whose invitations you may manage" in done.err

    @pytest.mark.parametrize("in_file", [False, True])
    def test_feed_says_who_added_a_member(
        self,
        watched: Watched,
        sandbox: ThreadedSandbox,
        monkeypatch: pytest.MonkeyPatch,
        capfd: pytest.CaptureFixture[str],
        tmp_path: Path,
        in_file: bool,
    ) -> None:
        config = tmp_path / "watch.toml"
        config.write_text('groups = ["research-studio"]\nfeed = true\nstore = "s.db"\n')
        options = ["research-studio", "--feed", "--store", str(tmp_path / "s.db")]
        line = ["--config", str(config)] if in_file else options
        assert watched(*line, "--once").code == 0
        fan = sandbox.add_user("Fan")
        sandbox.follow(fan, sandbox.users.member.id)
        monkeypatch.setenv("ARENA_TOKEN", sandbox.tokens.member)
        line_of_member = ["invitations", "send", "research-studio", str(fan)]
        assert run([*line_of_member, "--base-url", sandbox.url]) == 0
        capfd.readouterr()
        (event,) = watched(*line, "--once", "--ndjson").out.splitlines()
        assert json.loads(event)["added_by"]["id"] == sandbox.users.member.id


class TestHealth:
    def fetch(self, url: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(url, timeout=HANG_TIMEOUT) as response:  # noqa: S310
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def test_running_watch_serves_its_state_without_secrets(
        self, watch: Watch, endpoint: Endpoint, sandbox: ThreadedSandbox, tmp_path: Path
    ) -> None:
        endpoint.status = 500
        sandbox.add_invitations(GROUP, 1)
        line = with_webhook(endpoint, tmp_path / "s.db", "--replay", "--health", "127.0.0.1:0")
        variables = {"ARENA_WEBHOOK_URL": endpoint.url, "ARENA_WEBHOOK_SECRET": SECRET}
        process = watch(*line, **variables)
        note = next_line(process, "health at ")
        url = note.split("health at ")[1].split("/health")[0]

        def document() -> dict[str, Any]:
            status, text = self.fetch(f"{url}/health")
            assert status == 200
            found: dict[str, Any] = json.loads(text)
            return found

        until_blocking(
            lambda: (
                document()["deliveries"][0]["waiting"] == 2
                and document()["deliveries"][0]["failing"]
            )
        )
        found = document()
        assert found["status"] == "ok"
        assert found["groups"][0]["group"] == GROUP
        assert found["groups"][0]["last_poll"] is not None
        assert found["deliveries"][0]["endpoint"] == "http://127.0.0.1"
        assert found["quota"]["limit"] > found["quota"]["remaining"] > 0
        status, metrics = self.fetch(f"{url}/metrics")
        assert status == 200
        assert 'arena_groups_webhook_waiting{endpoint="http://127.0.0.1"} 2.0' in metrics
        assert 'arena_groups_watch_events_total{kind="member-joined"} 1.0' in metrics
        for secret in (HIDDEN, SECRET, sandbox.tokens.owner, "@"):
            assert secret not in metrics + json.dumps(found)
        assert stop(process).code == 0

    def test_replicas_serve_the_quota_that_they_share(
        self, watch: Watch, sandbox: ThreadedSandbox, redis_server: RedisServer
    ) -> None:
        line = [GROUP, "--shared", "--replay", "--ndjson", "--health", "127.0.0.1:0"]
        process = watch(*line, ARENA_STORE=redis_server.url)
        url = next_line(process, "health at ").split("health at ")[1].split("/health")[0]
        assert process.stdout is not None
        assert process.stdout.readline()  # a poll is over
        _, text = self.fetch(f"{url}/health")
        quota = json.loads(text)["quota"]
        assert quota["limit"] > quota["remaining"] > 0
        _, metrics = self.fetch(f"{url}/metrics")
        assert "arena_groups_quota_used " in metrics
        assert stop(process).code == 0

    def test_taken_port_is_an_error_before_anything_is_polled(
        self, watched: Watched, sandbox: ThreadedSandbox
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            done = watched(GROUP, "--health", address)
        assert (done.code, done.out) == (1, "")
        assert f"cannot listen on {address}: address already in use" in done.err
        assert done.err.count("\n") == 1
        assert len(sandbox.requests) == 0


class TestFailureReporter:
    def test_failures_in_a_row_are_reported_less_and_less_often(self, capsys: Captured) -> None:
        report = FailureReporter(Settings(format=Format.TABLE))
        errors = [StoreError("no reply")] * 20 + [StoreError("refused")] * 2
        for count, error in enumerate(errors, 1):
            for group in ("one", 2):
                report(PollFailure(group=group, error=error, failures=count, retry_in=0.3 * count))
        lines = capsys.readouterr().err.splitlines()
        assert [line for line in lines if " one: " in line] == [
            "arena-groups: one: no reply; next try in 1 s",
            "arena-groups: one: no reply; next try in 1 s (2 in a row)",
            "arena-groups: one: no reply; next try in 1 s (4 in a row)",
            "arena-groups: one: no reply; next try in 2 s (8 in a row)",
            "arena-groups: one: no reply; next try in 5 s (16 in a row)",
            "arena-groups: one: refused; next try in 6 s (21 in a row)",
        ]
        assert len(lines) == 12


def backlog(**changes: Any) -> Backlog:
    return Backlog(**{"endpoint": "a", "target": "https://h", "waiting": 0, "dead": 0, **changes})


@pytest.mark.parametrize(
    ("before", "after", "notes"),
    [
        ({}, {}, []),
        ({}, {"waiting": 3}, []),
        (
            {},
            {"waiting": 1, "failing_since": 5.0, "last_failure": "no connection"},
            ["https://h: no connection; 1 event waiting"],
        ),
        (
            {"waiting": 1, "failing_since": 5.0, "last_failure": "no connection"},
            {"waiting": 9, "failing_since": 5.0, "last_failure": "no connection"},
            [],
        ),
        (
            {"waiting": 1, "failing_since": 5.0, "last_failure": "no connection"},
            {"waiting": 2, "failing_since": 5.0, "last_failure": "status 500"},
            ["https://h: status 500; 2 events waiting"],
        ),
        (
            {"waiting": 1, "failing_since": 5.0, "last_failure": "no connection"},
            {"delivered": 1},
            ["https://h: events are delivered again"],
        ),
        (
            {"waiting": 1, "failing_since": 5.0, "last_failure": "no connection", "delivered": 4},
            {"dead": 1, "delivered": 4},
            ["https://h: gave up 1 event; see `arena-groups deliveries list`"],
        ),
        (
            {"dead": 1},
            {"dead": 3},
            ["https://h: gave up 2 events; see `arena-groups deliveries list`"],
        ),
    ],
)
def test_backlog_notes_say_what_is_new(
    before: dict[str, Any], after: dict[str, Any], notes: list[str]
) -> None:
    assert backlog_notes([backlog(**before)], [backlog(**after)]) == notes
