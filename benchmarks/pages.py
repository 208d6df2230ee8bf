"""Responses of the API, encoded in advance."""

import hashlib
import json
import random
from itertools import count

from arena_groups.sandbox.backend import Backend
from arena_groups.sandbox.fake_clock import SandboxClock
from arena_groups.sandbox.rendering import JSONRenderer
from arena_groups.sandbox.seed import SeedPlan, fill_backend

__all__ = ["PER", "Library"]

PER = 100
TEMPLATES = 4
KEPT_PAGES = 1000
MOST_PAGES = 100_000
SEED = 20
BASE_URL = "https://api.are.na"

# Six digits for the page number, in every id and every address.
MARK = 777_777
IDS_OF_A_PAGE = 10_000
HIGHEST = 999_999


class Library:
    """Lists of invitations of any length, and groups, as bytes.

    Item ids decrease from page to page, as in a list with the newest first, with gaps. Each id and
    address is unique. The first requested pages are kept, as they are requested again.
    """

    def __init__(self) -> None:
        self._templates = _templates()
        self._group = _group()
        self._invited = _invited()
        self._ids = count(HIGHEST * IDS_OF_A_PAGE)
        self._kept: dict[tuple[int, int], tuple[bytes, str]] = {}

    def group(self, slug: str) -> tuple[bytes, str]:
        """Return a group of the given slug, and its entity tag."""
        body = self._group.replace(b"%SLUG%", slug.encode())
        return body, _etag(body)

    def page(self, items: int, number: int) -> tuple[bytes, str]:
        """Return a page of a list of ``items`` invitations, and its entity tag."""
        kept = self._kept.get((items, number))
        if kept is not None:
            return kept
        page = self._make(items, number)
        if len(self._kept) < KEPT_PAGES:
            self._kept[items, number] = page
        return page

    def invited(self, email: bytes) -> tuple[bytes, str]:
        """Return the result of a new invitation to an address, and its entity tag."""
        number = str(next(self._ids)).encode()
        body = self._invited.replace(b'"%ID%"', number).replace(b"%EMAIL%", email)
        return body, _etag(body)

    def _make(self, items: int, number: int) -> tuple[bytes, str]:
        pages = -(-items // PER)
        there = 0 < number <= pages
        template = self._templates[number % TEMPLATES] if there else []
        data = str(HIGHEST - number).encode().join(template)
        body = b'{"data":[' + data + b'],"meta":' + _meta(items, pages, number) + b"}"
        return body, _etag(body)


def _meta(items: int, pages: int, number: int) -> bytes:
    more = number < pages
    meta = {
        "current_page": number,
        "next_page": number + 1 if more else None,
        "prev_page": number - 1 if number > 1 else None,
        "per_page": PER,
        "total_pages": pages,
        "total_count": items,
        "has_more_pages": more,
    }
    return _encode(meta)


def _templates() -> list[list[bytes]]:
    """Return the pages, split where the page number belongs."""
    renderer = _renderer()
    pending = [each for each in renderer.backend.invitations.values() if each.state == "pending"]
    newest_first = sorted(pending, key=lambda each: each.created_at, reverse=True)
    rendered = [renderer.invitation(each) for each in newest_first[: TEMPLATES * PER]]
    return [_template(rendered[start : start + PER]) for start in range(0, len(rendered), PER)]


def _template(invitations: list[dict[str, object]]) -> list[bytes]:
    rng = random.Random(SEED)  # noqa: S311 - the same each time
    endings = sorted(rng.sample(range(IDS_OF_A_PAGE), len(invitations)), reverse=True)
    for ending, invitation in zip(endings, invitations, strict=True):
        invitation["id"] = MARK * IDS_OF_A_PAGE + ending
        if isinstance(email := invitation["invitee_email"], str):
            invitation["invitee_email"] = email.replace("@", f".{MARK}@", 1)
    return b",".join(map(_encode, invitations)).split(str(MARK).encode())


def _group() -> bytes:
    renderer = _renderer()
    rendered = renderer.group(next(iter(renderer.backend.groups.values())))
    return _encode({**rendered, "slug": "%SLUG%"})


def _invited() -> bytes:
    renderer = _renderer()
    pending = next(
        each
        for each in renderer.backend.invitations.values()
        if each.email and each.state == "pending"
    )
    invitation = {**renderer.invitation(pending), "id": "%ID%", "invitee_email": "%EMAIL%"}
    return _encode({"outcome": "invited", "user": None, "invitation": invitation})


def _renderer() -> JSONRenderer:
    backend = Backend(SandboxClock(), random.Random(SEED))  # noqa: S311 - the same each time
    known_users = fill_backend(backend, SeedPlan(SEED)).known_users
    return JSONRenderer(backend, BASE_URL, known_users.owner)


def _encode(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _etag(body: bytes) -> str:
    return f'W/"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'
