"""Settings of Django, which are those of the whole process."""

import pytest


def configure_django() -> None:
    """Configure Django for all tests that use it, whichever of them comes first."""
    settings = pytest.importorskip("django.conf").settings
    if not settings.configured:
        settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF="views", SECRET_KEY="of-a-test")
