"""Pages of groups and users, opened in a browser."""

import os
from pathlib import Path

import pytest

from arena_groups.cli.main import run
from tests.support.command_line import AsPerson, Captured, FakeTerminal

GROUP = "research-studio"
PAGE = f"https://www.are.na/group/{GROUP}"


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A browser that writes the address that it opens to a file."""
    if os.name != "posix":
        pytest.skip("the browser is a shell script")
    opened = tmp_path / "opened"
    script = tmp_path / "browser"
    script.write_text(f'#!/bin/sh\nprintf %s "$1" > "{opened}"\n', "utf-8")
    script.chmod(0o700)
    monkeypatch.setenv("BROWSER", str(script))
    return opened


@pytest.mark.parametrize(
    ("line", "url"),
    [
        (f"groups open {GROUP}", PAGE),
        ("groups open 1001", PAGE),
        (f"groups show {GROUP} --web", PAGE),
        (f"groups contents {GROUP} --web", PAGE),
        (f"groups followers {GROUP} --web", PAGE),
        (f"members list {GROUP} --web", PAGE),
        (f"invitations list {GROUP} --web", PAGE),
        ("groups list --web", "https://www.are.na/ada-osei"),
        ("groups list --web --user minh-castellanos", "https://www.are.na/minh-castellanos"),
    ],
)
def test_page_is_opened_and_its_address_is_printed_in_a_pipe(
    browser: Path, as_person: AsPerson, capsys: Captured, line: str, url: str
) -> None:
    assert run([*line.split(), *as_person("owner")]) == 0
    assert browser.read_text("utf-8") == url
    assert capsys.readouterr().out == f"{url}\n"


def test_page_opened_at_a_terminal_is_named_in_a_note(
    browser: Path, as_person: AsPerson, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = FakeTerminal()
    monkeypatch.setattr("sys.stdout", out)
    assert run(["groups", "open", GROUP, *as_person("owner")]) == 0
    assert browser.exists()
    assert out.getvalue() == ""
    assert capsys.readouterr().err == f"arena-groups: opening {PAGE}\n"


def test_page_of_unknown_group_is_not_opened(
    browser: Path, as_person: AsPerson, capsys: Captured
) -> None:
    assert run(["groups", "open", "no-such-group", *as_person("owner")]) == 3
    assert not browser.exists()
    assert capsys.readouterr().out == ""


@pytest.mark.usefixtures("browser")
def test_browser_that_fails_is_an_error_with_the_address(
    as_person: AsPerson, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("arena_groups.cli.browser_login.open_in_browser", lambda _url: False)
    assert run(["groups", "open", GROUP, *as_person("owner")]) == 1
    out, err = capsys.readouterr()
    assert out == f"{PAGE}\n"
    assert "cannot open a browser" in err
    assert PAGE in err


def test_page_of_a_private_sandbox_is_refused(browser: Path, capsys: Captured) -> None:
    assert run(["groups", "open", GROUP, "--sandbox"]) == 1
    assert "--sandbox" in capsys.readouterr().err
    assert not browser.exists()


def test_web_with_all_groups_is_refused(capsys: Captured) -> None:
    assert run(["invitations", "list", "--all-groups", "--web"]) == 1
    assert "--web needs GROUP" in capsys.readouterr().err
