"""Elements of the sandbox's page, and the frame of every page."""

from datetime import UTC, datetime
from itertools import pairwise
from xml.etree.ElementTree import tostring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena_groups.sandbox.page.html import moment, shorten, table, tag, user_text
from tests.sandbox.api import Api
from tests.sandbox.page.reader import PAGE, open_page


def shown(element: object) -> str:
    return tostring(element, encoding="unicode", method="html")  # type: ignore[call-overload, no-any-return]


def test_tag_escapes_texts_and_attributes() -> None:
    element = tag("a", "<b> & ", tag("i", "</i>"), '"', href='"><script>', aria_label="a'b")
    assert shown(element) == (
        '<a href="&quot;&gt;<script&gt;" aria-label="a\'b">&lt;b&gt; &amp; <i>&lt;/i&gt;</i>"</a>'
    )


def test_tag_leaves_out_none_and_false() -> None:
    element = tag("input", None, required=True, disabled=False, value=None, max=3)
    assert shown(element) == '<input required="" max="3">'


@given(st.text(max_size=300))
def test_user_text_is_isolated_and_never_longer_than_its_limit(text: str) -> None:
    element = user_text(text, limit=50)
    assert element.tag == "bdi"
    assert len(element.text or "") <= 50
    assert "<" not in shown(element).removeprefix("<bdi>").removesuffix("</bdi>")


@pytest.mark.parametrize(("text", "result"), [("abc", "abc"), ("abcd", "abcd"), ("abcde", "abc…")])
def test_shorten_cuts_what_is_too_long(text: str, result: str) -> None:
    assert shorten(text, limit=4) == result


def test_moment_is_readable_and_exact() -> None:
    when = datetime(2026, 5, 1, 9, 3, 7, tzinfo=UTC)
    expected = '<time datetime="2026-05-01T09:03:07+00:00">2026-05-01 09:03:07</time>'
    assert shown(moment(when)) == expected


def test_table_with_missing_cell_raises() -> None:
    with pytest.raises(ValueError, match="shorter"):
        table("Numbers", ("A", "B", "C"), [(1, 2)])


@pytest.mark.parametrize("path", ["", "?group=1001", "emails/7", "emails/{pending}", "static/no"])
async def test_page_is_accessible_and_holds_no_code(http: Api, path: str) -> None:
    pending = http.sandbox.pending_invitations("research-studio")[0]
    path = PAGE + path.format(pending=pending)
    exists = "no" not in path and "emails/7" not in path
    page = await open_page(http, path, status=200 if exists else 404)
    ids = [node.attributes["id"] for node in page.walk() if "id" in node.attributes]
    assert len(set(ids)) == len(ids)
    assert page.one("html").attributes["lang"] == "en"
    assert len(page.all("h1")) == len(page.all("main")) == len(page.all("title")) == 1
    levels = [int(node.name[1]) for node in page.walk() if node.name in {"h1", "h2", "h3"}]
    assert all(after - before <= 1 for before, after in pairwise(levels))
    labels = {node.attributes.get("for") for node in page.all("label")}
    for node in page.walk():
        assert not [name for name in node.attributes if name == "style" or name.startswith("on")]
        if node.name == "script":
            assert not node.text
        if node.name in {"input", "select"} and node.attributes.get("type") != "hidden":
            assert node.attributes.get("id") in labels or node.attributes.get("aria-label")
        if node.name in {"button", "a"}:
            assert node.text.strip()
        for name in ("href", "src", "action"):
            assert node.attributes.get(name, "/").startswith(("/__sandbox__/", "#", "?", "/"))
    for fragment in (node.attributes["href"] for node in page.all("a")):
        if fragment.startswith("#"):
            assert fragment.removeprefix("#") in ids


async def test_headers_allow_own_files_only(http: Api) -> None:
    reply = await http.get(PAGE)
    policy = dict(
        each.split(" ", 1) for each in reply.headers["Content-Security-Policy"].split("; ")
    )
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert set(policy.values()) == {"'none'", "'self'"}
    assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Cache-Control"] == "no-store"
