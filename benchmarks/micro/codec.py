"""Decoding of one page of invitations, in µs of CPU per item."""

import argparse
import json
from collections.abc import Callable
from importlib import import_module
from typing import Any

from arena_groups import from_dict
from arena_groups._api.decode import decode
from arena_groups.models import MembershipInvitation, Page
from benchmarks.micro.blocks import interleave
from benchmarks.pages import PER, Library

__all__ = ["LABELS", "main"]

LABELS = {
    "orjson": "orjson into dicts",
    "msgspec": "msgspec into the attrs classes",
    "arena": "arena-groups, as it decodes responses",
    "json": "json into dicts",
    "pydantic": "pydantic",
    "cattrs": "arena-groups, from_dict (cattrs) on plain data",
}
TIMES = 50


def ways(body: bytes) -> dict[str, Callable[[], object]]:
    """Return the ways that can be measured here, by name."""
    plain = json.loads(body)
    returns = Page[MembershipInvitation]
    decoders: dict[str, Callable[[], object]] = {
        "arena": lambda: decode(returns, body, "groups.invitations"),
        "json": lambda: json.loads(body),
        "cattrs": lambda: from_dict(returns, plain),
    }
    if (orjson := _optional("orjson")) is not None:
        decoders["orjson"] = lambda: orjson.loads(body)
    if (msgspec := _optional("msgspec")) is not None:
        decoder = msgspec.json.Decoder(returns)
        decoders["msgspec"] = lambda: decoder.decode(body)
    if (models := _optional("benchmarks.contenders.pydantic_models")) is not None:
        decoders["pydantic"] = lambda: models.InvitationPage.model_validate_json(body)
    return decoders


def _optional(name: str) -> Any:  # noqa: ANN401 - a module that may be missing
    try:
        return import_module(name)
    except ImportError:
        return None


def main() -> None:
    """Print the seconds per item of each round and way, as one line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, required=True)
    body, _ = Library().page(20_000, 1)
    taken = interleave(ways(body), parser.parse_args().rounds, TIMES)
    print(json.dumps({name: [each / PER for each in took] for name, took in taken.items()}))


if __name__ == "__main__":
    main()
