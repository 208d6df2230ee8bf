"""The reference page lists everything that is public, with fields, members and arguments."""

import inspect
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from enum import Enum
from importlib import import_module
from pathlib import Path
from shutil import copy
from xml.etree.ElementTree import Element, fromstring

import attrs
import pytest

import arena_groups

DOCS = Path(__file__).parent.parent / "docs"
REFERENCE = (DOCS / "reference.md").read_text("utf-8")
PUBLIC_MODULES = (
    "arena_groups",
    "arena_groups.bulk",
    "arena_groups.errors",
    "arena_groups.mcp",
    "arena_groups.models",
    "arena_groups.oauth",
    "arena_groups.pytest_plugin",
    "arena_groups.reconcile",
    "arena_groups.redis",
    "arena_groups.sandbox",
    "arena_groups.sandbox.faults",
    "arena_groups.stores",
    "arena_groups.watching",
    "arena_groups.webhooks",
)


def public_name(module: str, name: str) -> str:
    """The name under which the reference lists something: the shortest there is."""
    here = getattr(import_module(module), name)
    is_top_level = getattr(arena_groups, name, None) is here
    return f"arena_groups.{name}" if is_top_level else f"{module}.{name}"


PUBLIC_NAMES = sorted(
    {
        public_name(module, name)
        for module in PUBLIC_MODULES
        for name in import_module(module).__all__
    }
)


def found(path: str) -> object:
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)


CLASSES = [name for name in PUBLIC_NAMES if inspect.isclass(found(name))]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Element:
    """The reference page alone, built by Sphinx in another process."""
    for needed in ("sphinx", "myst_parser"):
        pytest.importorskip(needed, reason="the dependency group docs is not installed")
    source = tmp_path_factory.mktemp("docs")
    for name in ("conf.py", "reference.md"):
        copy(DOCS / name, source)
    options = (
        "-q",
        "-b",
        "xml",
        "-D",
        "master_doc=reference",
        "-D",
        "html_static_path=",
        "-D",
        "smartquotes=0",
    )
    run = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, source, source / "built"],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return fromstring((source / "built/reference.xml").read_text("utf-8"))  # noqa: S314 - ours


@pytest.fixture(scope="module")
def listed(page: Element) -> list[str]:
    """The full names that have an entry of their own."""
    # Of the signatures of an overloaded function, the first has the name.
    return [each.attrib["ids"] for each in page.iter("desc_signature") if "ids" in each.attrib]


@pytest.fixture(scope="module")
def described(page: Element, listed: list[str]) -> set[str]:
    """The full names that have an entry, or stand in a list of their class."""
    found = set(listed)
    for entry in page.iter("desc"):
        signature, content = entry.find("desc_signature"), entry.find("desc_content")
        assert signature is not None
        assert content is not None
        for field in content.findall("field_list/field"):
            if field.findtext("field_name") in {"Parameters", "Variables"}:
                names = [each.text for each in field.iter("literal_strong")]
                found |= {f"{signature.attrib['ids']}.{name}" for name in names}
    return found


def expected_members(kind: type) -> Iterator[str]:
    """The fields, enum members, methods and properties that a class or a private base defines."""
    if issubclass(kind, Enum):
        yield from kind.__members__
    if attrs.has(kind):
        yield from (each.name for each in attrs.fields(kind) if not each.name.startswith("_"))
    for base in kind.__mro__:
        if base is kind or (base.__module__.startswith("arena_groups") and not is_public(base)):
            for name, member in vars(base).items():
                function = getattr(member, "__func__", getattr(member, "fget", member))
                if inspect.isfunction(function) and not name.startswith("_"):
                    yield name


def is_public(kind: type) -> bool:
    return any(found(name) is kind for name in CLASSES)


def test_reference_lists_every_public_name_once(listed: list[str]) -> None:
    assert set(PUBLIC_NAMES) - set(listed) == set()
    assert len(listed) == len(set(listed))


@pytest.mark.parametrize("name", CLASSES)
def test_reference_describes_every_member_of(name: str, described: set[str]) -> None:
    kind = found(name)
    assert isinstance(kind, type)
    bases = [public for public in CLASSES if found(public) in kind.__mro__]
    missing = [
        member
        for member in expected_members(kind)
        if not any(f"{base}.{member}" in described for base in bases)
    ]
    assert missing == []


def test_reference_lists_no_inner_member(listed: list[str]) -> None:
    assert [name for name in listed if re.search(r"\.(KIND$|_(?!_))", name)] == []


def test_reference_shows_sections_as_lists(page: Element) -> None:
    fields = Counter(each.text for each in page.iter("field_name"))
    assert {"Parameters", "Returns", "Raises"} <= fields.keys()
    assert "Type" not in fields  # types are in signatures
    text = "\n".join(page.itertext())
    assert not re.findall(r"^ *(?:Args|Returns|Yields|Raises|Attributes):$", text, re.MULTILINE)
    assert not re.findall(r"``|:(?:class|func|meth):", text)


@pytest.mark.parametrize("marker", ["arena_group", "arena_fault", "arena_quota"])
def test_reference_lists_marker(marker: str) -> None:
    assert f"| `{marker}(" in REFERENCE
