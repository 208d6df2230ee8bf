"""Responses by method and URL, instead of a network."""

import inspect
from typing import Any, Self

import aiohttp
from aioresponses import aioresponses


class StandInWriter:
    """Part of a request's writer that a response needs."""

    output_size = 0


class MockedResponse(aiohttp.ClientResponse):
    """Response as aioresponses creates it, with the writer that newer aiohttp requires."""

    _PARAMETERS = inspect.signature(aiohttp.ClientResponse.__init__).parameters

    def __init__(self, *args: object, **options: object) -> None:
        if "stream_writer" in self._PARAMETERS:
            options.setdefault("stream_writer", StandInWriter())
        super().__init__(*args, **options)  # type: ignore[arg-type]


class MockAPI(aioresponses):
    """aioresponses with responses for every supported version of aiohttp."""

    def add(self, *args: Any, **options: Any) -> None:
        options.setdefault("response_class", MockedResponse)
        super().add(*args, **options)

    def __enter__(self) -> Self:
        super().__enter__()
        return self
