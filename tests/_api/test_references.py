"""References to groups and users: which are accepted, and that no error shows a secret."""

from collections.abc import Callable
from enum import Enum
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from arena_groups import EmbeddedGroup, EmbeddedUser, Group, GroupMember, Me, User, from_dict
from arena_groups._api import GroupReference, UserReference
from arena_groups._api.references import page_segments
from tests.support import documents
from tests.support.documents import CODE, CODE_URL, EMAIL
from tests.support.traces import shown_by

GROUP_URL = "https://www.are.na/group/research-studio"
USER_URL = "https://www.are.na/mara-lindqvist"


class Named(str, Enum):  # noqa: UP042 - its str() is not its value
    STUDIO = "research-studio"


GROUPS: dict[Any, str | int] = {
    "research-studio": "research-studio",
    "two-zero-two-four-d8xurkbqt40_-": "two-zero-two-four-d8xurkbqt40_-",
    "a b?c#d%": "a b?c#d%",
    "étude": "étude",
    "1001": "1001",
    1001: 1001,
    Named.STUDIO: "research-studio",
    GROUP_URL: "research-studio",
    f"{GROUP_URL}/": "research-studio",
    f"{GROUP_URL}?utm=a/b&c=https://x.example/#top": "research-studio",
    f"{GROUP_URL}/#a?b": "research-studio",
    "http://are.na/group/research-studio": "research-studio",
    "HTTPS://WWW.ARE.NA/group/research-studio": "research-studio",
    "https://www.are.na/group/caf%C3%A9": "café",
    "https://www.are.na/group/café": "café",
    "https://www.are.na/group/a%2520b": "a%20b",
    "https://www.are.na/group/group": "group",
    CODE_URL: "research-studio",
    f"{CODE_URL}/?x": "research-studio",
    from_dict(EmbeddedGroup, documents.embedded_group(id=7)): 7,
    from_dict(Group, documents.group(id=8, slug="renamed")): 8,
}
USERS: dict[Any, str | int] = {
    "mara-lindqvist": "mara-lindqvist",
    "4711": "4711",
    4711: 4711,
    USER_URL: "mara-lindqvist",
    f"{USER_URL}/?a#b": "mara-lindqvist",
    "http://ARE.na/mara-lindqvist": "mara-lindqvist",
    "https://are.na/zo%C3%AB": "zoë",
    from_dict(EmbeddedUser, documents.embedded_user(id=3)): 3,
    from_dict(User, documents.user(id=4)): 4,
    from_dict(Me, documents.me(id=5)): 5,
    from_dict(GroupMember, documents.member(id=6)): 6,
}
HOSTILE = [
    "https://evil.example/group/research-studio",
    "https://www.are.na.evil.org/group/research-studio",
    "https://evil.org#www.are.na/group/research-studio",
    "https://evil.org?.are.na/group/research-studio",
    "https://wwwxare.na/group/research-studio",
    "https://api.are.na/v3/groups/research-studio",
    "https://dev.are.na/group/research-studio",
    "https://www.are.na@evil.org/group/research-studio",
    "https://user:secret@www.are.na/group/research-studio",
    "https://@www.are.na/group/research-studio",
    "https://www.are.na:443/group/research-studio",
    "https://www.are.na:/group/research-studio",
    "https://www.are.na./group/research-studio",
    "https://www.are.na\\@evil.org/group/research-studio",
    "https:\\\\www.are.na\\group\\research-studio",
    "https:/www.are.na/group/research-studio",
    "httpſ://www.are.na/group/research-studio",
    "https://ｗww.are.na/group/research-studio",
    "ftp://www.are.na/group/research-studio",
    "javascript://www.are.na/group/research-studio",
    "//www.are.na/group/research-studio",
    "www.are.na/group/research-studio",
    "are.na/group/research-studio",
    " https://www.are.na/group/research-studio",
    "https://www.are.na/group/research-studio\n",
    "https://www.are.na/gro\tup/research-studio",
    "https://www.are.na/group/\0",
    "https://www.are.na",
    "https://www.are.na/",
    "https://www.are.na//",
    "https://www.are.na/group",
    "https://www.are.na/group/",
    "https://www.are.na/group//",
    "https://www.are.na//group/research-studio",
    "https://www.are.na/group/research-studio//",
    "https://www.are.na/group//research-studio",
    "https://www.are.na/Group/research-studio",
    "https://www.are.na/group/a%2Fb",
    "https://www.are.na/group/a%5Cb",
    "https://www.are.na/group/%2e%2e",
    "https://www.are.na/group/..",
    "https://www.are.na/group/a.b",
    "https://www.are.na/group/%00",
    "https://www.are.na/group/%0a",
    "https://www.are.na/group/%20",
    "https://www.are.na/group/%",
    "https://www.are.na/group/%4",
    "https://www.are.na/group/%zz",
    "https://www.are.na/group/%ff",
    "https://www.are.na/group%2Fresearch-studio",
    "https://www.are.na/group/research-studio/invite",
    f"https://www.are.na/group/research-studio/invite/{CODE}/more",
    f"https://www.are.na/group/research-studio/invites/{CODE}",
    f"https://evil.example/group/research-studio/invite/{CODE}",
    f"www.are.na/group/research-studio/invite/{CODE}",
    "https://www.are.na/block/12345",
    "https://www.are.na/mara-lindqvist/some-channel",
    "https://www.are.na/group/research-studio/some-channel",
]
NOT_PROFILES = [
    *HOSTILE,
    GROUP_URL,
    CODE_URL,
    "https://www.are.na/settings",
    "https://www.are.na/about/",
    "https://www.are.na/mara.lindqvist",
]
OTHER_TYPES: tuple[Any, ...] = (None, True, False, 7.0, b"studio", ["studio"], object())
Reference = Callable[[object], GroupReference | UserReference]


@pytest.mark.parametrize(("given", "name"), GROUPS.items())
def test_group_has_a_slug_or_id(given: object, name: str | int) -> None:
    reference = GroupReference(given)
    assert reference.name == name
    assert type(reference.name) is type(name)
    assert reference.path == {"id": quote(str(name), safe="")}


@pytest.mark.parametrize(("given", "name"), USERS.items())
def test_user_has_a_slug_or_id(given: object, name: str | int) -> None:
    reference = UserReference(given)
    assert reference.name == name
    assert reference.path == {"id": quote(str(name), safe="")}


@pytest.mark.parametrize(("given", "code"), [
    (CODE_URL, CODE), (f"{CODE_URL.upper()[:19]}{CODE_URL[19:]}/?a", CODE),
    ("https://are.na/group/x/invite/a%2Bb", "a+b"), (GROUP_URL, None), ("x", None), (7, None),
    (f"https://evil.example/group/x/invite/{CODE}", None),
])  # fmt: skip
def test_invite_code_is_in_the_url_of_an_invite_only(given: object, code: str | None) -> None:
    found = GroupReference(given).invite_code
    assert (found and found.reveal()) == code


def refused(reference: Reference, given: object, kind: type[Exception]) -> Exception:
    """Return the error of both properties, which shows nothing of what was given."""
    shown = reference(given)
    assert str(given) not in repr(shown)
    with pytest.raises(kind) as by_name:
        _ = shown.name
    with pytest.raises(kind) as by_path:
        _ = shown.path
    assert str(by_name.value) == str(by_path.value)
    assert CODE not in shown_by(by_name.value)
    assert EMAIL not in shown_by(by_path.value)
    return by_name.value


@pytest.mark.parametrize("url", HOSTILE)
def test_page_of_anything_but_a_group_is_refused(url: str) -> None:
    assert str(refused(GroupReference, url, ValueError)).startswith("group ")


@pytest.mark.parametrize("url", NOT_PROFILES)
def test_page_of_anything_but_a_user_is_refused(url: str) -> None:
    assert str(refused(UserReference, url, ValueError)).startswith("user ")


@pytest.mark.parametrize("given", [EMAIL, "a@b"])
def test_address_in_place_of_a_user_is_refused_and_not_shown(given: str) -> None:
    error = refused(UserReference, given, ValueError)
    assert str(error).endswith("not an email address")


@pytest.mark.parametrize("given", OTHER_TYPES)
@pytest.mark.parametrize("reference", [GroupReference, UserReference])
def test_other_type_is_refused(reference: Reference, given: object) -> None:
    refused(reference, given, TypeError)


@pytest.mark.parametrize("given", [0, -1, 2**63])
@pytest.mark.parametrize("reference", [GroupReference, UserReference])
def test_number_that_is_no_id_is_refused(reference: Reference, given: object) -> None:
    refused(reference, given, ValueError)


def test_refusal_says_what_is_accepted() -> None:
    error = str(refused(GroupReference, "https://evil.example/x", ValueError))
    for accepted in ("a slug", "an id", GROUP_URL):
        assert accepted in error


slugs = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/\\."), min_size=1
).filter(str.strip)


@given(slug=slugs)
def test_url_of_any_slug_leads_back_to_it(slug: str) -> None:
    group = from_dict(Group, documents.group(slug=slug))
    user = from_dict(User, documents.user(slug=slug))
    assert GroupReference(group.url).name == slug
    invite = f"{group.url}/invite/{CODE}"
    assert GroupReference(invite).name == slug
    assert page_segments(user.url) == [slug]


@given(url=st.one_of(st.text(), st.from_regex(r"https?://[^\s]*are\.na[^\s]*", fullmatch=True)))
@example(url="https://are.na/group/\u2028")
@example(url="https://are.na/group/x\u200b")
def test_accepted_url_is_on_the_host_of_the_site(url: str) -> None:
    for reference in (GroupReference, UserReference):
        try:
            name = reference(url).name
        except ValueError:
            continue
        assert isinstance(name, str)
        assert not set(name) & set("/\\.")
        if "://" in url:
            host = url.split("://")[1].partition("/")[0]
            assert host.lower() in {"are.na", "www.are.na"} or "/" not in url


@pytest.mark.parametrize(
    ("url", "for_group", "for_user"),
    [
        ("https://www.are.na/mara-lindqvist", "the URL of a user", None),
        ("https://www.are.na/mara-lindqvist/some-channel", "the URL of a channel", "of a channel"),
        ("https://www.are.na/block/12345", "the URL of a block", "the URL of a block"),
        ("https://www.are.na/group/research-studio", None, "this is the URL of a group"),
        ("https://www.are.na/settings", "this is not the URL of a group", "not the URL of a user"),
        ("https://evil.example/group/x", "not of a page on are.na", "not of a page on are.na"),
        ("https://dev.are.na/group/x", "not of a page on are.na", "not of a page on are.na"),
        ("a/b", "a slug has no slash and no dot", "a slug has no slash and no dot"),
    ],
)
def test_url_of_another_page_is_named(
    url: str, for_group: str | None, for_user: str | None
) -> None:
    for reference, expected in ((GroupReference(url), for_group), (UserReference(url), for_user)):
        if expected is None:
            assert reference.name
            continue
        with pytest.raises(ValueError, match=expected):
            _ = reference.name
