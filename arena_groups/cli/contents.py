"""What to call a group's contents, which are of many kinds."""

from arena_groups.models import (
    AttachmentBlock,
    Channel,
    Content,
    EmbedBlock,
    ImageBlock,
    LinkBlock,
    PendingBlock,
    TextBlock,
    UnknownContent,
)

Known = TextBlock | ImageBlock | LinkBlock | AttachmentBlock | EmbedBlock | PendingBlock | Channel
"""The kinds that this release knows."""


def title_of(content: Content) -> str:
    """Return the title, or else what comes nearest to one."""
    if isinstance(content, UnknownContent):
        title = content.data.get("title")
        return title if isinstance(title, str) else ""
    if content.title:
        return content.title
    if isinstance(content, TextBlock):
        return content.content.plain
    return _file_name(content) or url_of(content) or ""


def url_of(content: Content) -> str | None:
    """Return the address of the page, image or file that a content stands for, if any."""
    match content:
        case ImageBlock():
            return content.image.src or content.image.large.src
        case AttachmentBlock():
            return content.attachment.url
        case EmbedBlock():
            return content.embed.url or content.embed.source_url
        case LinkBlock():
            return None if content.source is None else content.source.url
        case _:
            return None


def _file_name(content: Content) -> str | None:
    match content:
        case ImageBlock():
            return content.image.filename
        case AttachmentBlock():
            return content.attachment.filename
        case EmbedBlock():
            return content.embed.title
        case Channel():
            return content.slug
        case _:
            return None
