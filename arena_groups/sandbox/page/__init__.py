"""The page for people at `/__sandbox__/`: plain HTML that works without its script."""

from arena_groups.sandbox.page.respond import respond

__all__ = ["respond"]
