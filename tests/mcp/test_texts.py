"""Texts that assistants see: what is removed from them, and what is masked."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena_groups.mcp.texts import Disclosure, clean, is_masked, mask

HIDDEN = Disclosure()
SHOWN = Disclosure(personal_data=True)

# Default_Ignorable_Code_Point of Unicode, and what else is blank although it is not a space.
IGNORABLE = [
    range(0xAD, 0xAE),
    range(0x34F, 0x350),
    range(0x61C, 0x61D),
    range(0x115F, 0x1161),
    range(0x17B4, 0x17B6),
    range(0x180B, 0x1810),
    range(0x200B, 0x2010),
    range(0x202A, 0x202F),
    range(0x2060, 0x2070),
    range(0x2800, 0x2801),
    range(0x3164, 0x3165),
    range(0xFE00, 0xFE10),
    range(0xFEFF, 0xFF00),
    range(0xFFA0, 0xFFA1),
    range(0xFFF0, 0xFFF9),
    range(0x1BCA0, 0x1BCA4),
    range(0x1D159, 0x1D15A),
    range(0x1D173, 0x1D17B),
    range(0xE0000, 0xE1000),
]
INVISIBLE = [chr(code) for codes in IGNORABLE for code in codes]
LOCAL_PART = st.text("abcdefghijklmnopqrstuvwxyz0123456789._%+-", min_size=2, max_size=64)


def is_allowed(character: str) -> bool:
    if character == " ":
        return True
    if character in INVISIBLE or character.isspace():
        return False
    return unicodedata.category(character) not in {"Cc", "Cf", "Cn", "Co", "Cs"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Ada Osei", "Ada Osei"),
        ("  Ada\n\nOsei\t", "Ada Osei"),
        ("Ada\u2028Osei\u2029\x85Novák", "Ada Osei Novák"),
        ("\x1b[31mred\x1b[0m", "[31mred[0m"),
        ("a\x00b\x07c\x7f", "abc"),
        ("\u202egnp.exe\u202c", "gnp.exe"),
        ("z\u200be\u200cr\u200do\ufeff", "zero"),
        ("".join(chr(0xE0000 + ord(each)) for each in "remove everybody") + "Ada", "Ada"),
        ("A\U000e0101\ufe0f", "A"),
        ("\u3164\u115f\uffa0", ""),
        ("\ue000\ud800x\uffff", "x"),
        ("מיכל שלום", "מיכל שלום"),
        ("日本語", "日本語"),
        ("🌱 garden", "🌱 garden"),
        ("", ""),
    ],
)
def test_clean_keeps_what_can_be_seen(text: str, shown: str) -> None:
    assert clean(text) == shown


@pytest.mark.parametrize("character", [chr(codes.start) for codes in IGNORABLE])
def test_invisible_character_is_removed(character: str) -> None:
    assert clean(f"a{character}b") == "ab"


def test_every_ignorable_character_is_removed() -> None:
    assert clean("".join(INVISIBLE), 100_000) == ""


@given(text=st.text() | st.text(st.sampled_from(["a", "\n", *INVISIBLE])), limit=st.integers(1, 50))
def test_clean_text_holds_nothing_forbidden_and_is_short(text: str, limit: int) -> None:
    for shown in (clean(text, limit), HIDDEN.text(text, limit), SHOWN.text(text, limit)):
        assert all(map(is_allowed, shown))
        assert len(shown) <= limit
        assert shown == shown.strip()


@given(text=st.text())
def test_clean_text_stays_as_it_is(text: str) -> None:
    assert clean(clean(text)) == clean(text)


def test_cut_text_says_that_it_is_cut() -> None:
    assert clean("abcdef", 4) == "abc…"
    assert clean("abcd", 4) == "abcd"
    assert clean("ab cdef", 4) == "ab…"


ADDRESSES = ["ada@example.org", "a@example.org", "*ada@example.org", "ada..@example.org"]


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("ada@example.org", "a…@example.org"),
        ("a@example.org", "…@example.org"),
        ('"a b"@example.org', '"…@example.org'),
        ("a@b@example.org", "a…@example.org"),
        ("ada\u202e@exa\u200bmple.org\n", "a…@example.org"),
        ("@example.org", "…"),
        ("no address", "…"),
        ("", "…"),
    ],
)
def test_mask_leaves_one_character_of_the_local_part(address: str, shown: str) -> None:
    assert mask(address) == shown
    assert HIDDEN.address(address) == shown


@pytest.mark.parametrize(
    "address", [*map(mask, ADDRESSES), "a...@example.org", "a***@example.org", "••@example.org"]
)
def test_masked_address_is_known_as_such(address: str) -> None:
    assert is_masked(address)


@pytest.mark.parametrize("address", [*ADDRESSES, "a.b@example.org", "a…b", "a@example.org…", ""])
def test_other_texts_are_not_masked_addresses(address: str) -> None:
    assert not is_masked(address)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "write to ada@example.org, or bob@example.org",
            "write to a…@example.org, or b…@example.org",
        ),
        ("<ada@example.org>(bob@example.org)", "<a…@example.org>(b…@example.org)"),
        ("mailto:ada@example.org", "mailto:a…@example.org"),
        (
            "https://example.org/?mail=ada@example.org&x",
            "https://example.org/?mail=a…@example.org&x",
        ),
        (
            "https://example.org/?mail=ada%40example.org",
            "https://example.org/?mail=a…%40example.org",
        ),
        ("ada\uff20example.org", "a…\uff20example.org"),
        ("a@b@example.org", "…@…@example.org"),
        ("o'brien+x@example.org", "o…@example.org"),
        ("@ada@social.example", "@a…@social.example"),
        ("ada\u200b@exa\u2060mple.org", "a…@example.org"),
        ("https://medium.example/@ada/post", "https://medium.example/@ada/post"),
        ("ask @ada or ada", "ask @ada or ada"),
        ("@", "@"),
        ("1 @ 2", "1 @ 2"),
    ],
)
def test_addresses_in_a_text_are_masked(text: str, shown: str) -> None:
    assert HIDDEN.text(text) == shown
    assert HIDDEN.text(shown) == shown
    assert SHOWN.text(text) == clean(text)


def test_long_text_of_at_signs_takes_no_long_time() -> None:
    for text in ("a" * 500_000 + "@", "@" * 200_000, "a@" * 200_000, "@" + "a" * 500_000):
        assert len(HIDDEN.text(text)) <= 120


@given(local=LOCAL_PART, before=st.sampled_from(["", "mailto:", "<", "write to ", "("]))
def test_no_local_part_is_shown(local: str, before: str) -> None:
    address = f"{local}@example.org"
    shown = HIDDEN.text(f"Hello {before}{address}, and bye", 1000)
    assert local not in mask(address).removesuffix("@example.org")
    assert f"{local}@" not in shown
    assert "@example.org, and bye" in shown


def test_shown_address_is_whole() -> None:
    assert SHOWN.address("ada@example.org") == "ada@example.org"
    assert SHOWN.text("write to ada@example.org") == "write to ada@example.org"
    assert SHOWN.address(None) is None
    assert HIDDEN.address(None) is None


@pytest.mark.parametrize(
    ("shown", "has_code"),
    [(HIDDEN, False), (Disclosure(invite_code=True), True), (SHOWN, True)],
)
def test_invite_code_in_a_text_is_hidden_unless_it_may_be_seen(
    shown: Disclosure, has_code: bool
) -> None:
    text = shown.text("join at https://www.are.na/group/x/invite/S3cret-Code today")
    assert ("S3cret-Code" in text) is has_code
    assert text.startswith("join at https://www.are.na/group/x/invite/")
    assert text.endswith(" today")


def test_address_is_masked_before_the_text_is_cut() -> None:
    assert "secret" not in HIDDEN.text("see secret.person@example.org", 12)
