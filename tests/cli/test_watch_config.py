"""Configuration files of watch: their keys, types, secrets and permissions."""

from pathlib import Path

import click
import pytest

from arena_groups.cli.errors import CliError
from arena_groups.cli.watch_config import WebhookConfig, parse_config, read_config, read_secret_file

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
URL = "https://hooks.example.com/services/T0/hidden-part"
FULL = f"""
groups = ["research-studio", 4711]
interval = "5m"
concurrency = 4
store = "state.db"
shared = true
name = "digest"
exec = "python welcome.py"
replay = false
since = 2026-01-31
feed = true
health = "127.0.0.1:8081"
deliver_for = 0
give_up_after = "1d"
include_emails = true
allow_private_targets = false

[[webhooks]]
url = "{URL}"
secret = ["{SECRET}", "whsec_b2xk"]
name = "crm"
include_emails = false
give_up_after = "2h"
trust_env = true

[[webhooks]]
url = "https://hooks.slack.com/x"
format = "slack"
"""


def write(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "watch.toml"
    path.write_text(text, "utf-8")
    path.chmod(mode)
    return path


def test_every_key_becomes_the_value_of_a_parameter(tmp_path: Path) -> None:
    config = read_config(write(tmp_path, FULL))
    assert config.parameters == {
        "groups": ["research-studio", "4711"],
        "interval": "5m",
        "concurrency": "4",
        "store": str(tmp_path / "state.db"),
        "shared": True,
        "name": "digest",
        "line": "python welcome.py",
        "replay": False,
        "since": "2026-01-31",
        "feed": True,
        "health_at": "127.0.0.1:8081",
        "deliver_for": "0",
        "give_up_after": "1d",
        "include_emails": True,
        "allow_private_targets": False,
    }
    assert config.webhooks == [
        WebhookConfig(
            url=URL,
            secret=f"{SECRET} whsec_b2xk",
            name="crm",
            include_emails=False,
            give_up_after=7200.0,
            trust_env=True,
        ),
        WebhookConfig(url="https://hooks.slack.com/x", format="slack"),
    ]
    assert "hidden-part" not in repr(config)
    assert SECRET not in repr(config)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("intervall = 60", "unknown key intervall: did you mean interval?"),
        ("webhook = 1", "unknown key webhook: did you mean webhooks?"),
        ("zzz = 1", "unknown key zzz: the keys are groups, all_groups"),
        ("[[webhooks]]\nurl = 'x'\nsecrets = 'y'", r"webhooks\[1\].secrets: did you mean secret\?"),
        ("groups = 'one'", "groups must be a list of texts and ids"),
        ("groups = [1.5]", "groups must be a list"),
        ("groups = [true]", "groups must be a list"),
        ("all_groups = 'yes'", "all_groups must be true or false"),
        ("all_groups = 1", "all_groups must be true or false"),
        ("interval = true", "interval must be a duration"),
        ("interval = 'soon'", "interval must be a duration"),
        ("concurrency = 1.5", "concurrency must be a whole number"),
        ("concurrency = true", "concurrency must be a whole number"),
        ("store = 1", "store must be a text"),
        ("since = 5", "since must be a date"),
        ("health = 8081", "health must be a text"),
        ("webhooks = 'https://x'", "webhooks must be a list of tables"),
        ("[webhooks]\nurl = 'x'", "webhooks must be a list of tables"),
        ("[[webhooks]]\nformat = 'json'", r"webhooks\[1\].url is missing"),
        ("[[webhooks]]\nurl = 1", r"webhooks\[1\].url must be a text"),
        ("[[webhooks]]\nurl = 'x'\nformat = 'xml'", r"webhooks\[1\].format must be json, slack"),
        ("[[webhooks]]\nurl = 'x'\nsecret = [1]", r"webhooks\[1\].secret must be a text or a list"),
        ("[[webhooks]]\nurl = 'x'\nsecret = 'a'\nsecret_file = 'b'", "cannot be combined"),
        ("[[webhooks]]\nurl = 'x'\n[[webhooks]]\nurl = 2", r"webhooks\[2\].url must be a text"),
        ("interval = 0", "interval must be a duration such as .*, more than 0"),
        ("give_up_after = '0s'", "give_up_after must be a duration"),
        ("store = ''", "store must be a text that is not empty"),
        ("[[webhooks]]\nurl = 'x'\ngive_up_after = 0", r"webhooks\[1\].give_up_after must be"),
        ("[[webhooks]]\nurl = 'x'\nsecret = ''", r"webhooks\[1\].secret must be .* not empty"),
        ("[[webhooks]]\nurl = 'x'\nsecret = []", r"webhooks\[1\].secret must be .* not empty"),
        ("[[webhooks]]\nurl = 'x'\nsecret = ['']", r"webhooks\[1\].secret must be .* not empty"),
        ("[[webhooks]]\nurl = 'x'\nsecret_file = ' '", r"webhooks\[1\].secret_file must be"),
        ("groups = [", "watch.toml: "),
        (f"interval = {'9' * 5000}", "watch.toml: a number is too long"),
        (f"groups = {'[' * 9999}", "watch.toml: .* nested too deeply"),
    ],
)
def test_wrong_keys_and_types_are_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(click.UsageError, match=message):
        read_config(write(tmp_path, text))


def test_error_shows_no_value(tmp_path: Path) -> None:
    text = f"[[webhooks]]\nurl = ['{URL}']"
    with pytest.raises(click.UsageError) as raised:
        read_config(write(tmp_path, text))
    assert "hidden-part" not in str(raised.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
@pytest.mark.parametrize("text", [f"[[webhooks]]\nurl='{URL}'", "store = 'redis://:pw@host/0'"])
def test_file_with_secrets_that_others_can_read_is_refused(
    tmp_path: Path, mode: int, text: str
) -> None:
    path = write(tmp_path, text, mode)
    with pytest.raises(CliError, match="other users can read it") as raised:
        read_config(path)
    assert raised.value.hint == f"run chmod 600 {path}"
    path.chmod(0o600)
    assert read_config(path).has_secrets


def test_file_without_secrets_may_be_read_by_others(tmp_path: Path) -> None:
    assert not read_config(write(tmp_path, "groups = ['one']\nstore = 'x.db'", 0o644)).has_secrets


@pytest.mark.parametrize("store", ["redis://host/0", "postgres://host", "/var/lib/state.db"])
def test_store_that_is_no_relative_path_stays_as_it_is(store: str) -> None:
    config = parse_config({"store": store}, Path("/etc/watch"))
    assert config.parameters["store"] == store


def test_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_config(tmp_path / "none.toml")


def test_text_that_is_not_utf8_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path, "")
    path.write_bytes(b"name = '\xff'")
    with pytest.raises(CliError, match="not UTF-8"):
        read_config(path)


class TestSecretFile:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        file = tmp_path / "secret"
        file.write_text(f"{SECRET}\nwhsec_b2xk\n")
        file.chmod(0o600)
        return file

    def test_secrets_are_separated_by_line_breaks_or_blanks(self, file: Path) -> None:
        assert read_secret_file(file) == f"{SECRET} whsec_b2xk"

    def test_file_of_a_table_is_relative_to_the_configuration(self, file: Path) -> None:
        table = {"url": URL, "secret_file": file.name}
        config = parse_config({"webhooks": [table]}, file.parent)
        assert config.webhooks[0].secret == f"{SECRET} whsec_b2xk"

    def test_file_that_others_can_read_is_refused(self, file: Path) -> None:
        file.chmod(0o644)
        with pytest.raises(CliError, match="other users can read it"):
            read_secret_file(file)

    def test_empty_file_is_refused(self, file: Path) -> None:
        file.write_text(" \n")
        with pytest.raises(CliError, match="empty"):
            read_secret_file(file)
