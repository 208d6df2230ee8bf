"""Runs test suites that use the plugin, in this process."""

import pytest

PLUGIN = "arena_groups.pytest_plugin"

Suite = pytest.Pytester


def run(suite: Suite, *arguments: str) -> pytest.RunResult:
    """Run a suite in this process."""
    quiet = ("-p", "no:cacheprovider", "-p", "no:randomly")
    return suite.runpytest_inprocess("-p", PLUGIN, *quiet, *arguments)


def passes(suite: Suite, code: str, *arguments: str, passed: int = 1) -> None:
    """Run tests in this process, and expect all to pass."""
    suite.makepyfile(code)
    run(suite, *arguments).assert_outcomes(passed=passed)
