"""Bodies, and what is wrong with them."""

import json

import pytest

from arena_groups import (
    DecodeError,
    DecodeIssue,
)
from arena_groups._api.decode import decode
from tests.support.shapes import Shape


def encoded(document: object) -> bytes:
    return json.dumps(document).encode()


def faults(model: Shape, body: bytes) -> tuple[DecodeIssue, ...]:
    with pytest.raises(DecodeError) as caught:
        decode(model, body, "groups.test")
    assert caught.value.operation == "groups.test"
    assert str(caught.value).startswith("cannot decode groups.test: ")
    return caught.value.issues


def fault(model: Shape, body: bytes) -> DecodeIssue:
    (only,) = faults(model, body)
    return only
