"""FaultRegistry as they are written for the shell."""

from pathlib import Path

import pytest

from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.faults import (
    FAULTS,
    Churn,
    CutBody,
    EmptyPages,
    Fault,
    HTMLPage,
    Latency,
    MissingTotal,
    PlainText,
    RateLimited,
    Redirect,
    ServerFailure,
    describe_faults,
    parse_spec,
    target_options,
)
from arena_groups.sandbox.faults.base import FaultTarget

GUIDE = Path(__file__).parents[2] / "docs/sandbox.md"


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
def test_specs(spec: str, fault: Fault, target: FaultTarget) -> None:
    assert parse_spec(spec) == (fault, target)


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ("", "unknown fault '': use one of backward-pages, churn"),
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
def test_specs_that_cannot_be(spec: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_spec(spec)


def test_specs_are_added() -> None:
    sandbox = Sandbox()
    injected = sandbox.faults.add_spec("server-failure:status=504")
    assert list(sandbox.faults) == [injected]
    assert injected.fault == ServerFailure(504)


def test_every_fault_has_a_name_of_its_own_and_is_described() -> None:
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


def test_the_options_of_all_faults() -> None:
    expected = ["operation", "method", "route", "times", "skip", "probability"]
    assert target_options() == expected


@pytest.mark.parametrize("kind", FAULTS)
def test_the_guide_has_every_fault(kind: type[Fault]) -> None:
    rows = [line for line in GUIDE.read_text("utf-8").splitlines() if line.startswith("| `")]
    (row,) = [row for row in rows if f"`{kind.name()}`" in row]
    assert f"`{kind.__name__}(" in row
