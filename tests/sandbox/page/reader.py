"""A reader of the sandbox's page, without a browser: its elements, and its forms."""

from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from urllib.parse import urlencode

import attrs

from tests.sandbox.api import Api, Reply

PAGE = "/__sandbox__/"
VOID = {"br", "hr", "img", "input", "link", "meta"}


@attrs.define
class Node:
    """An element with its attributes, the texts and elements in it, and its parent."""

    name: str
    attributes: Mapping[str, str]
    parent: "Node | None" = attrs.field(default=None, repr=False)
    content: "list[Node | str]" = attrs.field(factory=list, repr=False)

    def walk(self) -> "Iterator[Node]":
        yield self
        for each in self.content:
            if isinstance(each, Node):
                yield from each.walk()

    def all(self, name: str, **attributes: str) -> "list[Node]":
        wanted = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items()}
        return [
            node
            for node in self.walk()
            if node.name == name and wanted.items() <= dict(node.attributes).items()
        ]

    def one(self, name: str, **attributes: str) -> "Node":
        (found,) = self.all(name, **attributes)
        return found

    @property
    def text(self) -> str:
        parts = (each.text if isinstance(each, Node) else each for each in self.content)
        return "".join(parts)

    def rows(self) -> list[list[str]]:
        """The texts of a table's cells, without its head."""
        return [
            [cell.text for cell in row.content if isinstance(cell, Node)]
            for row in self.one("tbody").all("tr")
        ]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = self.current = Node("", {})

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names), (tag, names)
        node = Node(tag, {name: value or "" for name, value in attrs}, self.current)
        self.current.content.append(node)
        if tag not in VOID:
            self.current = node

    def handle_endtag(self, tag: str) -> None:
        assert self.current.name == tag
        assert self.current.parent is not None
        self.current = self.current.parent

    def handle_data(self, data: str) -> None:
        self.current.content.append(data)


def read(reply: Reply) -> Node:
    """Return the root of a page, whose elements are all closed."""
    reader = _Reader()
    reader.feed(reply.content.decode())
    reader.close()
    assert reader.current is reader.root
    return reader.root


async def open_page(http: Api, path: str = PAGE, *, status: int = 200) -> Node:
    """Return a page."""
    reply = await http.get(path)
    assert reply.status == status
    return read(reply)


async def open_section(http: Api, name: str) -> Node:
    """Return a section of the first page."""
    return (await open_page(http)).one("section", id=name)


async def submit(http: Api, path: str = PAGE, **fields: str | int) -> Reply:
    """Send a form, as a browser does."""
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": http.sandbox.url}
    return await http.send("POST", path, headers=headers, data=urlencode(fields).encode())
