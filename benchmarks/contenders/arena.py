"""This SDK with its defaults: walk, retries, rate limiting, cache and error mapping."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from arena_groups import ArenaClient
from benchmarks.contenders.common import TOKEN, Reader, Tally, parser, run


def main() -> None:
    """Measure with ``--concurrency`` pages in flight."""
    given = parser()
    given.add_argument("--concurrency", type=int, default=1)
    arguments = given.parse_args()
    several = arguments.concurrency > 1  # not every revision that is compared has the option
    options: dict[str, int] = {"concurrency": arguments.concurrency} if several else {}

    @asynccontextmanager
    async def opener(url: str) -> AsyncGenerator[Reader, None]:
        async with ArenaClient(TOKEN, base_url=url) as arena:

            async def read(group: str, tally: Tally) -> None:
                items = ids = characters = 0
                latest, proof = None, tally.proof
                async for invitation in arena.groups.invitations(group, **options):
                    items += 1
                    ids += invitation.id
                    characters += len(invitation.invitee_email or "")
                    latest = invitation.created_at
                    if proof is not None:
                        proof.append((invitation.id, invitation.invitee_email))
                tally.add(items, ids, characters, latest)

            yield read

    run(opener, arguments)


if __name__ == "__main__":
    main()
