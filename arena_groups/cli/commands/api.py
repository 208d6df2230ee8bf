"""The command ``arena-groups api``: call any endpoint, and print the response as JSON."""

from __future__ import annotations

import re
import sys
from collections.abc import AsyncIterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn, cast

import click

import arena_groups
from arena_groups.cli import output
from arena_groups.cli.connect import connected
from arena_groups.cli.errors import CliError, ExitCode
from arena_groups.cli.main import Command, example, run_async
from arena_groups.cli.options import Format, InputFile, Settings, common_options, limit_option

# ruff: noqa: PLC0415 - keeps --help fast

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
IN_QUERY = frozenset({"GET", "HEAD", "DELETE"})
ITEMS = ("item", "items")
NOT_COUNTED = ": read it with request()"
ROUTE_HINT = 'use a placeholder: arena-groups api "/v3/channels/{id}" -f id=VALUE'

QueryValue = str | int | float | bool | None | list[str | int]
Value = str | int | float | bool | list[object] | dict[str, object] | None


@dataclass
class Fields:
    """Values by name, for the placeholders of a route, then for the query or the body."""

    path: dict[str, str | int] = field(default_factory=dict[str, str | int], repr=False)
    others: dict[str, object] = field(default_factory=dict[str, object], repr=False)


def _complete(_: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    del parameter
    return [each for each in METHODS if each.startswith(incomplete.upper())]


@example(
    "Send a body that is in a file",
    'api PUT "/v3/channels/{id}" -f id=CHANNEL --input channel.json',
)
@example(
    "List the contents of a channel, newest first",
    'api "/v3/channels/{id}/contents" -f id=CHANNEL -f sort=created_at_desc --paginate',
)
@example("Show a channel", 'api GET "/v3/channels/{id}" -f id=CHANNEL')
@click.command("api", cls=Command, options_metavar="[OPTIONS]")
@click.argument(
    "words", metavar="[METHOD] ROUTE", nargs=-1, required=True, shell_complete=_complete
)
@click.option(
    "-f",
    "--field",
    "texts",
    metavar="NAME=VALUE",
    multiple=True,
    help="Text for a placeholder, the query or the body. A repeated NAME makes a list.",
)
@click.option(
    "-F",
    "--json-field",
    "documents",
    metavar="NAME=JSON",
    multiple=True,
    help="The same with a value in JSON: a number, true, null, a list.",
)
@click.option(
    "--input",
    "source",
    type=InputFile(),
    metavar="FILE",
    help="Body, as JSON; - for standard input.",
)
@click.option("--paginate", is_flag=True, help="List the items of all pages.")
@limit_option
@common_options
@click.pass_obj
def command(
    settings: Settings,
    *,
    words: Sequence[str],
    texts: Sequence[str],
    documents: Sequence[str],
    source: str | None,
    paginate: bool,
    limit: int | None,
) -> None:
    """Call any endpoint of the API, and print the response as JSON.

    METHOD is GET by default. ROUTE is a path with placeholders, as in "/v3/channels/{id}":
    fields fill them. Other fields go into the query with GET, HEAD, DELETE and --input, else
    into the body. No confirmation is asked for.
    """
    method, route = _method_and_route(words)
    if settings.format in {Format.TABLE, Format.CSV}:
        raise click.UsageError("api prints JSON: use --format json or ndjson")
    if paginate and method != "GET":
        raise click.UsageError("--paginate is for GET")
    if limit is not None and not paginate:
        raise click.UsageError("--limit needs --paginate")
    if source is not None and method in {"GET", "HEAD"}:
        raise click.UsageError(f"--input cannot be used with {method}")
    fields = _fields(route, texts, documents)
    body = None if source is None else _read_body(source)
    if source is not None and body is None:
        raise click.UsageError("the input is null: leave --input out to send no body")
    if paginate:
        run_async(settings, list_items(settings, route, fields, limit))
        return
    if source is None and method not in IN_QUERY and fields.others:
        body, fields.others = fields.others, {}
    run_async(settings, call(settings, method, route, fields, body))


async def call(settings: Settings, method: str, route: str, fields: Fields, body: Value) -> None:
    """Send one request, and write the response, if it has a body."""
    async with connected(settings) as arena:
        try:
            found = await arena.request(
                method, route, path=fields.path, query=_query(fields), json=body
            )
        except ValueError as error:
            _explain(error)
    if found is not None:
        _write_response(settings, found)


async def list_items(settings: Settings, route: str, fields: Fields, limit: int | None) -> None:
    """Write the items of all pages as they arrive."""
    async with connected(settings) as arena:
        try:
            items = arena.paginate(route, path=fields.path, query=_query(fields), limit=limit)
        except ValueError as error:
            _explain(error)
        try:
            await _write_items(settings, items)
        except arena_groups.PaginationError as error:
            message = str(error).removesuffix(NOT_COUNTED)
            if message == str(error):
                raise
            raise CliError("pagination", message, hint="call it without --paginate") from None


async def _write_items(settings: Settings, items: AsyncIterable[arena_groups.JSONItem]) -> None:
    from arena_groups.cli.output.writers import JsonArrayWriter, NdjsonWriter, Writer

    stream = output.stdout_stream()
    chosen = settings.chosen_format(terminal=stream.isatty())
    writer: Writer[arena_groups.JSONItem] = (
        NdjsonWriter(stream) if chosen is Format.NDJSON else JsonArrayWriter(stream)
    )
    count = 0
    with output.progress(settings, beside_results=True) as shown:
        async for item in items:
            writer.write(item)
            count += 1
            shown.update(f"{count} so far")
    writer.close()
    output.info_at_terminal(settings, output.counted(count, ITEMS))


def _write_response(settings: Settings, found: arena_groups.JSONValue) -> None:
    stream = output.stdout_stream()
    chosen = settings.chosen_format(terminal=stream.isatty())
    indent = None if chosen is Format.NDJSON else 2
    stream.write(output.json_text(found, stream, indent=indent) + "\n")
    stream.flush()


def _method_and_route(words: Sequence[str]) -> tuple[str, str]:
    if len(words) > 2:
        raise click.UsageError("give METHOD and ROUTE only; values are fields: -f NAME=VALUE")
    method = words[0].upper() if len(words) > 1 else "GET"
    route = words[-1]
    if method not in METHODS:
        raise click.UsageError(f"METHOD must be one of {', '.join(METHODS)}")
    if "?" in route or "#" in route:
        raise click.UsageError("ROUTE must not hold a query: use -f NAME=VALUE")
    if re.fullmatch(r"[a-z]\w*(/[a-z{}_-]+)*", route):
        version = "" if route.startswith("v3/") else "v3/"
        raise click.UsageError(f"ROUTE begins with a slash and a version: /{version}{route}")
    return method, route


def _fields(route: str, texts: Sequence[str], documents: Sequence[str]) -> Fields:
    """Return the fields, divided into placeholders of the route and others."""
    places = {each[1:-1] for each in route.split("/") if each[:1] == "{" and each[-1:] == "}"}
    fields = Fields()
    for option, given in (("-f", texts), ("-F", documents)):
        for text in given:
            name, sign, value = text.partition("=")
            if not sign or not name:
                raise click.UsageError(f"{option} must be followed by NAME=VALUE")
            _add(fields, places, name, value if option == "-f" else _parsed(name, value))
    if missing := sorted(places - fields.path.keys()):
        raise click.UsageError(f"no value for {{{missing[0]}}}: add -f {missing[0]}=VALUE")
    return fields


def _add(fields: Fields, places: set[str], name: str, value: object) -> None:
    if name in places:
        if name in fields.path:
            raise click.UsageError(f"{{{name}}} has two values")
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise click.UsageError(f"{{{name}}} must be a text or a whole number")
        fields.path[name] = value
    elif name in fields.others:
        before = fields.others[name]
        earlier = cast("list[object]", before) if isinstance(before, list) else [before]
        fields.others[name] = [*earlier, value]
    else:
        fields.others[name] = value


def _parsed(name: str, text: str) -> Value:
    try:
        return _from_json(text)
    except ValueError:
        hint = f"for a text use -f {name}=VALUE"
        raise CliError("usage", f"the value of -F {name} is not JSON", hint=hint) from None


def _from_json(text: str | bytes) -> Value:
    import json

    def refuse(constant: str) -> NoReturn:
        raise ValueError(constant)

    try:
        found: Value = json.loads(text, parse_constant=refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return found


def _read_body(source: str) -> Value:
    from json import JSONDecodeError

    name = "the input" if source == "-" else source
    content = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    try:
        return _from_json(content.removeprefix(b"\xef\xbb\xbf"))
    except JSONDecodeError as error:
        place = f": line {error.lineno}, column {error.colno}"
    except ValueError:
        place = ""
    message = f"{name} is not valid JSON{place}"
    raise CliError("validation", message, ExitCode.VALIDATION, "nothing was sent")


def _query(fields: Fields) -> dict[str, QueryValue]:
    query: dict[str, QueryValue] = {}
    for name, value in fields.others.items():
        if value is None or isinstance(value, str | int | float):
            query[name] = value
            continue
        items = cast("list[object]", value) if isinstance(value, list) else [None]
        texts = [each for each in items if isinstance(each, str | int)]
        if len(texts) < len(items):
            raise CliError("usage", f"the query takes texts, numbers and lists of these: {name}")
        query[name] = texts
    return query


def _explain(error: ValueError) -> NoReturn:
    """Raise an error of the client's arguments in the words of the command line."""
    message = str(error)
    for words in (": put values into path=, which escapes them", " of path"):
        message = message.replace(words, "")
    hint = ROUTE_HINT if message.startswith(("route", "a placeholder")) else ""
    raise CliError("usage", message, hint=hint) from None
