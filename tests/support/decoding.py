"""Bodies, and the issues found in them."""

import json

import pytest

from arena_groups import (
    DecodeError,
    DecodeIssue,
)
from arena_groups._api.decode import decode
from tests.support.shapes import Shape


def encoded(document: object) -> bytes:
    """Return a document as a body."""
    return json.dumps(document).encode()


def issues_of(model: Shape, body: bytes) -> tuple[DecodeIssue, ...]:
    """Return the issues of a body, which must have some."""
    with pytest.raises(DecodeError) as caught:
        decode(model, body, "groups.test")
    assert caught.value.operation == "groups.test"
    assert str(caught.value).startswith("cannot decode groups.test: ")
    return caught.value.issues


def issue_of(model: Shape, body: bytes) -> DecodeIssue:
    """Return the only issue of a body."""
    (only,) = issues_of(model, body)
    return only
