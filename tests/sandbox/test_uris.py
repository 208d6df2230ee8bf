"""Which texts are URIs, and which parts they have."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from arena_groups.sandbox.validation import ParsedURI, parse_uri

SCHEMA = Draft202012Validator(
    {"type": "string", "format": "uri"}, format_checker=FormatChecker(formats=("uri",))
)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("https://example.com", ParsedURI("https", "example.com", None)),
        ("HTTPS://Example.com:8443/a/b.png?x=[1", None),
        ("HTTPS://Example.com:8443/a//b.png?x=1/?#f/?", ParsedURI("https", "Example.com", 8443)),
        ("http://user:pass@host:/", ParsedURI("http", "host", None)),
        ("http://[2001:db8::1]:80/x", ParsedURI("http", "[2001:db8::1]", 80)),
        ("http://[v1.future]/", ParsedURI("http", "[v1.future]", None)),
        ("http://ex%41mple.com/%C3%A9", ParsedURI("http", "ex%41mple.com", None)),
        ("https://", ParsedURI("https", "", None)),
        ("https:", ParsedURI("https", "", None)),
        ("https:/a/b", ParsedURI("https", "", None)),
        ("urn:isbn:0-486-27557-4", ParsedURI("urn", "", None)),
        ("", None),
        ("example.com/a.png", None),
        ("//example.com/a.png", None),
        ("/a.png", None),
        ("1http://example.com", None),
        ("http://example.com/%zz", None),
        ("http://example.com/%4", None),
        ("http://example.com/[a]", None),
        ("http://example.com/a#b#c", None),
        ("http://[::1", None),
        ("http://[1.2.3.4]/", None),
        ("http://[fe80::1%25eth0]/", None),
        ("http://example.com:port/", None),
        ("http://a@b@example.com/", None),
        ("http://example.com/a b", None),
        ("http://example.com/a\n", None),
        ("http://example.com/a\x7f", None),
        ("http://example.com/\\a", None),
        ("http://example.com/é", None),
        ("http://example.com/٣", None),
    ],
)
def test_what_is_a_uri(text: str, parts: ParsedURI | None) -> None:
    assert parse_uri(text) == parts


@given(
    st.from_regex(r"[a-z]{1,5}:(//)?[a-z0-9:@%\[\]/?#. v]{0,20}", fullmatch=True)
    | st.text(alphabet="ahtp:/?#[]@!$&'()*+,;=%09af.~_-{ v", max_size=20)
)
@example("http:////a")
@example("http://[::]:1/")
def test_whatever_passes_meets_the_schema(text: str) -> None:
    if parse_uri(text) is not None:
        assert SCHEMA.is_valid(text)
