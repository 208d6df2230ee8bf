"""Process that forks a watch with webhooks for each line on its stdin.

As a script: API STORE LAST SECRET URL…. The watch runs until it is killed; once a file LAST exists,
it polls once, delivers everything and prints its summary.
"""

import sys
from pathlib import Path

from arena_groups import ArenaClient, NoPacer, SQLiteStore, watch
from arena_groups.webhooks import WebhookSender
from tests.support.forks import fork_for_each_line, print_line

INTERVAL = 0.05  # seconds


async def run(api: str, path: str, secret: str, *urls: str, once: bool) -> None:
    senders = [WebhookSender(url, secret=secret, allow_private=True) for url in urls]
    async with (
        ArenaClient(base_url=api, pacer=NoPacer()) as arena,
        SQLiteStore(path) as store,
        watch(
            arena, "spring", "autumn", interval=INTERVAL, store=store, replay=True, once=once
        ) as watcher,
    ):
        print_line(await watcher.deliver(senders))


if __name__ == "__main__":
    api, path, last, secret, *urls = sys.argv[1:]
    fork_for_each_line(lambda: run(api, path, secret, *urls, once=Path(last).exists()))
