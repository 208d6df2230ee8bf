"""Slugs, initials and markdown."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena_groups.sandbox.backend import slugify
from arena_groups.sandbox.rendering import initials, markdown

ANCHOR = 'target="_blank" rel="nofollow noopener"'


@pytest.mark.parametrize(
    ("words", "slug"),
    [
        ("Research Studio", "research-studio"),
        ("Łódź & Ørsted", "lodz-orsted"),
        ("  --x--  ", "x"),
        ("日本", ""),
        ("a" * 100, "a" * 60),
    ],
)
def test_slugify(words: str, slug: str) -> None:
    assert slugify(words) == slug


@pytest.mark.parametrize(
    ("name", "letters"), [("Ada Osei", "AO"), ("ada", "A"), ("One two three", "OT")]
)
def test_initials(name: str, letters: str) -> None:
    assert initials(name) == letters


@pytest.mark.parametrize(
    ("source", "html", "plain"),
    [
        ("a < b & c", "<p>a &lt; b &amp; c</p>", "a < b & c"),
        ("**b** *i*", "<p><strong>b</strong> <em>i</em></p>", "b i"),
        ("one\ntwo\n\nthree", "<p>one<br>two</p><p>three</p>", "one\ntwo\n\nthree"),
        ("", "", ""),
        (
            "[a *b*](https://x.test/?a=1&b=*2*)",
            f'<p><a href="https://x.test/?a=1&amp;b=*2*" {ANCHOR}>a <em>b</em></a></p>',
            "a b (https://x.test/?a=1&b=2)",
        ),
        ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>", "[x](javascript:alert(1))"),
    ],
)
def test_markdown(source: str, html: str, plain: str) -> None:
    assert markdown(source) == {"markdown": source, "html": html, "plain": plain}


class Tags(HTMLParser):
    """Collects the tags and attributes that a browser would find."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {tag, *(f"{tag}.{name}" for name, _ in attrs)}


@given(st.text(alphabet="<>\"'&*[]() \nahttps:/.=onload", max_size=60))
def test_no_text_makes_a_tag_of_its_own(source: str) -> None:
    tags = Tags()
    tags.feed(str(markdown(source)["html"]))
    assert tags.found <= {"p", "br", "em", "strong", "a", "a.href", "a.target", "a.rel"}
