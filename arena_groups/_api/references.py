"""Groups and users as people have them: by slug, by id, by the URL of a page, or as a model."""

from __future__ import annotations

import re
from typing import ClassVar, Final
from urllib.parse import unquote_to_bytes

from arena_groups._api.request import is_plain_name, path_name
from arena_groups._api.secrets import Secret
from arena_groups.models import EmbeddedGroup, EmbeddedUser

__all__ = ["GroupRef", "GroupReference", "UserRef", "UserReference", "page_segments"]

GroupRef = str | int | EmbeddedGroup
"""A group: its slug, its id, the URL of its page on are.na or of its invite, or a model of it."""
UserRef = str | int | EmbeddedUser
"""A user: the slug, the id, the URL of the profile on are.na, or a model of the user."""

# The host alone: with user information, a port or another domain it is not Are.na's page.
_PAGE: Final = r"https?://(?:www\.)?are\.na(?:/([^?#]*))?(?:[?#].*)?"
_ODD: Final = "[\\s\\\\\0-\x1f\x7f-\x9f\ud800-\udfff]"
_SEGMENT: Final = r"(?:[^%]|%[0-9A-Fa-f]{2})+"
# Pages at the place of a profile. No user has such a slug.
_SITE_PAGES: Final = frozenset(
    [
        "about",
        "block",
        "developers",
        "explore",
        "feed",
        "group",
        "oauth",
        "search",
        "settings",
        "signup",
    ]
)
_GROUP_FORMS: Final = (
    "a slug, an id, a group, or a URL such as https://www.are.na/group/research-studio"
)
_NO_SLASH: Final = "a slug has no slash and no dot"
_GROUP: Final = "group"
_USER: Final = "user"
_USER_FORMS: Final = "a slug, an id, a user, or a URL such as https://www.are.na/ada-osei"


class _Reference:
    """Group or user as it was given, hidden from tracebacks: it may hold a secret."""

    KIND: ClassVar[str]

    __slots__ = ("_given",)

    def __init__(self, given: object) -> None:
        self._given = given

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"

    @property
    def name(self) -> str | int:
        """The slug or id. Raises ``ValueError`` or ``TypeError`` if there is none."""
        found = self._parsed()
        path_name(found, self.KIND)
        return found

    @property
    def path(self) -> dict[str, str]:
        """The path parameters of an operation. Raises as ``name`` does."""
        if type(self._given) is str and is_plain_name(self._given):
            return {"id": self._given}  # a slug, in a quarter of the time
        return {"id": path_name(self._parsed(), self.KIND)}

    def _parsed(self) -> str | int:
        found = self._parse()
        if isinstance(found, Exception):
            raise found
        return found

    def _parse(self) -> str | int | ValueError | TypeError:
        """Return an error instead of raising it: the frames below hold what was given."""
        raise NotImplementedError


class GroupReference(_Reference):
    """Group as it was given. The URL of an invite contains the code."""

    KIND = "group"

    @property
    def invite_code(self) -> Secret | None:
        """The code in the URL of an invite; ``None`` for any other reference."""
        return _invite_code(self._given)

    def _parse(self) -> str | int | ValueError | TypeError:
        return _group_name(self._given)


class UserReference(_Reference):
    """User as given, which may be an email address in the wrong place."""

    KIND = "user"

    def _parse(self) -> str | int | ValueError | TypeError:
        return _user_name(self._given)


def page_segments(url: str) -> list[str] | None:
    """Return the decoded segments of the path of a page on are.na; ``None`` for other URLs."""
    odd = re.search(_ODD, url)
    found = None if odd else re.fullmatch(_PAGE, url, re.ASCII | re.IGNORECASE)
    if found is None:
        return None
    segments = (found[1] or "").removesuffix("/").split("/")
    try:
        if all(re.fullmatch(_SEGMENT, segment) for segment in segments):
            return [unquote_to_bytes(segment).decode() for segment in segments]
    except UnicodeDecodeError:
        pass
    return None


def _group_name(given: object) -> str | int | ValueError | TypeError:
    if isinstance(given, str):
        return _group_slug(str.__str__(given))  # that of a mixed-in enum is its name
    if isinstance(given, int):
        return given
    if isinstance(given, EmbeddedGroup):
        return given.id
    return TypeError(f"group must be {_GROUP_FORMS}, not {type(given).__name__}")


def _group_slug(text: str) -> str | ValueError:
    if _may_be_slug(text):
        return text
    match page_segments(text):
        case ["group", slug] | ["group", slug, "invite", _] if _may_be_slug(slug):
            return slug
        case _:
            return ValueError(f"group must be {_GROUP_FORMS}: {_page_problem(text, _GROUP)}")


def _may_be_slug(text: str) -> bool:
    return not ("/" in text or "." in text or "\\" in text)


def _user_name(given: object) -> str | int | ValueError | TypeError:
    if isinstance(given, str):
        return _user_slug(str.__str__(given))
    if isinstance(given, int):
        return given
    if isinstance(given, EmbeddedUser):
        return given.id
    return TypeError(f"user must be {_USER_FORMS}, not {type(given).__name__}")


def _user_slug(text: str) -> str | ValueError:
    if "@" in text and "://" not in text:
        return ValueError(f"user must be {_USER_FORMS}, not an email address")
    if _may_be_slug(text):
        return text
    match page_segments(text):
        case [slug] if slug not in _SITE_PAGES and _may_be_slug(slug):
            return slug
        case _:
            return ValueError(f"user must be {_USER_FORMS}: {_page_problem(text, _USER)}")


def _page_problem(text: str, wanted: str) -> str:
    """Return why a text is not the page of a group or user, without repeating any of it."""
    if "://" not in text:
        return _NO_SLASH
    match page_segments(text):
        case None:
            return "this URL is not of a page on are.na"
        case ["block", _]:
            found = "block"
        case ["group", _, *_]:
            found = _GROUP
        case [slug] if slug and slug not in _SITE_PAGES:
            found = _USER
        case [slug, _] if slug not in _SITE_PAGES:
            found = "channel"
        case _:
            found = wanted
    return (
        f"this is the URL of a {found}" if found != wanted else f"this is not the URL of a {found}"
    )


def _invite_code(given: object) -> Secret | None:
    match page_segments(str.__str__(given)) if isinstance(given, str) else None:
        case ["group", _, "invite", code]:
            return Secret(code)
        case _:
            return None
