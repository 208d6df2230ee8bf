"""Complete documents of the API, which keywords change."""

from collections.abc import Mapping

Document = dict[str, object]

STUDIO = "research-studio"
CREATED = "2026-03-09T22:02:26Z"
UPDATED = "2026-04-01T08:30:00Z"
TOKEN = "t0ken-9f2c41d7"
CODE = "c0de-71be5a"
CODE_URL = f"https://www.are.na/group/research-studio/invite/{CODE}"
EMAIL = "wilhelmina.voss@example.org"


def _links(path: str, **more: str) -> Document:
    found = {"self": path, **more}
    return {name: {"href": f"https://api.are.na/v3/{place}"} for name, place in found.items()}


def markdown(text: str = "Notes") -> Document:
    return {"markdown": text, "html": f"<p>{text}</p>", "plain": text}


def embedded_user(**changes: object) -> Document:
    return {
        "id": 7,
        "type": "User",
        "name": "Mara Lindqvist",
        "slug": "mara-lindqvist",
        "avatar": "https://images.example/mara.png",
        "initials": "ML",
        **changes,
    }


def embedded_group(**changes: object) -> Document:
    return {
        "id": 1001,
        "type": "Group",
        "name": "Research Studio",
        "slug": "research-studio",
        "avatar": None,
        "initials": "RS",
        **changes,
    }


def user(**changes: object) -> Document:
    return {
        **embedded_user(),
        "created_at": CREATED,
        "updated_at": UPDATED,
        "badge": "supporter",
        "tier": "supporter",
        "counts": {"channels": 4, "followers": 50, "following": 6},
        "_links": _links("users/7", channels="users/7/channels"),
        "bio": markdown("Collects maps."),
        **changes,
    }


def me(**changes: object) -> Document:
    counts = {"channels": 4, "followers": 50, "following": 6, "notifications": 2}
    return user(counts=counts, email=EMAIL, **changes)


def group(**changes: object) -> Document:
    return {
        **embedded_group(),
        "created_at": CREATED,
        "updated_at": UPDATED,
        "user": embedded_user(),
        "counts": {"channels": 12, "users": 30},
        "can": {
            "update": True,
            "destroy": True,
            "manage_members": True,
            "manage_invitations": False,
        },
        "_links": _links("groups/1001"),
        "description": markdown("What we read."),
        **changes,
    }


def member(**changes: object) -> Document:
    return {**embedded_user(), "role": "member", **changes}


def invitation(**changes: object) -> Document:
    return {
        "id": 41,
        "type": "MembershipInvitation",
        "target": embedded_group(),
        "invitee": embedded_user(id=9, slug="ono-takeda"),
        "invitee_email": EMAIL,
        "invited_by": embedded_user(),
        "state": "pending",
        "accepted_at": None,
        "created_at": CREATED,
        "updated_at": UPDATED,
        "_links": {},
        **changes,
    }


def invite(**changes: object) -> Document:
    return {
        "id": 5,
        "type": "GroupInvite",
        "code": CODE,
        "url": CODE_URL,
        "created_at": CREATED,
        "updated_at": UPDATED,
        "_links": _links("groups/1001/invite"),
        **changes,
    }


def invite_result(**changes: object) -> Document:
    return {
        "outcome": "invited",
        "user": embedded_user(id=9),
        "invitation": invitation(),
        **changes,
    }


def connection(**changes: object) -> Document:
    return {
        "id": 900,
        "position": 3,
        "pinned": False,
        "connected_at": CREATED,
        "connected_by": embedded_user(),
        "metadata": {"mood": "calm", "shelf": 3, "width": 1.5, "kept": True},
        **changes,
    }


def _version(size: str) -> Document:
    return {
        "src": f"https://images.example/{size}.png",
        "src_2x": f"https://images.example/{size}@2x.png",
        "width": 100,
        "height": 80,
    }


def image() -> Document:
    return {
        "alt_text": "A map",
        "blurhash": "LEHV6nWB2yk8pyo0adR*.7kCMdnj",
        "width": 1920,
        "height": 1080,
        "src": "https://images.example/original.png",
        "aspect_ratio": 1.7778,
        "content_type": "image/png",
        "filename": "original.png",
        "file_size": 1024,
        "updated_at": UPDATED,
        **{size: _version(size) for size in ("small", "medium", "large", "square")},
    }


def block(kind: str, **changes: object) -> Document:
    return {
        "id": 300,
        "type": kind,
        "base_type": "Block",
        "state": "available",
        "visibility": "public",
        "comment_count": 2,
        "created_at": CREATED,
        "updated_at": UPDATED,
        "user": embedded_user(),
        "_links": _links("blocks/300"),
        "title": "Untitled",
        "description": markdown(),
        "metadata": {"mood": "calm"},
        "source": {
            "url": "https://example.org/page",
            "title": "A page",
            "provider": {"name": "Example", "url": "https://example.org"},
        },
        "connection": connection(),
        "can": {"manage": True, "comment": True, "connect": False},
        **changes,
    }


def attachment() -> Document:
    return {
        "url": "https://files.example/paper.pdf",
        "filename": "paper.pdf",
        "content_type": "application/pdf",
        "file_size": 4096,
        "file_extension": "pdf",
        "updated_at": UPDATED,
    }


def embed() -> Document:
    return {
        "url": "https://video.example/9",
        "type": "video",
        "title": "A talk",
        "author_name": "Ono Takeda",
        "author_url": "https://video.example/ono",
        "source_url": "https://video.example/9",
        "width": 640,
        "height": 360,
        "html": "<iframe></iframe>",
        "thumbnail_url": "https://video.example/9.png",
    }


def channel(**changes: object) -> Document:
    return {
        "id": 300,
        "type": "Channel",
        "slug": "maps-d8xurkbqt40",
        "title": "Maps",
        "state": "available",
        "visibility": "closed",
        "created_at": CREATED,
        "updated_at": UPDATED,
        "owner": embedded_group(),
        "counts": {"blocks": 5, "channels": 1, "contents": 6, "collaborators": 2},
        "_links": _links("channels/300"),
        "description": markdown(),
        "metadata": {"shelf": 3},
        "collaborators": [embedded_user(), embedded_group()],
        "connection": connection(),
        "can": {"add_to": True, "update": True, "destroy": False, "manage_collaborators": True},
        **changes,
    }


def unknown_content(**changes: object) -> Document:
    return {"id": 77, "type": "Hologram", "depth": [1, {"of": None}], "title": "?", **changes}


def contents() -> list[Document]:
    """Return one content of every type, and one of an unknown type."""
    return [
        block("Text", content=markdown()),
        block("Image", image=image()),
        block("Link", image=image(), content=markdown()),
        block("Attachment", attachment=attachment(), image=image()),
        block("Embed", embed=embed(), image=image()),
        block("PendingBlock"),
        channel(),
        unknown_content(),
    ]


def page(*items: Mapping[str, object], **changes: object) -> Document:
    """Return one page with the whole list, unless ``changes`` to its ``meta`` say otherwise."""
    meta = {
        "current_page": 1,
        "next_page": None,
        "prev_page": None,
        "per_page": 100,
        "total_pages": 1 if items else 0,
        "total_count": len(items),
        "has_more_pages": False,
        **changes,
    }
    return {"data": list(items), "meta": meta}
