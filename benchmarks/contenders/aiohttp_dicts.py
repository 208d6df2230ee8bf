"""Hand-written loop over aiohttp that returns dicts; with orjson it is the baseline."""

import json
from collections.abc import Callable
from typing import Any

from benchmarks.contenders.aiohttp_loop import count_dicts, page_loop
from benchmarks.contenders.common import needs, parser, run


def main() -> None:
    """Measure with ``--decoder``."""
    given = parser()
    given.add_argument("--decoder", choices=("json", "orjson"), default="orjson")
    arguments = given.parse_args()
    run(page_loop(_loads(arguments.decoder), count_dicts), arguments)


def _loads(decoder: str) -> Callable[[bytes], Any]:
    if decoder == "json":
        return json.loads
    needs("orjson")
    import orjson  # noqa: PLC0415 - not everywhere

    return orjson.loads


if __name__ == "__main__":
    main()
