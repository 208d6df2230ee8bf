"""Which texts are email addresses, and which of these are accepted."""

import pytest

from arena_groups.sandbox.validation import is_acceptable, is_address

LABEL = "d" * 63
LONG_DOMAIN = f"{LABEL}.{LABEL}.{LABEL}"  # 191 characters


@pytest.mark.parametrize(
    "text",
    [
        "ada@example.org",
        "a@b.c",
        "ada.osei+groups@mail.example-host.org",
        "!#$%&'*+/=?^_`{|}~-@example.org",
        "l" * 64 + "@example.org",
        f"ada@{LABEL}.org",
        "l" * 62 + "@" + LONG_DOMAIN,
        "ada@127.0.0.1",
    ],
)
def test_addresses(text: str) -> None:
    assert is_address(text)
    assert is_acceptable(text)


@pytest.mark.parametrize(
    "text",
    [
        "ada@localhost",
        "ada@com",
        '"ada osei"@example.org',
        '"a\\"b"@example.org',
        '""@example.org',
        "ada@[127.0.0.1]",
        "ada@[IPv6:2001:db8::1]",
    ],
)
def test_addresses_that_are_refused(text: str) -> None:
    assert is_address(text)
    assert not is_acceptable(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ada",
        "@example.org",
        "ada@",
        ".ada@example.org",
        "ada.@example.org",
        "ada..osei@example.org",
        "ada osei@example.org",
        "ada@@example.org",
        "ada@example..org",
        "ada@.example.org",
        "ada@example.org.",
        "ada@-example.org",
        "ada@example-.org",
        "ada@exa_mple.org",
        f"ada@{LABEL}d.org",
        "l" * 65 + "@example.org",
        '"' + "l" * 63 + '"@example.org',
        "l" * 63 + "@" + LONG_DOMAIN,
        "ada@example.org\n",
        "ada@example.org\nBcc: b@example.org",
        "nul\0@example.org",
        "ådå@example.org",
        "ada@exämple.org",
        '"ada@example.org',
        'a"d"a@example.org',
        "ada@[127.0.0.256]",
        "ada@[IPv6:nonsense]",
        "ada@[host]",
        "Ada <ada@example.org>",
    ],
)
def test_what_is_no_address(text: str) -> None:
    assert not is_address(text)
    assert not is_acceptable(text)
