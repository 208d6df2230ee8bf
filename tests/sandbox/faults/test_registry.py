"""Specs of faults, the requests that faults apply to, and their record."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from arena_groups.sandbox import RecordedRequest, Sandbox, Tokens
from arena_groups.sandbox.faults import (
    FAULTS,
    Blocked,
    Churn,
    CutBody,
    EdgeError,
    EmptyPages,
    Fault,
    FaultContext,
    Hang,
    HTMLPage,
    Latency,
    MiddlewareFault,
    MissingTotal,
    PagesPastEnd,
    PlainText,
    RateLimited,
    Redirect,
    RequestTimeout,
    Reset,
    SerializedResponse,
    ServerFailure,
    StaleTotal,
    Trickle,
    TruncatedJSON,
    WrongTotal,
    describe_faults,
    parse_spec,
    target_options,
)
from arena_groups.sandbox.faults.base import FaultTarget
from tests.sandbox.api import Api, Sleeper, reads_only

GROUP = "/v3/groups/research-studio"
STATUSES = "425, 429, 520, 521, 522, 523, 524, 525, 526, 527, 529, 530"


async def statuses(http: Api, path: str, count: int) -> list[int]:
    return [(await http.get(path)).status for _ in range(count)]


async def test_fault_applies_until_removed(http: Api, sandbox: Sandbox) -> None:
    fault = sandbox.faults.add(ServerFailure(503))
    assert await statuses(http, "/v3/ping", 3) == [503] * 3
    assert (fault.call_count, fault.fault) == (3, ServerFailure(503))
    fault.remove()
    fault.remove()
    assert await statuses(http, "/v3/ping", 2) == [200] * 2
    assert fault.call_count == 3
    assert "call_count=3" in repr(fault)


async def test_fault_with_times_and_skip_applies_in_between(http: Api, sandbox: Sandbox) -> None:
    fault = sandbox.faults.add(ServerFailure(), times=2, skip=1)
    assert await statuses(http, "/v3/ping", 5) == [200, 500, 500, 200, 200]
    assert fault.call_count == 2


async def test_fault_as_context_manager_is_removed_at_end(http: Api, sandbox: Sandbox) -> None:
    with sandbox.faults.add(RequestTimeout()) as fault:
        assert len(sandbox.faults) == 1
        assert await statuses(http, "/v3/ping", 1) == [408]
    assert await statuses(http, "/v3/ping", 1) == [200]
    assert (fault.call_count, len(sandbox.faults)) == (1, 0)


async def test_assert_all_applied_with_an_unused_fault_names_it(
    http: Api, sandbox: Sandbox
) -> None:
    sandbox.faults.assert_all_applied()
    sandbox.faults.add(ServerFailure(), operation="getPing")
    hang = sandbox.faults.add(Hang(), operation="getGroup")
    await http.get("/v3/ping")
    with pytest.raises(AssertionError, match="faults not applied to any request: hang"):
        sandbox.faults.assert_all_applied()
    hang.remove()
    sandbox.faults.assert_all_applied()


async def test_clear_removes_all_faults(http: Api, sandbox: Sandbox) -> None:
    sandbox.faults.add(Reset())
    sandbox.faults.add(ServerFailure())
    sandbox.faults.clear()
    assert list(sandbox.faults) == []
    assert await statuses(http, "/v3/ping", 1) == [200]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ({"operation": "getGroup"}, ["GET"]),
        ({"operation": "updateGroup"}, ["PUT"]),
        ({"method": "GET"}, ["GET", "GET /v3/ping", "GET /v3/nothing"]),
        ({"route": "/v3/groups/{id}"}, ["GET", "PUT"]),
        ({"route": "/v3/groups/{id}", "method": "PUT"}, ["PUT"]),
        ({"where": lambda request: request.query.get("page") == "2"}, ["GET /v3/ping"]),
        ({"where": lambda request: request.operation is None}, ["GET /v3/nothing"]),
        ({"times": 0}, []),
        ({"probability": 0}, []),
    ],
)
async def test_fault_target_selects_requests(
    http: Api, sandbox: Sandbox, tokens: Tokens, target: dict[str, Any], expected: list[str]
) -> None:
    sandbox.faults.add(ServerFailure(), **target)
    replies = {
        "GET": await http.get(GROUP),
        "PUT": await http.put(GROUP, tokens.owner, {}),
        "GET /v3/ping": await http.get("/v3/ping?page=2"),
        "GET /v3/nothing": await http.get("/v3/nothing"),
    }
    assert [name for name, reply in replies.items() if reply.status == 500] == expected


@reads_only
@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ({"operation": "invite"}, "operation must be one of createGroup, createGroupInvitation"),
        ({"method": "get"}, "method must be one of DELETE"),
        ({"route": "/v3/groups/1001"}, "route must be one of /oauth/authorize"),
        ({"times": -1}, "times must not be negative"),
        ({"skip": -1}, "skip must not be negative"),
        ({"probability": 1.5}, "probability must be between 0 and 1"),
        ({"probability": float("nan")}, "probability must be between 0 and 1"),
    ],
)
async def test_fault_target_with_invalid_option_raises(
    sandbox: Sandbox, target: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        sandbox.faults.add(ServerFailure(), **target)
    assert not len(sandbox.faults)


async def test_probability_follows_seed(session: Any) -> None:
    async def statuses_of(seed: int) -> list[int]:
        async with Sandbox(seed=seed) as sandbox:
            sandbox.faults.add(ServerFailure(), probability=0.5)
            return await statuses(Api(sandbox, session), "/v3/ping", 30)

    once, again, other = [await statuses_of(seed) for seed in (1, 1, 2)]
    assert once == again != other
    assert set(once) == {200, 500}


async def test_faults_do_not_change_seeded_state() -> None:
    one, other = Sandbox(), Sandbox()
    one.faults.add(ServerFailure())
    one.faults.rng.random()
    assert one.add_invitations(1001, 3) == other.add_invitations(1001, 3)
    assert one.token_for(1) == other.token_for(1)


async def test_faults_of_two_sandboxes_are_separate(http: Api, sandbox: Sandbox) -> None:
    async with Sandbox() as other:
        other.faults.add(ServerFailure())
        assert await statuses(http, "/v3/ping", 1) == [200]


async def test_requests_record_status_execution_and_faults(
    http: Api, sandbox: Sandbox, tokens: Tokens
) -> None:
    sandbox.faults.add(ServerFailure(503), operation="getGroup", times=1)
    sandbox.faults.add(ServerFailure(502, after=True), operation="createGroup")
    sandbox.faults.add(TruncatedJSON(), operation="createGroup")
    await http.get(GROUP)
    await http.get(GROUP)
    await http.post("/v3/groups", tokens.owner, {"name": "New"})
    await http.post("/v3/groups", tokens.owner, {})
    await http.get("/v3/nothing")

    def recorded(request: RecordedRequest) -> tuple[object, ...]:
        return request.operation, request.status, request.executed, request.faults

    assert [recorded(each) for each in sandbox.requests] == [
        ("getGroup", 503, False, ("server-failure",)),
        ("getGroup", 200, True, ()),
        ("createGroup", 502, True, ("server-failure", "truncated-json")),
        ("createGroup", 502, False, ("server-failure", "truncated-json")),
        (None, 404, False, ()),
    ]
    assert sum(group.startswith("new-") for group in sandbox.groups) == 1


async def test_request_in_progress_is_recorded(session: Any) -> None:
    sleeper = Sleeper()
    async with Sandbox(sleep=sleeper) as sandbox:
        sandbox.faults.add(Latency(3))
        asking = asyncio.create_task(Api(sandbox, session).get("/v3/ping"))
        await sleeper.asleep.wait()
        (arrived,) = sandbox.requests
        assert (arrived.operation, arrived.status, arrived.executed) == ("getPing", None, False)
        sandbox.clear_requests()
        sleeper.wake.set()
        assert (await asking).status == 200
        assert not sandbox.requests


async def test_several_faults_apply_in_order(session: Any) -> None:
    sleeper = Sleeper()
    sleeper.wake.set()
    async with Sandbox(sleep=sleeper) as sandbox:
        http = Api(sandbox, session)
        sandbox.faults.add(Trickle(5, size=1_000))
        sandbox.faults.add(MissingTotal())
        sandbox.faults.add(WrongTotal())
        sandbox.faults.add(Latency(1))
        sandbox.faults.add(Latency(2, after=True))
        reply = await http.get(f"{GROUP}/invitations?per=3", sandbox.tokens.owner)
        assert "total_count" not in reply.meta
        assert sleeper.asked == [1, 2, *[5] * ((len(reply.content) - 1) // 1_000)]
        assert sandbox.requests[0].faults == ("latency", "latency", "missing-total", "trickle")


async def test_second_replacing_fault_is_not_applied(http: Api, sandbox: Sandbox) -> None:
    first = sandbox.faults.add(ServerFailure(503))
    second = sandbox.faults.add(HTMLPage())
    assert await statuses(http, "/v3/ping", 1) == [503]
    assert (first.call_count, second.call_count) == (1, 0)


async def test_faulty_request_counts_towards_rate_limit(session: Any) -> None:
    async with Sandbox(limit=2) as sandbox:
        sandbox.faults.add(ServerFailure(), times=2)
        http = Api(sandbox, session)
        assert await statuses(http, "/v3/ping", 3) == [500, 500, 429]


@attrs.frozen
class Teapot(MiddlewareFault):
    """A custom fault."""

    explode: bool = False

    async def handle(self, context: FaultContext) -> SerializedResponse:
        if self.explode:
            raise ZeroDivisionError
        response = await context.call_next()
        return attrs.evolve(response, status=418, body=f"at {context.now:%Y}".encode())


async def test_custom_middleware_fault_changes_response(
    http: Api, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    with sandbox.faults.add(Teapot()):
        reply = await http.get("/v3/ping")
        assert (reply.status, reply.content) == (418, f"at {sandbox.now:%Y}".encode())
        assert sandbox.requests[0].faults == ("teapot",)
    sandbox.faults.add(Teapot(explode=True))
    reply = await http.get("/v3/ping")
    assert (reply.status, reply.body["error"]) == (500, "Internal Server Error")
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("kind", FAULTS)
def test_fault_docstring_has_summary(kind: type) -> None:
    first, *_ = (kind.__doc__ or "").splitlines()
    assert first.endswith((".", ")"))


@pytest.mark.parametrize(
    ("kind", "options", "problem"),
    [
        (Latency, {"seconds": "1"}, "seconds must be a number, not '1'"),
        (Latency, {"seconds": None}, "seconds must be a number, not None"),
        (Trickle, {"size": 0.5}, "size must be a whole number, not 0.5"),
        (RateLimited, {"retry_after": "1"}, "retry_after must be a whole number or None, not '1'"),
        (TruncatedJSON, {"sent": [0.5]}, "sent must be a number, not"),
        (WrongTotal, {"by": "9"}, "by must be a whole number, not '9'"),
        (StaleTotal, {"pages": "9"}, "pages must be a whole number, not '9'"),
        (Blocked, {"form": ["text"]}, r"form must be a string, not \['text'\]"),
        (PagesPastEnd, {"answer": None}, "answer must be a string, not None"),
        (EdgeError, {"status": [522]}, r"status must be a whole number, not \[522\]"),
        (EdgeError, {"status": 522.0}, "status must be a whole number, not 522.0"),
        (Redirect, {"location": "/", "status": "302"}, "status must be a whole number, not '302'"),
    ],
)
def test_fault_option_of_another_type_raises(
    kind: Callable[..., object], options: dict[str, object], problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        kind(**options)


@pytest.mark.parametrize(
    "make",
    [
        lambda: ServerFailure(404),
        lambda: ServerFailure(600),
        lambda: ServerFailure(retry_after=-1),
        lambda: Latency(-0.1),
        lambda: Latency(float("inf")),
        lambda: Latency(float("nan")),
        lambda: Latency(10**400),
        lambda: RateLimited(10**12, as_date=True),
        lambda: Trickle(seconds=10**400),
        lambda: Trickle(size=0),
        lambda: TruncatedJSON(1),
        lambda: TruncatedJSON(-0.1),
        lambda: WrongTotal(0),
    ],
)
def test_fault_option_out_of_range_raises(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match="must"):
        make()


GUIDE = Path(__file__).parents[3] / "docs/sandbox.md"


@pytest.mark.parametrize(
    ("spec", "fault", "target"),
    [
        ("missing-total", MissingTotal(), FaultTarget()),
        ("html-page:", HTMLPage(), FaultTarget()),
        ("server-failure:status=503,times=3", ServerFailure(503), FaultTarget(times=3)),
        ("latency:seconds=0.2, after", Latency(0.2, after=True), FaultTarget()),
        ("cut-body:reset=true,sent=0", CutBody(0, reset=True), FaultTarget()),
        ("cut-body:reset=false", CutBody(), FaultTarget()),
        ("rate-limited:retry_after=none,times=none", RateLimited(None), FaultTarget()),
        ("rate-limited:retry_after=5,as_date", RateLimited(5, as_date=True), FaultTarget()),
        ("empty-pages:first=2,last=none", EmptyPages(2, None), FaultTarget()),
        ("plain-text:text=a=b: c", PlainText("a=b: c"), FaultTarget()),
        (
            "redirect:location=http://x.test:81/?a=b,status=307,skip=1,probability=0.5",
            Redirect("http://x.test:81/?a=b", 307),
            FaultTarget(skip=1, probability=0.5),
        ),
        (
            "churn:group=research-studio,keep=50001+50002,operation=getGroupInvitations",
            Churn("research-studio", keep={50001, 50002}),
            FaultTarget(operation="getGroupInvitations"),
        ),
        (
            "server-failure:method=GET,route=/v3/groups/{id}",
            ServerFailure(),
            FaultTarget(method="GET", route="/v3/groups/{id}"),
        ),
    ],
)
def test_parse_spec_returns_fault_and_target(spec: str, fault: Fault, target: FaultTarget) -> None:
    assert parse_spec(spec) == (fault, target)


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ("", "unknown fault '': use one of backward-pages, blocked, churn"),
        ("error", "unknown fault 'error'"),
        ("latency:2", "latency has no option '2': use one of seconds, after, operation"),
        ("latency:where=x", "no option 'where'"),
        ("latency:seconds=soon", "invalid seconds 'soon'"),
        ("latency:seconds", "invalid seconds 'true'"),
        ("latency:after=yes", "invalid after 'yes'"),
        ("latency:seconds=1,", "no option ''"),
        ("latency:seconds=-1", "seconds must be"),
        ("server-failure:status=404", "status must be between 500 and 599"),
        ("redirect", "the option location is required"),
        ("churn:keep=1+x", "invalid keep '1\\+x'"),
        ("latency:times=-1", "times must not be negative"),
        ("latency:operation=nothing", "operation must be one of"),
    ],
)
def test_parse_spec_with_invalid_text_raises(spec: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_spec(spec)


def test_add_spec_adds_fault() -> None:
    sandbox = Sandbox()
    injected = sandbox.faults.add_spec("server-failure:status=504")
    assert list(sandbox.faults) == [injected]
    assert injected.fault == ServerFailure(504)


def test_describe_faults_lists_every_fault() -> None:
    described = describe_faults()
    assert len({each.name for each in described}) == len(FAULTS)
    for each in described:
        assert 20 < len(each.summary) < 90
        assert "`" not in each.summary
    options = {each.name: each.options for each in described}
    assert options["server-failure"] == ("status=500", "html", "retry_after=none", "after")
    assert options["redirect"] == ("location=...", "status=302", "after")
    assert options["churn"][-1] == "keep=ID+ID"
    assert options["missing-total"] == ()


def test_target_options_lists_common_options() -> None:
    expected = ["operation", "method", "route", "times", "skip", "probability"]
    assert target_options() == expected


@pytest.mark.parametrize("kind", FAULTS)
def test_guide_lists_fault(kind: type[Fault]) -> None:
    rows = [line for line in GUIDE.read_text("utf-8").splitlines() if line.startswith("| `")]
    (row,) = [row for row in rows if f"`{kind.name()}`" in row]
    assert f"`{kind.__name__}(" in row


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        ("reset", "not 'reset': add_spec takes a text"),
        (Reset, r"use an instance of the fault: Reset\("),
        (None, "must be a fault of the sandbox, not None"),
        (503, "must be a fault of the sandbox, not 503"),
    ],
)
def test_add_of_another_type_raises(fault: Any, problem: str) -> None:
    sandbox = Sandbox()
    with pytest.raises(TypeError, match=problem):
        sandbox.faults.add(fault)
    assert not sandbox.faults


@pytest.mark.parametrize(
    ("kind", "options", "problem"),
    [
        (Blocked, {"form": "zip"}, "form must be one of text, page, json, challenge, empty"),
        (PagesPastEnd, {"answer": "none"}, "answer must be one of last, first, missing, empty"),
        (StaleTotal, {"pages": 1}, "pages must be at least 2"),
        (EdgeError, {"status": 500}, f"status must be one of {STATUSES}"),
    ],
)
def test_message_of_an_invalid_option_is_the_sentence_alone(
    kind: Callable[..., object], options: dict[str, object], problem: str
) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole text is compared
        kind(**options)
    assert str(caught.value) == problem


@pytest.mark.parametrize(
    "options",
    [{"times": "2"}, {"times": True}, {"skip": 0.5}, {"probability": "1"}, {"where": "me"}],
)
def test_add_with_option_of_another_type_raises(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(options))} must be a .*, not"):
        Sandbox().faults.add(Reset(), **options)


def test_options_of_faults_are_those_that_a_spec_can_set() -> None:
    options = [option for fault in describe_faults() for option in fault.options]
    assert "pages=10" in options
    assert not [option for option in options if option.startswith("_")]
