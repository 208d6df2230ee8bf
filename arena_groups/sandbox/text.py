"""Text in its several forms: slugs, initials, timestamps, and markdown as HTML and plain."""

import html
import re
import unicodedata
from datetime import UTC, datetime

# Letters that have no decomposition into an ASCII letter and an accent.
_SPECIAL_LETTERS = str.maketrans(
    {"ł": "l", "Ł": "L", "ø": "o", "Ø": "O", "đ": "d", "Đ": "D", "ß": "ss", "\u0131": "i"}
)
_LINK = re.compile(r"\[([^\[\]]+)\]\((https?://[^\s()]+)\)")
_STRONG = re.compile(r"\*\*([^*\n]+)\*\*")
_EMPHASIS = re.compile(r"\*([^*\n]+)\*")
_SLUG_LENGTH = 60


def slugify(words: str) -> str:
    """Lower-case ASCII words joined by hyphens; empty when nothing of the text is left."""
    plain = unicodedata.normalize("NFKD", words.translate(_SPECIAL_LETTERS))
    ascii_only = plain.encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", ascii_only.lower())[:_SLUG_LENGTH].strip("-")


def initials(name: str) -> str:
    """The first letters of the first two words, in capitals."""
    return "".join(word[0] for word in name.split()[:2]).upper()


def timestamp(moment: datetime) -> str:
    """An instant as the API writes it: UTC, whole seconds, a trailing Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def markdown(source: str) -> dict[str, object]:
    """The three renderings of a text: as written, as HTML (escaped), and without marks."""
    return {"markdown": source, "html": _as_html(source), "plain": _as_plain(source)}


def _as_html(source: str) -> str:
    paragraphs = [part for part in re.split(r"\n{2,}", source) if part.strip()]
    return "".join(f"<p>{_inline_html(paragraph.strip())}</p>" for paragraph in paragraphs)


def _inline_html(paragraph: str) -> str:
    # Escaping comes first, so that every tag is one of ours; URLs are kept out of the emphasis.
    pieces: list[str] = []
    end = 0
    escaped = html.escape(paragraph)
    for link in _LINK.finditer(escaped):
        pieces += [_emphasise(escaped[end : link.start()]), _anchor(link[1], link[2])]
        end = link.end()
    return "".join([*pieces, _emphasise(escaped[end:])])


def _anchor(words: str, url: str) -> str:
    return f'<a href="{url}" target="_blank" rel="nofollow noopener">{_emphasise(words)}</a>'


def _emphasise(escaped: str) -> str:
    strong = _STRONG.sub(r"<strong>\1</strong>", escaped)
    return _EMPHASIS.sub(r"<em>\1</em>", strong).replace("\n", "<br>")


def _as_plain(source: str) -> str:
    without_links = _LINK.sub(r"\1 (\2)", source)
    return _EMPHASIS.sub(r"\1", _STRONG.sub(r"\1", without_links))
