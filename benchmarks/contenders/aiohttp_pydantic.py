"""Loop over aiohttp whose pages pydantic decodes and validates in one step."""

from benchmarks.contenders.aiohttp_loop import count_objects, page_loop
from benchmarks.contenders.common import needs, parser, run


def main() -> None:
    """Measure."""
    arguments = parser().parse_args()
    needs("pydantic")
    from benchmarks.contenders.pydantic_models import InvitationPage  # noqa: PLC0415

    run(page_loop(InvitationPage.model_validate_json, count_objects), arguments)


if __name__ == "__main__":
    main()
