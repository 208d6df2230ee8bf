"""The manual page: its parts, and that programs for manual pages read it without warnings."""

import shutil
import subprocess

import click
import pytest

from arena_groups.cli.errors import ExitCode
from arena_groups.cli.main import app
from docs import man_page
from docs.man_page import escape, leaves, merged, table_rows
from tests.support.waiting import HANG_TIMEOUT


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("--from FILE", "\\-\\-from FILE"),
        (".profile", "\\&.profile"),
        ("'quoted'", "\\&'quoted'"),
        ('say "no"', "say \\(dqno\\(dq"),
        ("a\\b", "a\\(rsb"),
        ("…é", "\\[u2026]\\[u00E9]"),
        ("plain", "plain"),
    ],
)
def test_escape_leaves_nothing_that_roff_acts_on(text: str, shown: str) -> None:
    assert escape(text) == shown


def test_table_rows_keep_escaped_bars() -> None:
    text = "x\n| a | b |\n| --- | --- |\n| 1 | `y \\| z` |\n| 2 | | |\n"
    rows = list(table_rows(text))
    assert rows == [["a", "b"], ["---", "---"], ["1", "`y \\| z`"], ["2", "", ""]]


def test_merged_has_each_name_once() -> None:
    assert merged([("1", "a"), ("2", "b"), ("1", "c")]) == [("1", "a; or c"), ("2", "b")]


def test_page_has_every_command_option_and_exit_code() -> None:
    page = man_page.PAGE.read_text("utf-8")
    for words, command in leaves(app, ("arena-groups",)):
        assert f'.SH "{escape(" ".join(words))}"' in page
        for option in command.params:
            if isinstance(option, click.Option) and not option.hidden:
                assert escape(option.opts[-1]) in page
    for code in ExitCode:
        assert f"\n\\fB{code.value}\\fR\n" in page


def test_page_is_ascii_without_a_date() -> None:
    page = man_page.PAGE.read_text("utf-8")
    assert page.isascii()
    assert page.startswith('.TH "ARENA\\-GROUPS" "1" "" "arena\\-groups ')


@pytest.mark.parametrize(
    "reader",
    [
        ["groff", "-man", "-ww", "-z", "-Tutf8"],
        ["man", "--warnings", "-l"],
        ["mandoc", "-T", "lint", "-W", "error"],
    ],
    ids=lambda words: words[0],
)
def test_page_is_read_without_warnings(reader: list[str]) -> None:
    if shutil.which(reader[0]) is None:
        pytest.skip(f"needs {reader[0]}")
    done = subprocess.run(
        [*reader, str(man_page.PAGE)],
        capture_output=True,
        text=True,
        timeout=HANG_TIMEOUT,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
