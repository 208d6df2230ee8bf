"""Checks of this project's own rules: ``python -m tests.lint``."""
