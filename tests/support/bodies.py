"""Random bodies: documents that are right or nearly so, written in all the ways JSON has."""

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from random import Random

from hypothesis import strategies as st

from tests.support.shapes import Shape
from tests.support.strategies import Json, documents, json_values

NESTED = '{"a":' * 5000


class Token(str):
    """JSON text that is written as it is."""

    __slots__ = ()


def _words(*lines: str) -> st.SearchStrategy[str]:
    return st.sampled_from([word for line in lines for word in line.split()])


odd_moments = st.builds(
    "{}{}{}{}{}".format,
    _words("2026-03-09 0001-01-01 9999-12-31 0000-01-01 2026-02-29 20260309 2026-3-9"),
    st.sampled_from(["T", "t", " ", "_", "", "T "]),
    _words("22:02:26 23:59:59 00:00:00 24:00:00 23:59:60 22:02 220226 2:2:6"),
    st.just("") | st.from_regex(r"\A[.,][0-9]{0,12}\Z") | st.just(".9999999"),
    _words("Z z +00:00 -00:00 +02:00 -23:59 +23:60 +24:00 +0200 +02 +02:00:30")
    | st.sampled_from(["", " Z", "Z ", "\n"]),
)
odd_numbers = _words(
    "-0 -0.0 1e2 1E+2 1.0 0.1e-1 1e-400 1e999 -1e999 123456789012345678901234567890.123",
    "9007199254740993 9223372036854775808 -9223372036854775809 18446744073709551616",
    "19446744073709551617 -19679983545769507923",
    f"{'9' * 30} {'7' * 400} {'7' * 5000} -{'7' * 5000}",
).map(Token)
no_json = _words(
    'NaN Infinity -Infinity 01 1. .5 +1 1e tru [1,] {\'a\':1} {"a":1,} "\\q" "\\u12" "\x01"',
    f"{'[' * 5000} {NESTED}",
).map(Token)
odd_values = (
    odd_moments
    | odd_numbers
    | json_values
    | no_json
    | st.sampled_from(["", "\ud83d", "\ud83d\ude00", "é\u2028\x7f"])
    | _words("User Group Text Channel")
    | st.builds(dict)
    | st.builds(lambda: {"self": {"href": "x"}})
)
seeds = st.integers(0, 2**32)


def _holders(value: Json) -> Iterator[dict[str, Json] | list[Json]]:
    if isinstance(value, dict | list):
        yield value
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _holders(inner)


@st.composite
def damaged(draw: st.DrawFn, document: Json) -> Json:
    """Return a document with a few values changed, removed or added."""
    found = deepcopy(document)
    for _ in range(draw(st.integers(0, 3))):
        holder = draw(st.sampled_from(list(_holders(found))))
        if isinstance(holder, list):
            holder.append(draw(odd_values))
            continue
        name = draw(st.sampled_from([*holder, "x-odd"]))
        if draw(st.booleans()):
            holder[name] = draw(odd_values)
        else:
            holder.pop(name, None)
    return found


class Writer:
    """Writer of JSON with random white space, escapes and duplicate keys."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def body(self, value: Json, *, twice: Json) -> bytes:
        """Return a document as bytes; ``twice`` is the other value of a duplicate key."""
        self._twice = twice
        return self._any(value).encode(errors="surrogatepass")

    def _any(self, value: Json) -> str:
        text = self._bare(value)
        return f"{self._space()}{text}{self._space()}"

    def _bare(self, value: Json) -> str:
        if isinstance(value, Token):
            return str(value)
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, list):
            return f"[{','.join(map(self._any, value))}]" if value else "[ ]"
        if isinstance(value, dict):
            return f"{{{','.join(self._members(value))}}}"
        return json.dumps(value)

    def _members(self, value: dict[str, Json]) -> Iterator[str]:
        for name, inner in value.items():
            key = f"{self._space()}{self._text(name)}{self._space()}"
            twice = self._random.random()
            if twice < 0.02:
                yield f"{key}:{self._any(self._twice)}"
            yield f"{key}:{self._any(inner)}"
            if twice > 0.995:
                yield f"{self._text(name)}:{self._any(self._twice)}"

    def _text(self, value: str) -> str:
        how = self._random.random()
        if how < 0.1:
            units = value.encode("utf-16-be", errors="surrogatepass").hex()
            return '"' + re.sub("....", r"\\u\g<0>", units) + '"'
        return json.dumps(value, ensure_ascii=how < 0.5).replace("/", "\\/" if how < 0.3 else "/")

    def _space(self) -> str:
        return self._random.choice(["", "", "", " ", "\r\n", "\t"])


@st.composite
def bodies(draw: st.DrawFn, shape: Shape) -> bytes:
    """Return bodies that are close to those of the API: many valid, many not."""
    document = draw(damaged(draw(documents(shape)).sent))
    body = Writer(draw(seeds)).body(document, twice=draw(odd_values))
    if draw(st.integers(0, 9)):
        return body
    at = draw(st.integers(0, len(body)))
    return body[:at] + draw(st.binary(max_size=2)) + body[at + draw(st.integers(0, 2)) :]


@st.composite
def good_bodies(draw: st.DrawFn, shape: Shape) -> bytes:
    """Return valid bodies of the API for a type."""
    return json.dumps(draw(documents(shape)).sent, ensure_ascii=draw(st.booleans())).encode()
