"""Email addresses: which are accepted, and which are one mailbox."""

import idna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena_groups._api import address_matches, address_problem, mailbox

ONE_MAILBOX = [
    ("u@b\u00fccher.example", "u@xn--bcher-kva.example"),
    ("u@b\u00fccher.example", "u@XN--BCHER-KVA.Example"),
    ("u@b\u00fccher.example", "u@B\u00dcCHER.EXAMPLE"),
    ("u@b\u00fccher.example", "u@bu\u0308cher.example"),
    ("u@stra\u00dfe.de", "u@STRA\u1e9eE.de"),
    ("u@example.org", "u@\uff45\uff58\uff41\uff4d\uff50\uff4c\uff45\uff0e\uff4f\uff52\uff47"),
    ("u@\u4f8b\u3048.jp", "u@\u4f8b\u3048\u3002jp"),
    ("u@example.org", "  U@Example.ORG\r\n"),
    ("zo\u00eb@example.org", "ZOe\u0308@example.org"),
    ("n\u0303@example.org", "\u00f1@example.org"),
]
TWO_MAILBOXES = [
    ("u@stra\u00dfe.de", "u@strasse.de"),
    ("wei\u00df@example.de", "weiss@example.de"),
    ("\u00fcla@example.org", "\u00dcla@example.org"),
    ("\u212aai@example.org", "kai@example.org"),
    ("\u0131da@example.org", "ida@example.org"),
    ("\uff41da@example.org", "ada@example.org"),
    ("a.da@example.org", "ada@example.org"),
    ("ada+x@example.org", "ada@example.org"),
    ("u@fa\u00df.de", "u@fass.de"),
    ("u@\u03b2\u03cc\u03bb\u03bf\u03c2.com", "u@\u03b2\u03cc\u03bb\u03bf\u03c3.com"),
]


@pytest.mark.parametrize(("one", "other"), ONE_MAILBOX)
def test_mailbox_of_same_domain_name_is_equal(one: str, other: str) -> None:
    assert mailbox(one) == mailbox(other)
    assert address_problem(one) == address_problem(other) == ""


@pytest.mark.parametrize(("one", "other"), TWO_MAILBOXES)
def test_mailbox_of_other_person_differs(one: str, other: str) -> None:
    assert mailbox(one) != mailbox(other)
    assert address_problem(one) == address_problem(other) == ""


@pytest.mark.parametrize(
    "text",
    [
        "u@i\u2764.ws",
        "u@a_b.org",
        "u@ab--cd.org",
        "u@xn--abc.org",
        "u@xn--\u00fc.org",
        "u@-a.org",
        "u@example.org.",
        "u@example\u3002",
        "u@example..org",
        "u@localhost",
        "u@1.2.3.4",
        "u@\uff11.2.3.\uff14",
        "u@a\uff20b.org",
        f"u@{'b' * 64}.org",
        "u@\u05d0a.org",
    ],
)
def test_address_problem_with_domain_that_is_no_public_name_says_so(text: str) -> None:
    assert address_problem(text) == "is not an email address: its domain is not valid"


@pytest.mark.parametrize(
    "text",
    [
        "u@[1.2.3.4]",
        "u@[IPv6:::1]",
        '"a b"@example.org',
        '"ada"@example.org',
        "u@exam\u200bple.org",
        "u@example.org\ufeff",
        "\u2060u@example.org",
        "a\u200db@example.org",
        "u@exa\u00admple.org",
        "\u202eu@example.org",
        "u\ud800@example.org",
        "u@ex\ud800.org",
        "u@ex ample.org",
        "a@b@example.org",
        "u\uff20example.org",
        "u@",
        "@example.org",
        "",
        None,
        7,
        b"u@example.org",
    ],
)
def test_address_problem_with_other_text_says_so(text: object) -> None:
    assert address_problem(text) == "is not an email address"


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        (f"{'a' * 65}@example.org", "64 bytes before the @"),
        (f"{chr(0xE9) * 33}@example.org", "64 bytes before the @"),
        (f"{'a' * 64}@{'.'.join(['b' * 60] * 3)}.{'c' * 10}", "254 bytes"),
    ],
)
def test_address_problem_with_long_address_names_limit(text: str, limit: str) -> None:
    assert address_problem(text) == f"is longer than {limit}"


@pytest.mark.parametrize("domain", ["\u0660" * 130_000, "\u00fc" * 130_000 + ".de", "a." * 65_000])
def test_domain_that_is_much_too_long_is_not_encoded(
    domain: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("idna.encode")
    assert address_problem(f"u@{domain}").endswith("its domain is not valid")
    assert mailbox(f"U@{domain}") == f"u@{domain}"
    assert not address_matches(f"u@{domain}", "x*")


def test_domain_of_many_addresses_is_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[str] = []
    encode = idna.encode

    def counting(domain: str, **options: bool) -> bytes:
        encoded.append(domain)
        return encode(domain, **options)

    monkeypatch.setattr(idna, "encode", counting)
    domains = ["once.b\u00fccher.example", "-not-once.example"]
    for text in (f"person-{number}@{domain}" for number in range(20) for domain in domains):
        assert bool(address_problem(text)) == ("-not" in text)
        assert mailbox(text)
    assert sorted(encoded) == sorted(domains)


def test_address_problem_accepts_joiners_that_a_script_needs() -> None:
    assert address_problem("u@\u0646\u0627\u0645\u0647\u200c\u0627\u06cc.com") == ""


@pytest.mark.parametrize(
    ("pattern", "is_match"),
    [
        ("*@b\u00fccher.example", True),
        ("*@B\u00dcCHER.*", True),
        ("*@xn--bcher-*", True),
        (" u@* ", True),
        ("*@buecher.example", False),
        ("u", False),
    ],
)
def test_address_matches_pattern_in_both_spellings_of_the_domain(
    pattern: str, *, is_match: bool
) -> None:
    for domain in ("b\u00fccher.example", "XN--bcher-kva.example"):
        assert address_matches(f"U@{domain}", pattern) is is_match


@given(st.text())
def test_any_text_has_a_mailbox(text: str) -> None:
    assert mailbox(f" {text} ") == mailbox(text)
    assert address_matches(text, "*")
    assert isinstance(address_problem(text), str)
