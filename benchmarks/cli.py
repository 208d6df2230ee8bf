"""Command line of the benchmarks."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from attrs import evolve

from benchmarks import compare
from benchmarks.children import ROOT
from benchmarks.comparison import report as comparison_report
from benchmarks.contenders import CONTENDERS
from benchmarks.figures import Results, Settings, load, save
from benchmarks.plan import FULL, PARTS, QUICK, Plan, measure, scratch
from benchmarks.progress import Progress
from benchmarks.reach import command as reach
from benchmarks.reach import report as reach_report
from benchmarks.reach.command import REACH_RESULTS
from benchmarks.reach.figures import load as load_reach
from benchmarks.reach.figures import save as save_reach
from benchmarks.report import markdown, write_docs
from benchmarks.revisions import copy_revision, copy_today
from benchmarks.targets import check

__all__ = ["main"]

RESULTS = ROOT / "benchmarks" / "results.json"
PAGE = ROOT / "docs" / "benchmarks.md"
IMAGE = ROOT / "docs" / "images" / "benchmarks.svg"
EPILOG = """
parts:  cpu      contenders read a list from a server without latency
        latency  the same at 50 ms per request
        growth   cost per item, and memory, from 100 to 1,000,000 items
        flight   the time for a list with 1 to 16 pages in flight
        codec, request, startup   micro-benchmarks
        script   whole scripts that list 100 invitations, from the start of Python
        bulk     1,000 people are invited, without pacing
        sandbox  what a test pays for a sandbox, and pages of long lists in it
A whole run takes about a quarter of an hour; the machine should have nothing else to do.

reach simulates watches of up to 10,000 groups with the client's own rules, and measures the memory
and CPU of real ones, and the commands of Redis. It takes some minutes. --from PATH shows the
figures of an earlier run.

compare measures the working tree, with changes that are not committed, against REF. Both are
copied to a temporary folder, and each figure is from new processes that run in turn. A part that
the API of REF is too old for ends it with exit code 2, before anything is measured.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and return the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser().parse_args(given)
    try:
        return _command(options, given)
    except (ValueError, RuntimeError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ninterrupted: nothing was saved", file=sys.stderr)
        return 130


def _command(options: argparse.Namespace, given: list[str]) -> int:
    match options.command:
        case "run":
            return _run(options, given)
        case "compare":
            return _compare(options)
        case "reach":
            return _reach(options)
        case _:
            return _look(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure the cost of reading a long list, compared with other clients.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_run(commands.add_parser("run", help="measure, and print tables"))
    _add_compare(
        commands.add_parser("compare", help="measure this tree against another revision, in turn")
    )
    _add_reach(commands.add_parser("reach", help="simulate and measure how far a watch goes"))
    for name, what in (
        ("check", "hold results against the targets; exit code 1 if one is missed"),
        ("report", "print results as Markdown"),
        ("docs", "put results into the documentation"),
    ):
        command = commands.add_parser(name, help=what)
        command.add_argument("results", type=Path, nargs="?", default=RESULTS)
    commands.add_parser("list", help="name the contenders")
    return parser


def _add_run(run: argparse.ArgumentParser) -> None:
    names = [each.name for each in CONTENDERS]
    run.add_argument("--document", metavar="PATH", help="the provider's OpenAPI document, or URL")
    run.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    run.add_argument("--only", nargs="+", choices=names, help="contenders of cpu and latency")
    run.add_argument("--items", type=_hundreds, help="how many items in cpu and latency")
    run.add_argument("--rounds", type=_positive, help="how many rounds of cpu and latency")
    run.add_argument("--quick", action="store_true", help="little of everything, to try it out")
    run.add_argument("--output", type=Path, default=RESULTS, metavar="PATH")
    run.add_argument("--write-docs", action="store_true", help="then do what docs does")
    run.add_argument("--check", action="store_true", help="then do what check does")


def _add_compare(command: argparse.ArgumentParser) -> None:
    parts = list(compare.PARTS)
    command.add_argument("reference", metavar="REF", help="a commit, branch or tag")
    command.add_argument("--parts", nargs="+", choices=parts, default=parts)
    command.add_argument("--rounds", type=_positive, help="how often each tree runs, in turn")
    command.add_argument("--quick", action="store_true", help="little of everything, to try it out")


def _add_reach(command: argparse.ArgumentParser) -> None:
    command.add_argument("--from", type=Path, dest="saved", metavar="PATH", help="measure nothing")
    command.add_argument("--quick", action="store_true", help="little of everything, to try it out")
    command.add_argument(
        "--output", type=Path, metavar="PATH",
        help="where to save the figures; benchmarks/reach.json, and nowhere with --quick",
    )  # fmt: skip
    command.add_argument("--write-docs", action="store_true", help="then put the tables there")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def _hundreds(text: str) -> int:
    number = _positive(text)
    if number % 100:
        raise argparse.ArgumentTypeError("must be a multiple of 100, the size of a page")
    return number


def _run(options: argparse.Namespace, arguments: list[str]) -> int:
    settings = Settings(arguments=_without_paths(arguments), quick=options.quick)
    with tempfile.TemporaryDirectory() as folder:
        results = measure(
            _plan(options),
            scratch(Path(folder), options.document),
            settings,
            parts=options.parts,
            only=options.only,
        )
    save(results, options.output)
    print(markdown(results))
    if options.write_docs:
        write_docs(results, PAGE, IMAGE)
    return _check(results) if options.check else 0


def _plan(options: argparse.Namespace) -> Plan:
    plan = QUICK if options.quick else FULL
    for name in ("cpu", "latency"):
        size = getattr(plan, name)
        size = evolve(size, items=options.items or size.items, rounds=options.rounds or size.rounds)
        plan = evolve(plan, **{name: size})
    return plan


def _compare(options: argparse.Namespace) -> int:
    sizes = compare.QUICK if options.quick else compare.FULL
    sizes = evolve(sizes, rounds=options.rounds or sizes.rounds)
    with tempfile.TemporaryDirectory() as folder:
        other = copy_revision(options.reference, Path(folder, "other"))
        today = copy_today(Path(folder, "today"))
        found = compare.compare(today, other, options.parts, sizes, Progress())
    print(comparison_report(found, other.name))
    return 0


def _reach(options: argparse.Namespace) -> int:
    if options.saved is None:
        output = options.output or (None if options.quick else REACH_RESULTS)
        if output is not None and not output.parent.is_dir():
            raise ValueError(f"--output: {output.parent} is no folder")  # not after some minutes
        found = reach.measure(quick=options.quick)
        if output is not None:
            save_reach(found, output)
    else:
        found = load_reach(options.saved)
    print(reach_report.markdown(found))
    if options.write_docs:
        reach_report.write_docs(found, PAGE)
    return 0


def _without_paths(arguments: list[str]) -> list[str]:
    """Return the arguments with file names instead of paths, which are private."""
    return [Path(each).name if "/" in each or "\\" in each else each for each in arguments]


def _look(options: argparse.Namespace) -> int:
    if options.command == "list":
        for each in CONTENDERS:
            print(f"{each.name:11} {each.label}")
        return 0
    results = load(options.results)
    if options.command == "check":
        return _check(results)
    if options.command == "docs":
        write_docs(results, PAGE, IMAGE)
    else:
        print(markdown(results))
    return 0


def _check(results: Results) -> int:
    targets = check(results)
    for each in targets:
        print(each)
    return 0 if all(each.met for each in targets) else 1
