"""Checks of arguments: what they accept, and how their errors name it."""

import math
from decimal import Decimal
from enum import IntEnum
from functools import partial
from typing import Any

import pytest

from arena_groups._arguments import (
    check_callable,
    check_flag,
    check_instance,
    check_methods,
    check_range,
    check_seconds,
    check_store_name,
    check_text,
)


class Number(IntEnum):
    FIVE = 5


@pytest.mark.parametrize("value", [1, 2, 99, 100])
def test_value_in_range_is_returned(value: int) -> None:
    assert check_range(value, "per", 1, 100) == value


@pytest.mark.parametrize("value", [0, -1, 101, 10**9])
def test_value_out_of_range_raises_value_error_with_the_range(value: int) -> None:
    with pytest.raises(ValueError, match=f"^per must be from 1 to 100, not {value}$"):
        check_range(value, "per", 1, 100)


@pytest.mark.parametrize("value", [None, "24", 24.0, True])
def test_value_that_is_not_an_int_raises_type_error_with_the_range(value: object) -> None:
    with pytest.raises(TypeError, match=r"^per must be an int from 1 to 100, not "):
        check_range(value, "per", 1, 100)


def test_subclass_of_int_is_returned_as_an_int() -> None:
    assert type(check_range(Number.FIVE, "per", 1)) is int


@pytest.mark.parametrize("value", [0.1, 1, 3.5, Number.FIVE, 1e9])
def test_seconds_are_returned(value: float) -> None:
    assert check_seconds(value, "timeout") == value


@pytest.mark.parametrize("value", [0, -1, -0.1, math.nan, math.inf, -math.inf])
def test_seconds_out_of_range_raise_value_error(value: float) -> None:
    with pytest.raises(ValueError, match=r"^timeout must be more than 0 seconds and finite, not "):
        check_seconds(value, "timeout")


def test_seconds_may_be_zero_or_endless_if_the_check_allows_it() -> None:
    assert check_seconds(0, "backoff", zero=True) == 0
    assert check_seconds(math.inf, "total", endless=True) == math.inf
    for value in (math.nan, -1, -math.inf):
        with pytest.raises(ValueError, match=r"^total must be 0 or more seconds, not "):
            check_seconds(value, "total", zero=True, endless=True)


@pytest.mark.parametrize("value", [True, None, "10", Decimal(10), [1], int])
def test_seconds_of_another_type_raise_type_error(value: object) -> None:
    with pytest.raises(TypeError, match=r"^timeout must be a number, more than 0 seconds"):
        check_seconds(value, "timeout")


@pytest.mark.parametrize("value", [0, 1, None, "no", "", []])
def test_flag_that_is_not_a_bool_raises_type_error(value: object) -> None:
    with pytest.raises(TypeError, match=r"^dry_run must be True or False, not "):
        check_flag(value, "dry_run")


def test_empty_text_raises_value_error() -> None:
    assert check_text("a", "name") == "a"
    with pytest.raises(ValueError, match=r"^name must not be empty$"):
        check_text(" ", "name")
    with pytest.raises(TypeError, match=r"^name must be a str, not bytes$"):
        check_text(b"a", "name")


def test_store_name_with_a_slash_raises_value_error() -> None:
    assert check_store_name("a", "name") == "a"
    with pytest.raises(ValueError, match=r"^name must be a text without slashes$"):
        check_store_name("a/b", "name")
    with pytest.raises(ValueError, match=r"^name must not be empty$"):
        check_store_name("", "name")


def test_class_in_place_of_an_instance_is_named() -> None:
    with pytest.raises(TypeError, match=r"must be a dict, such as {}, not the class dict itself$"):
        check_instance(dict, "options", dict, ", such as {}")
    with pytest.raises(TypeError, match=r"with get\(\), such as {}, not the class dict itself$"):
        check_methods(dict, "options", ["get"], "{}")
    with pytest.raises(TypeError, match=r"^path must be a str or an int, not list$"):
        check_instance([], "path", str | int)


async def async_function(_: object) -> None:
    raise NotImplementedError


class AsyncCallable:
    async def __call__(self, _: object) -> None:
        raise NotImplementedError


class Hooks:
    def one(self, _: object) -> None:
        raise NotImplementedError

    async def async_one(self, _: object) -> None:
        raise NotImplementedError


@pytest.mark.parametrize("function", [print, Hooks().one, [].append, lambda _: None, None,
                                      partial(print, end=""), lambda *_: None])  # fmt: skip
def test_function_is_accepted(function: Any) -> None:
    check_callable(function, "on_request", arguments=1)


@pytest.mark.parametrize(
    "function",
    [async_function, AsyncCallable(), Hooks().async_one, partial(async_function)],
)
def test_async_function_raises_type_error(function: Any) -> None:
    with pytest.raises(TypeError, match=r"^on_request must be an ordinary function, not an async"):
        check_callable(function, "on_request", arguments=1)


@pytest.mark.parametrize("function", [lambda: None, Hooks.one, lambda _, x: None])
def test_function_of_another_number_of_arguments_raises_type_error(function: Any) -> None:
    with pytest.raises(TypeError, match=r"^on_request must be a function that can be called with"):
        check_callable(function, "on_request", arguments=1)
