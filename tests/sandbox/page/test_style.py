"""Colours of the sandbox's page: contrast in both schemes."""

import re
from pathlib import Path

import pytest

from arena_groups.sandbox import page

STYLE = Path(page.__file__).with_name("page.css").read_text("utf-8")
COLOUR = re.compile(r"--([\w-]+): #([0-9a-f]{6});")
_LIGHT, _DARK = STYLE.split("@media (prefers-color-scheme: dark)", 1)
SCHEMES = {
    "light": dict(COLOUR.findall(_LIGHT)),
    "dark": dict(COLOUR.findall(_DARK)),
}
TEXTS = [
    ("text", "page"), ("text", "soft"), ("muted", "page"), ("link", "page"), ("good", "page"),
    ("bad", "page"), ("on-main", "main"),
]  # fmt: skip


def luminance(colour: str) -> float:
    channels = (int(colour[start : start + 2], 16) / 255 for start in (0, 2, 4))
    red, green, blue = (
        each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_of_black_and_white_is_the_highest() -> None:
    assert contrast("000000", "ffffff") == pytest.approx(21)


def test_both_schemes_have_the_same_colours() -> None:
    assert SCHEMES["light"].keys() == SCHEMES["dark"].keys()
    assert SCHEMES["light"].keys() >= {name for pair in TEXTS for name in pair}


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("text", "background"), TEXTS)
def test_text_has_the_contrast_of_level_aa(scheme: str, text: str, background: str) -> None:
    colours = SCHEMES[scheme]
    assert contrast(colours[text], colours[background]) >= 4.5


@pytest.mark.parametrize("scheme", SCHEMES)
def test_controls_stand_out_from_the_page(scheme: str) -> None:
    colours = SCHEMES[scheme]
    assert contrast(colours["control"], colours["page"]) >= 3
    assert contrast(colours["link"], colours["page"]) >= 3  # of the focus outline
