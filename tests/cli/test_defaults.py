"""Precedence: option, variable, configuration file, login, default."""

from itertools import product

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena_groups.cli.config_file import Configuration
from arena_groups.cli.connect import choose_server
from arena_groups.cli.defaults import combine, first
from arena_groups.cli.options import Format, Settings, default_group

ARENA = "https://api.are.na"
SOURCES = ("--base-url", "ARENA_BASE_URL", "the configuration file", "the login")
SERVERS = dict(zip(SOURCES, (f"http://127.0.0.1:{port}" for port in range(1, 5)), strict=True))


@pytest.mark.parametrize("given_by", list(product([False, True], repeat=4)), ids=str)
def test_base_url_is_that_of_the_first_source_in_order(given_by: tuple[bool, ...]) -> None:
    option, variable, file, login = (
        url if is_given else None for url, is_given in zip(SERVERS.values(), given_by, strict=True)
    )
    defaults = combine({"ARENA_BASE_URL": variable or ""}, Configuration(base_url=file))
    found = choose_server(Settings(base_url=option, defaults=defaults), login)
    chosen = next((name for name, is_given in zip(SOURCES, given_by, strict=True) if is_given), "")
    assert found.value == SERVERS.get(chosen, ARENA)
    assert found.source == (chosen or "the default")


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("given_by", list(product([None, *Format], repeat=3)), ids=str)
def test_format_is_that_of_the_first_source_in_order(
    given_by: tuple[Format | None, ...], terminal: bool
) -> None:
    option, variable, file = given_by
    defaults = combine({"ARENA_FORMAT": variable or ""}, Configuration(format=file))
    found = Settings(format=option, defaults=defaults).chosen_format(terminal=terminal)
    last = Format.TABLE if terminal else Format.NDJSON
    assert found is next((each for each in given_by if each is not None), last)


@pytest.mark.parametrize("file", [None, "of-the-file"])
@pytest.mark.parametrize("variable", [None, "", "of-the-variable"])
def test_group_is_that_of_the_variable_or_else_of_the_file(
    variable: str | None, file: str | None
) -> None:
    variables = {} if variable is None else {"ARENA_GROUP": variable}
    settings = Settings(defaults=combine(variables, Configuration(group=file)))
    assert default_group(settings) == (variable or file)


@pytest.mark.parametrize(
    ("option", "file", "pages"),
    [(False, None, True), (False, True, True), (False, False, False),
     (True, None, False), (True, True, False), (True, False, False)],
)  # fmt: skip
def test_pager_is_turned_off_by_option_or_file(
    option: bool, file: bool | None, pages: bool
) -> None:
    settings = Settings(no_pager=option, defaults=combine({}, Configuration(pager=file)))
    assert settings.may_page is pages


def test_pager_of_the_variable_comes_before_the_file() -> None:
    off = Configuration(pager=False)
    assert Settings(defaults=combine({"ARENA_PAGER": "less"}, off)).may_page
    assert not Settings(defaults=combine({"ARENA_PAGER": ""}, off)).may_page


@given(st.lists(st.none() | st.integers()))
def test_first_returns_the_first_value_with_its_source(values: list[int | None]) -> None:
    found = first(*((value, str(place)) for place, value in enumerate(values)))
    expected = [(value, str(place)) for place, value in enumerate(values) if value is not None]
    assert (found and (found.value, found.source)) == (expected[0] if expected else None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ARENA_FORMAT", "xml"),
        ("ARENA_FORMAT", "JSON "),
        ("ARENA_GROUP", "https://evil.example/group/x/invite/c0de-4711"),
    ],
)
def test_wrong_variable_is_usage_error_that_names_it(name: str, value: str) -> None:
    with pytest.raises(click.UsageError, match=name) as caught:
        combine({name: value}, Configuration())
    assert value not in caught.value.message


@pytest.mark.parametrize(
    ("option", "variable", "file", "named"),
    [
        ("nonsense-4711", "", None, "--base-url must "),
        (None, "nonsense-4711", None, "ARENA_BASE_URL must "),
        (None, "", "https://a:b-4711@api.are.na", "base_url in the configuration file must "),
        (None, "", "http://api.are.na", "base_url in the configuration file must "),
    ],
)
def test_wrong_base_url_is_usage_error_that_names_its_source(
    option: str | None, variable: str, file: str | None, named: str
) -> None:
    defaults = combine({"ARENA_BASE_URL": variable}, Configuration(base_url=file))
    with pytest.raises(click.UsageError) as caught:
        choose_server(Settings(base_url=option, defaults=defaults), "http://127.0.0.1:1")
    assert caught.value.message.startswith(named)
    assert "4711" not in caught.value.message
