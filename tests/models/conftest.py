"""An object of each model that an operation returns."""

from typing import Any

import pytest

from arena_groups import Content, Page, from_dict
from tests.support import documents
from tests.support.models import CONTENTS, RETURNED, SAMPLES


@pytest.fixture(params=SAMPLES.values(), ids=[kind.__name__ for kind in SAMPLES])
def sample(request: pytest.FixtureRequest) -> Any:
    """An object of each model, one after another."""
    return request.param


@pytest.fixture(params=RETURNED)
def model(request: pytest.FixtureRequest) -> Any:
    """Each of the models, one after another."""
    kind, document = RETURNED[request.param]
    return from_dict(kind, document)


@pytest.fixture
def page() -> Page[Content]:
    """A page with one content of each kind."""
    return from_dict(CONTENTS, documents.page(*documents.contents()))
