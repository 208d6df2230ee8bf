"""``python -m arena_groups``: the same as the command ``arena-groups``."""

from arena_groups.cli import entry_point

if __name__ == "__main__":
    entry_point()
