"""Bare loop over aiohttp whose pages msgspec decodes into this SDK's models."""

from arena_groups.models import MembershipInvitation, Page
from benchmarks.contenders.aiohttp_loop import count_objects, page_loop
from benchmarks.contenders.common import needs, parser, run


def main() -> None:
    """Measure."""
    arguments = parser().parse_args()
    needs("msgspec")
    import msgspec  # noqa: PLC0415 - not everywhere

    decode = msgspec.json.Decoder(Page[MembershipInvitation]).decode
    run(page_loop(decode, count_objects), arguments)


if __name__ == "__main__":
    main()
