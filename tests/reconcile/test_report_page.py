"""Reports as HTML: a page that loads nothing, for every name, and readable without the charts."""

import re
from html.parser import HTMLParser
from importlib import util
from importlib.machinery import ModuleSpec
from typing import Any

import pytest

from arena_groups.reconcile import GroupReport, report_html
from arena_groups.reconcile.report import make_report
from tests.support.reports import NAMES, empty_report, full_report, history, invited, roster

REPORTS = {
    "empty": [empty_report()],
    "three": [full_report(3)],
    "many": [full_report(5000, days=732)],
    "one day": [full_report(1, days=1)],
    "hidden": [make_report(roster(pending_visible=False))],
    "two groups": [full_report(3, group_id=8), full_report(40, name=NAMES[4])],
}
every_report = pytest.mark.parametrize("reports", REPORTS.values(), ids=REPORTS.keys())
VOID = {"meta", "br", "link", "img", "input", "hr"}


class Page(HTMLParser):
    """A page as a reader without eyes has it: the tags, in order, with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.texts.append(data)

    def named(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == name]

    @property
    def text(self) -> str:
        return " ".join("".join(self.texts).split())


@every_report
def test_page_makes_no_request(reports: list[GroupReport]) -> None:
    text = report_html(reports)
    page = Page(text)
    assert page.open == []
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "link", "img", "iframe", "object", "embed", "base", "form"}
    attributes = {name for _, found in page.tags for name in found}
    assert not attributes & {"src", "srcset", "xlink:href", "action", "background", "style"}
    assert not [name for name in attributes if name.startswith("on")]
    assert all((each.get("href") or "").startswith("#") for each in page.named("a"))
    assert "http://" not in text
    assert "https://" not in text
    assert "url(" not in text
    assert "@import" not in text
    (policy,) = [each for each in page.named("meta") if "http-equiv" in each]
    assert policy["content"] == "default-src 'none'; style-src 'unsafe-inline'"


@every_report
def test_page_is_readable_without_the_charts(reports: list[GroupReport]) -> None:
    page = Page(report_html(reports))
    assert page.named("html") == [{"lang": "en"}]
    assert len(page.named("h1")) == 1
    assert len(page.named("h2")) == len(reports)
    ids = [found["id"] for _, found in page.tags if "id" in found]
    assert len(ids) == len(set(ids))
    labels = [found["aria-labelledby"] for _, found in page.tags if "aria-labelledby" in found]
    assert set(labels) <= set(ids)
    charts = page.named("svg")
    assert len(page.named("figure")) == len(charts)
    assert len(page.named("caption")) == len(charts)  # a table with the same numbers
    for chart in charts:
        assert chart["role"] == "img"
        assert chart["aria-label"]
    assert all(each.get("scope") in ("col", "row") for each in page.named("th"))
    regions = [each for each in page.named("div") if each.get("role") == "region"]
    assert all(each["tabindex"] == "0" and each["aria-label"] for each in regions)


@every_report
def test_page_is_for_light_and_dark_and_for_a_phone(reports: list[GroupReport]) -> None:
    text = report_html(reports)
    page = Page(text)
    metas = {each.get("name"): each.get("content") for each in page.named("meta")}
    assert metas["viewport"] == "width=device-width, initial-scale=1"
    assert metas["color-scheme"] == "light dark"
    light, dark = colours(text)
    assert light.keys() == dark.keys() == {"page", "text", "muted", "line", "soft", "a", "b"}
    for scheme in (light, dark):
        for paper in ("page", "soft"):
            assert contrast(scheme["text"], scheme[paper]) >= 7
            assert contrast(scheme["muted"], scheme[paper]) >= 4.5
        assert contrast(scheme["a"], scheme["page"]) >= 4.5
        assert contrast(scheme["b"], scheme["page"]) >= 3
    outside = re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL)
    assert not re.search(r"#[0-9a-f]{3,8}\b", outside)


def colours(text: str) -> tuple[dict[str, str], dict[str, str]]:
    """The colours of the light scheme, and of the dark one."""
    light, dark = text.split("@media (prefers-color-scheme: dark)")
    found = re.compile(r"--(\w+): (#[0-9a-f]{6})")
    return dict(found.findall(light)), dict(found.findall(dark))


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2."""
    bright, dim = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("name", NAMES)
def test_name_of_a_person_or_group_is_text(name: str) -> None:
    report = make_report(roster(invited(1, 3, name=name), name=name))
    plain = Page(report_html([make_report(roster(invited(1, 3, name="x"), name="x"))]))
    text = report_html([report])
    page = Page(text)
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in plain.tags]
    shown = " ".join(re.sub("[\x00-\x08\x1b\ud800-\udfff]", "\ufffd", name).split())
    shown = shown.replace("\u202e", "").replace("\u200f", "") or "(no name)"
    assert (shown if len(shown) < 60 else shown[:59] + "…") in page.text
    text.encode()
    assert "\u202e" not in text
    assert "\x00" not in text


def test_charts_have_the_numbers_of_their_tables() -> None:
    page = Page(report_html([full_report(500)]))
    labels = [chart["aria-label"] or "" for chart in page.named("svg")]
    assert [label.partition(".")[0] for label in labels] == [
        "Ages of pending invitations",
        "Members and pending invitations over time",
        "Answers by week",
    ]
    assert "500 people have not answered; 35 of them for 365 days or more" in labels[0]
    assert "100 members and 0 who have not answered" in labels[1]
    assert "60 invitations were accepted and 30 ended otherwise" in labels[2]


def test_empty_report_says_so_instead_of_charts() -> None:
    page = Page(report_html([empty_report()]))
    assert page.named("svg") == []
    for words in (
        "Nobody has a pending invitation.",
        "There is no history yet.",
        "no report or sync of an",
    ):
        assert words in page.text


def test_long_history_has_a_row_for_each_week() -> None:
    page = Page(report_html([make_report(roster(), history=history(732))]))
    weeks = 732 // 7
    assert weeks <= len(page.named("tr")) - 14 <= weeks + 2  # without heads and last weeks


def test_several_groups_have_a_list_of_links() -> None:
    page = Page(report_html(REPORTS["two groups"]))
    ids = {each.get("id") for each in page.named("article")}
    assert {f"#{each}" for each in ids} == {each["href"] for each in page.named("a")}


@pytest.mark.parametrize("reports", [empty_report(), "text", None, [None], [empty_report(), 3]])
def test_what_is_no_list_of_reports_raises(reports: Any) -> None:
    with pytest.raises(TypeError, match="reports must be"):
        report_html(reports)


def test_no_report_raises() -> None:
    with pytest.raises(ValueError, match="at least one"):
        report_html([])


@pytest.mark.parametrize("library", ["jinja2", "svg"])
def test_missing_library_names_the_extra(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = util.find_spec

    def find(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name == library else found(name, package)

    monkeypatch.setattr("arena_groups.reconcile.report_page.find_spec", find)
    with pytest.raises(ImportError, match=r"arena-groups\[report\]"):
        report_html([empty_report()])
