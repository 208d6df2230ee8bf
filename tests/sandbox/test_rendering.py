"""Texts and pages as JSON."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena_groups.sandbox import Sandbox, Tokens
from arena_groups.sandbox.names import slugify
from arena_groups.sandbox.rendering import initials, markdown
from tests.sandbox.api import Api, reads_only

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
def test_slugify_returns_ascii_words(words: str, slug: str) -> None:
    assert slugify(words) == slug


@pytest.mark.parametrize(
    ("name", "letters"), [("Ada Osei", "AO"), ("ada", "A"), ("One two three", "OT")]
)
def test_initials_of_first_two_words(name: str, letters: str) -> None:
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
def test_markdown_as_html_and_plain(source: str, html: str, plain: str) -> None:
    assert markdown(source) == {"markdown": source, "html": html, "plain": plain}


class Tags(HTMLParser):
    """Collector of the tags and attributes that a browser would find."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {tag, *(f"{tag}.{name}" for name, _ in attrs)}


@given(st.text(alphabet="<>\"'&*[]() \nahttps:/.=onload", max_size=60))
def test_markdown_of_any_text_adds_no_tags(source: str) -> None:
    tags = Tags()
    tags.feed(str(markdown(source)["html"]))
    assert tags.found <= {"p", "br", "em", "strong", "a", "a.href", "a.target", "a.rel"}


INVITATIONS = "/v3/groups/research-studio/invitations"


LISTS = (
    "/v3/users/ada-osei/groups",
    "/v3/groups/research-studio/members",
    INVITATIONS,
    "/v3/groups/research-studio/contents",
    "/v3/groups/research-studio/followers",
)


@reads_only
async def test_page_size_defaults_to_24(http: Api, tokens: Tokens) -> None:
    reply = await http.get(INVITATIONS, tokens.owner)
    assert len(reply.ids) == 24
    assert reply.meta == {
        "current_page": 1,
        "next_page": 2,
        "prev_page": None,
        "per_page": 24,
        "total_pages": 20,
        "total_count": 480,
        "has_more_pages": True,
    }


@reads_only
async def test_last_page_has_no_next_page(http: Api, tokens: Tokens) -> None:
    reply = await http.get(f"{INVITATIONS}?page=5&per=100", tokens.owner)
    assert len(reply.ids) == 80
    assert reply.meta["next_page"] is None
    assert reply.meta["prev_page"] == 4
    assert reply.meta["has_more_pages"] is False


@reads_only
@pytest.mark.parametrize("page", [6, 1000, 10**18, 10**300])
async def test_page_beyond_end_is_empty(http: Api, tokens: Tokens, page: int) -> None:
    reply = await http.get(f"{INVITATIONS}?page={page}&per=100", tokens.owner)
    assert (reply.status, reply.ids) == (200, [])
    assert (reply.meta["current_page"], reply.meta["total_pages"]) == (page, 5)
    assert reply.meta["has_more_pages"] is False
    assert reply.meta["next_page"] is None


@reads_only
@pytest.mark.parametrize("part", ["invitations", "contents", "followers"])
async def test_empty_list_has_no_pages(http: Api, tokens: Tokens, part: str) -> None:
    reply = await http.get(f"/v3/groups/blank-page/{part}", tokens.owner)
    assert (reply.status, reply.ids) == (200, [])
    assert (reply.meta["total_pages"], reply.meta["total_count"]) == (0, 0)
    assert reply.meta["has_more_pages"] is False
    assert reply.meta["next_page"] is reply.meta["prev_page"] is None


@pytest.mark.parametrize("per", [1, 7, 24, 99, 100])
async def test_list_is_the_same_with_any_page_size(
    http: Api, sandbox: Sandbox, tokens: Tokens, per: int
) -> None:
    group = sandbox.add_group("Long List", slug="long-list")
    ids = sandbox.add_invitations(group, 99)
    found = await http.every_page("/v3/groups/long-list/invitations", tokens.owner, per=per)
    assert [each["id"] for each in found] == ids[::-1]


@reads_only
@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    "query",
    [
        "page=0",
        "page=-1",
        "page=two",
        "page=1.0",
        "page=",
        "page=+1",
        "page=1e2",
        "page=%D9%A1",
        "page=" + "9" * 5000,
        "per=0",
        "per=101",
        "per=-5",
        "per=all",
        "per=24.5",
    ],
)
async def test_invalid_page_parameter_is_bad_request(
    http: Api, tokens: Tokens, path: str, query: str
) -> None:
    reply = await http.get(f"{path}?{query}", tokens.owner)
    assert reply.status == 400
    assert query.partition("=")[0] in reply.body["details"]["errors"][0]


@reads_only
@pytest.mark.parametrize(
    "path",
    [
        "/v3/users/1/groups?sort=popular",
        "/v3/users/1/groups?sort=",
        "/v3/groups/1001/contents?sort=name_asc",
        "/v3/groups/1001/contents?type=Video",
        "/v3/groups/1001/contents?type=text",
        "/v3/groups/1001/followers?sort=updated_at_desc",
    ],
)
async def test_unknown_sort_or_type_is_bad_request(http: Api, path: str) -> None:
    assert (await http.get(path)).status == 400


@reads_only
async def test_unknown_parameters_are_ignored(http: Api) -> None:
    reply = await http.get("/v3/groups/1001/members?colour=red&%ff=%ff&page=2&per=5")
    assert (reply.status, reply.meta["current_page"]) == (200, 2)
