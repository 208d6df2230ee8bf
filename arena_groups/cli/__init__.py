"""The command line: ``arena-groups`` and ``python -m arena_groups`` (extra ``cli``)."""

import sys

__all__ = ["entry_point"]

INTERRUPTED = 130
EXTRA = frozenset({"click", "filelock", "rich", "segno", "tomlkit"})


def entry_point() -> None:
    """Run the command line with the arguments of this process, and exit with its code."""
    try:
        from arena_groups.cli.main import run  # noqa: PLC0415 - its libraries may be missing

        sys.exit(run(sys.argv[1:]))
    except KeyboardInterrupt:  # while modules are imported
        sys.exit(INTERRUPTED)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in EXTRA:
            raise
        from arena_groups._extras import install_command  # noqa: PLC0415 - reads metadata

        print(  # noqa: T201
            f"arena-groups: the command line needs {error.name}, which is not installed"
            f" (hint: {install_command('cli')})",
            file=sys.stderr,
        )
        sys.exit(1)
