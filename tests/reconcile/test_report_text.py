"""Reports as Markdown."""

import re
from typing import Any

import pytest

from arena_groups.reconcile import report_markdown
from arena_groups.reconcile.report import make_report
from tests.support.reports import NAMES, empty_report, full_report, invited, roster


def test_report_has_a_title_figures_and_tables() -> None:
    text = report_markdown([full_report(500)])
    assert text.startswith("# Research Studio\n\nAs of 11 Mar 2026, 09:30 UTC.\n")
    assert "- Not answered: 500\n" in text
    assert "| Days | People |\n| --- | ---: |\n| 0-6 | 14 |\n" in text
    assert len(re.findall(r"^## ", text, re.MULTILINE)) == 6


def test_every_row_of_a_table_has_its_columns() -> None:
    text = report_markdown([full_report(5000, days=100)])
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}) == 1


def test_empty_report_has_sentences_instead_of_tables() -> None:
    text = report_markdown([empty_report()])
    assert "Nobody has a pending invitation." in text
    assert "|" not in text


def test_reports_of_several_groups_follow_each_other() -> None:
    text = report_markdown([empty_report(), full_report(3)])
    assert text.count("# Research Studio\n") == 2


@pytest.mark.parametrize("name", NAMES)
def test_name_is_no_markup_and_mentions_nobody(name: str) -> None:
    text = report_markdown([make_report(roster(invited(1, 3, name=name), name=name))])
    assert not re.search(r"<(?!!-- -->)", text)
    assert "@octocat" not in text
    assert "[e]" not in text
    assert "\u202e" not in text
    assert not re.search("[\x00-\x09\x0b-\x1f\ud800-\udfff]", text)
    plain = report_markdown([make_report(roster(invited(1, 3, name="x"), name="x"))])
    assert text.count("\n") == plain.count("\n")


def test_address_is_shown_as_it_is() -> None:
    assert "| person1@example.org |" in report_markdown([make_report(roster(invited(1, 3)))])


@pytest.mark.parametrize("reports", [empty_report(), "text", None, [None], [empty_report(), 3]])
def test_what_is_no_list_of_reports_raises(reports: Any) -> None:
    with pytest.raises(TypeError, match="reports must be"):
        report_markdown(reports)


def test_no_report_raises() -> None:
    with pytest.raises(ValueError, match="at least one"):
        report_markdown([])
