"""Example: onboarding from a CSV file."""

from pathlib import Path

import pytest

from arena_groups import ArenaClient, NotFoundError
from arena_groups.sandbox import Sandbox
from examples import onboarding
from tests.support.examples import EXAMPLES, GROUP, run_script

pytest_plugins = ["arena_groups.pytest_plugin"]
pytestmark = pytest.mark.usefixtures("group")


def test_script_run_twice_sends_one_email_each(arena_sandbox: Sandbox) -> None:
    people = onboarding.addresses(EXAMPLES / "newcomers.csv")
    for outcome, emails in [("invited", 3), ("skipped, already invited", 3)]:
        done = run_script("onboarding.py", GROUP, "examples/newcomers.csv")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines() == [f"{each}: {outcome}" for each in people]
        assert [each.address for each in arena_sandbox.emails] == people
        assert len(arena_sandbox.emails) == emails


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "usage: onboarding.py GROUP FILE"),
        ([GROUP, "examples/README.md"], "examples/README.md has no column named email"),
        ([GROUP, "examples/no.csv"], "No such file or directory: 'examples/no.csv'"),
        (["no-such-group", "examples/newcomers.csv"], onboarding.RUN_AGAIN),
    ],
)
def test_error_ends_the_script(arguments: list[str], problem: str) -> None:
    done = run_script("onboarding.py", *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith(f"{problem}\n")
    assert "Traceback" not in done.stderr


def test_addresses_are_unique(tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("\ufeffemail;name\nada@example.org;Ada", "utf-8")
    with pytest.raises(ValueError, match="no column named email"):
        onboarding.addresses(file)
    file.write_text(
        "\ufeffemail,name\nada@example.org,Ada\n\n ADA@example.org,A\n,Nobody\nlev@example.net",
        "utf-8",
    )
    assert onboarding.addresses(file) == ["ADA@example.org", "lev@example.net"]


async def test_each_person_gets_a_line(
    arena_client: ArenaClient,
    arena_sandbox: Sandbox,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arena_sandbox.add_user("Noor", email="noor@example.org")
    arena_sandbox.add_member(GROUP, "noor")
    await arena_client.groups.invite(GROUP, email="Lev@example.org")
    emails = ["lev@example.org", "noor@example.org", "ada@example.org"]
    assert await onboarding.onboard(arena_client, GROUP, emails)
    lev, noor, ada = capsys.readouterr().out.splitlines()
    assert lev == "lev@example.org: skipped, already invited"
    assert noor == "noor@example.org: skipped, already a member"
    assert ada == "ada@example.org: invited"


async def test_invalid_address_raises_before_any_request(
    arena_client: ArenaClient, arena_sandbox: Sandbox
) -> None:
    with pytest.raises(ValueError, match=r"position 1$"):
        await onboarding.onboard(arena_client, GROUP, ["ada@example.org", "nonsense"])
    assert arena_sandbox.requests == ()


async def test_unknown_group_sends_no_email(
    arena_client: ArenaClient, arena_sandbox: Sandbox
) -> None:
    with pytest.raises(NotFoundError):
        await onboarding.onboard(arena_client, "no-such-group", ["ada@example.org"])
    assert arena_sandbox.emails == ()
