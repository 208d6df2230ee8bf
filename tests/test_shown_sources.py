"""Sources that the documentation shows: its Markdown has them as they are, and links the files.

``UPDATE_SNAPSHOTS=1`` writes them into the pages anew.
"""

import ast
import os
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md")), *sorted(ROOT.glob("examples/**/*.md"))]
SHOWN = re.compile(
    r"^<!-- source: (?P<file>\S+)(?: (?P<first>\w+)(?: to (?P<last>\w+))?)? -->\n"
    r"```(?P<language>\w+)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
FIRST_SNIPPET = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DIRECTIVES = re.compile(r"^(?:`{3,}|:{3,})\{(?:literalinclude|include)\}", re.MULTILINE)

PAGES_WITH_SOURCES = [each for each in PAGES if "<!-- source: " in each.read_text("utf-8")]


def source(file: str, first: str | None, last: str | None) -> str:
    """Return a part of a file: from one definition to another, or the first snippet of a page."""
    text = (ROOT / file).read_text("utf-8")
    if first is None:
        found = FIRST_SNIPPET.search(text)
        assert found is not None
        return found[1]
    lines = {name: span for node in ast.parse(text).body for name, span in spans(node)}
    start, end = lines[first][0], lines[last or first][1]
    return "\n".join(text.splitlines()[start - 1 : end]) + "\n"


def spans(node: ast.stmt) -> list[tuple[str, tuple[int, int]]]:
    """Return the names that a statement defines, with its first and last line."""
    assert node.end_lineno is not None
    match node:
        case ast.Assign(targets=[ast.Name(id=name)]):
            return [(name, (node.lineno, node.end_lineno))]
        case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
            start = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            return [(node.name, (start, node.end_lineno))]
        case _:
            return []


@pytest.mark.parametrize("page", PAGES_WITH_SOURCES, ids=lambda page: page.stem)
def test_page_shows_sources_as_they_are(page: Path) -> None:
    text = page.read_text("utf-8")

    def current(found: re.Match[str]) -> str:
        code = source(found["file"], found["first"], found["last"])
        start, end = found.start("code") - found.start(), found.end("code") - found.start()
        return found[0][:start] + code + found[0][end:]

    fresh = SHOWN.sub(current, text)
    if os.environ.get("UPDATE_SNAPSHOTS"):
        page.write_text(fresh, "utf-8")
        text = fresh
    assert text == fresh
    assert len(SHOWN.findall(text)) == text.count("<!-- source: ")


@pytest.mark.parametrize("page", PAGES_WITH_SOURCES, ids=lambda page: page.stem)
def test_page_links_the_files_whose_source_it_shows(page: Path) -> None:
    text = page.read_text("utf-8")
    for found in SHOWN.finditer(text):
        assert f"](../{found['file']})" in text or found["file"] == "README.md"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page_can_be_read_in_the_repository(page: Path) -> None:
    text = page.read_text("utf-8")
    for found in DIRECTIVES.finditer(text):
        before = text[: found.start()]
        assert re.search(r"\[.+\]\(\.\./\w+\.md\)", before), "no link to what Sphinx includes"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_to_files_of_the_repository_work(page: Path) -> None:
    links = re.findall(
        r"\]\((\.\.?/[^)#\s]+|[\w./-]+\.(?:md|py|csv|yml|yaml))(?:#[^)]*)?\)",
        page.read_text("utf-8"),
    )
    missing = [link for link in links if not (page.parent / link).exists()]
    assert missing == []


def test_index_links_every_page_that_it_lists() -> None:
    """A toctree shows only names in the repository."""
    text = (DOCS / "index.md").read_text("utf-8")
    entries = re.findall(
        r"^```\{toctree\}\n(?::[^\n]*\n)+\n(.*?)^```$", text, re.MULTILINE | re.DOTALL
    )
    names = [name for entry in entries for name in entry.split()]
    assert len(names) >= 40
    assert re.findall(r"^- \[.+\]\((.+)\.md\)$", text, re.MULTILINE) == names
    pages = {page.relative_to(DOCS).with_suffix("").as_posix() for page in DOCS.glob("*.md")}
    assert pages - {*names, "index"} == set()
