"""Routes of any endpoint: values arrive as given, and no route leads elsewhere."""

from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from arena_groups import ContentType
from arena_groups._api.routes import fill_route

HOST = "https://api.are.na"
values = st.text(st.characters(exclude_categories=("Cs",)), min_size=1)
values = values.filter(lambda text: text not in {".", ".."})
HOSTILE = [
    "", "/", "//evil.example/x", "///evil.example", "https://evil.example/v3",
    "https:/evil.example",
    "https:evil.example", "javascript:x", "v3/me", "./v3/me", "../v3/me", "/../v3", "/v3/../../x",
    "/v3/./me", "/v3/..", "/v3/.", "/v3//me", "/v3/me/", "\\\\evil.example", "/\\evil.example",
    "/v3\\..\\x", "@evil.example/x", "/@evil.example", "/v3/a@b", "/v3/%2e%2e/x", "/v3/%2E.",
    "/v3/.%2e",
    "/%2f%2fevil.example", "/v3/%2F", "/v3/a%5Cb", "/v3/%5c", "/v3/%252e%252e/x", "/v3/%25252f",
    "/v3/%40evil", "/v3/..;/x", "/v3/%2e%2e;x=1/y", "/v3/me?x=1", "/v3/me#top", "/v3/me%3Fx=1",
    "/v3/me%23top", "/v3/a b", "/v3/a\nb", "/v3/a\r\nHost: evil", "/v3/%0d%0aX", "/v3/%00",
    "/v3/\0",
    "/v3/caf\u00e9", "/v3/\uff0e\uff0e", "\t/v3/me", " /v3/me", "/v3/%", "/v3/%zz", "/v3/{",
    "/v3/}",
    "/v3/{}", "/v3/{a-b}", "/v3/{0}", "/v3/{id.x}", "/v3/{id!r}", "/v3/x{id}", "/v3/{id}{id}",
    "/v3/{{id}}", "/v3/%7Bid%7D/../x", "/{scheme}:/x", "\ud800/v3", "/v3/\ud800",
]  # fmt: skip


@given(st.dictionaries(st.sampled_from(["id", "user_id", "number"]), values, min_size=1))
def test_values_arrive_as_given(path: dict[str, str]) -> None:
    route = "/v3/things/" + "/x/".join(f"{{{name}}}" for name in path)
    filled = fill_route(route, path)
    assert filled.name == route
    sent = URL(HOST).with_path(filled.path, encoded=True).raw_path
    assert [unquote(each) for each in sent.split("/")[3::2]] == list(path.values())
    assert urlsplit(urljoin(HOST, sent)).netloc == "api.are.na"
    assert urlsplit(urljoin(f"{HOST}/v3/x", sent)).path == sent
    assert sent.isascii()
    assert sent.isprintable()


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("a/b", "a%2Fb"), ("../x", "..%2Fx"), ("%2F", "%252F"), ("a\r\nb", "a%0D%0Ab"),
        ("é", "%C3%A9"),
        ("a b", "a%20b"), ("?q#f", "%3Fq%23f"), ("@x", "%40x"), ("a\\b", "a%5Cb"), ("...", "..."),
        (7, "7"), (-1, "-1"), (ContentType.TEXT, "Text"), ("{id}", "%7Bid%7D"),
    ],
)  # fmt: skip
def test_value_is_escaped(value: str | int, sent: str) -> None:
    assert fill_route("/v3/{id}", {"id": value}).path == f"/v3/{sent}"


@pytest.mark.parametrize("value", ["", ".", "..", "\ud800x"])
def test_value_that_is_another_path_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"\{id\}"):
        fill_route("/v3/groups/{id}", {"id": value})


@pytest.mark.parametrize("value", [None, True, 1.5, b"x", ["x"], {}])
def test_value_of_another_type_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match=r"\{id\} of path must be a str or an int"):
        fill_route("/v3/groups/{id}", {"id": value})


@pytest.mark.parametrize("route", HOSTILE)
def test_route_that_is_not_a_path_of_the_api_is_refused(route: str) -> None:
    with pytest.raises(ValueError, match=r"route|path") as caught:
        fill_route(route, {"id": "x"} if "{id}" in route else None)
    assert "evil" not in str(caught.value)


@given(st.text(st.sampled_from("/.\\@%25eE2fF{}id?#:;\n évx"), max_size=12))
def test_accepted_route_stays_on_the_host_and_below_its_segments(text: str) -> None:
    try:
        filled = fill_route(f"/v3{text}")
    except ValueError:
        return
    there = urlsplit(urljoin(f"{HOST}/v3/x", filled.path))
    assert (there.scheme, there.netloc, there.path) == ("https", "api.are.na", filled.path)
    assert filled.path.startswith("/v3")
    assert not {".", ".."} & set(unquote(unquote(filled.path)).split("/"))


@pytest.mark.parametrize(
    ("route", "path", "message"),
    [
        ("/v3/{id}/x/{user_id}", {"id": 1}, r"path lacks a value for \{user_id\}"),
        ("/v3/{b}/{a}", None, r"path lacks a value for \{a\}, \{b\}"),
        ("/v3/{id}", {"id": 1, "x": 2}, r"route has no placeholder for \{x\} of path"),
        ("/v3/me", {"id": 1}, r"route has no placeholder for \{id\} of path"),
    ],
)
def test_placeholders_and_values_must_agree(
    route: str, path: dict[str, int] | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        fill_route(route, path)


def test_one_value_fills_a_placeholder_that_comes_twice() -> None:
    assert fill_route("/v3/{id}/x/{id}", {"id": 7}).path == "/v3/7/x/7"


@pytest.mark.parametrize(
    ("route", "name"),
    [
        ("/v3/channels/my-channel/contents", "/v3/channels"),
        ("/v3/channels/caf%C3%A9", "/v3/channels"),
        ("/v3/me", "/v3/me"),
        ("/v3", "/v3"),
        ("/v3/channels/{id}/contents", "/v3/channels/{id}/contents"),
    ],
)
def test_literal_route_is_named_by_its_first_two_segments(route: str, name: str) -> None:
    filled = fill_route(route, {"id": 7} if "{" in route else {})
    assert filled.name == name
    assert filled.path == route.replace("{id}", "7")


@pytest.mark.parametrize(("route", "path"), [(None, None), (b"/v3/me", None), ("/v3/me", [1])])
def test_argument_of_another_type_is_refused(route: Any, path: Any) -> None:
    with pytest.raises(TypeError, match="must be a"):
        fill_route(route, path)
