"""Check for leaks: unclosed objects warn when they are collected."""

import gc
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_warning() -> Iterator[None]:
    """Fail if anything warns within a block, or leaves something that warns when collected."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()  # what others left is not for this block to answer for
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
        gc.collect()
    assert [str(warning.message) for warning in caught] == []
