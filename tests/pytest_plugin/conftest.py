"""Test suites that use the plugin."""

from contextlib import suppress
from importlib import import_module

import pytest

from tests.pytest_plugin.suites import Suite


@pytest.fixture(scope="module", autouse=True)
def libraries() -> None:
    """Import what suites import, before pytester notes which modules there are.

    It removes the others after each suite, but their packages keep them as attributes, and a later
    import mixes old and new modules.
    """
    with suppress(ImportError):
        import_module("fastapi")


@pytest.fixture
def suite(pytester: Suite) -> Suite:
    """Test suite with the plugin and pytest-asyncio, and no others."""
    pytester.makeini(
        """
        [pytest]
        asyncio_mode = auto
        asyncio_default_fixture_loop_scope = function
        addopts = --strict-markers --strict-config
        """
    )
    return pytester
