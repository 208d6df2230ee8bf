"""Random draws of seeded records."""

import string
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena_groups.sandbox.draws import below, invite_code, pick, slug_suffix
from arena_groups.sandbox.names import is_valid_slug


@given(st.integers(), st.lists(st.integers(1, 10**12), min_size=1))
def test_draws_are_those_of_random(seed: int, ends: list[int]) -> None:
    ours, theirs = Random(seed), Random(seed)
    for end in ends:
        assert below(ours, end) == theirs.randrange(end)
        options = range(end)
        assert pick(ours, options) == theirs.choice(options)
    assert ours.getstate() == theirs.getstate()


@pytest.mark.parametrize("seed", range(20))
def test_random_texts_have_only_safe_characters(seed: int) -> None:
    rng = Random(seed)
    suffix, code = slug_suffix(rng), invite_code(rng)
    assert is_valid_slug(suffix)
    assert (suffix[0] + suffix[-1]).isalnum()
    assert len(code) == 12
    assert set(code) <= set(string.ascii_letters + string.digits) - set("01lIO")
