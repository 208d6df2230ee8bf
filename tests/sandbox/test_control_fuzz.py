"""Random requests to the control surface: each is answered, and none is an error of the sandbox."""

import asyncio
import json
from collections.abc import Iterator

import aiohttp
import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arena_groups.sandbox import Sandbox
from arena_groups.sandbox.control_api import ROUTES, ControlRoute
from arena_groups.sandbox.faults import FAULTS
from tests.sandbox.api import Api

ANSWERS = {200, 308, 400, 404, 405, 409, 415}
OPTIONS = {field.name for kind in FAULTS for field in attrs.fields(kind)} | {"times", "where"}
FIELDS = {name for route in ROUTES for name in route.fields or ()} | {"spec", "self"}

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.sampled_from([10**400, -(10**400)])
    | st.floats(allow_nan=False)
    | st.sampled_from(["research-studio", "ada-osei", "hang", "churn", "", "\ud800", "\0"]),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)
bodies = st.dictionaries(st.sampled_from(sorted(FIELDS)), json_values, max_size=4) | json_values
faults = st.fixed_dictionaries(
    {"fault": st.sampled_from(sorted(each.name() for each in FAULTS))},
    optional=dict.fromkeys(sorted(OPTIONS), json_values),
)
# Nothing that adds many records, or starts again: that takes its time.
routes = st.sampled_from([each for each in ROUTES if each.template not in {"/events", "/reset"}])
values = st.sampled_from(
    ["1", "1001", "research-studio", "ada-osei", "%00", "%FF", "%2F", "x" * 999]
)


class Fuzzed:
    """A running sandbox, outside an event loop."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self.sandbox = Sandbox(invitations=3, people=4)
        self._runner.run(self.sandbox.start())
        self._session = self._runner.run(self._new_session())

    async def _new_session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession()

    def send(self, method: str, path: str, content: bytes) -> tuple[int, bytes]:
        """Return status and content of the answer."""
        http = Api(self.sandbox, self._session)
        headers = {"Content-Type": "application/json"}
        sending = http.send(method, path, data=content, headers=headers)
        reply = self._runner.run(sending)
        return reply.status, reply.content

    def close(self) -> None:
        self._runner.run(self._session.close())
        self._runner.run(self.sandbox.aclose())
        self._runner.close()


@pytest.fixture(scope="module")
def fuzzed() -> Iterator[Fuzzed]:
    running = Fuzzed()
    yield running
    running.close()


relaxed = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@relaxed
@given(route=routes, value=values, body=bodies)
def test_random_body_is_answered(
    fuzzed: Fuzzed, route: ControlRoute, value: str, body: object
) -> None:
    path = "/__sandbox__" + route.template.format(group=value, user=value, id=value)
    status, content = fuzzed.send(route.method, path, json.dumps(body).encode())
    assert status in ANSWERS, content
    answer = json.loads(content)
    assert (status == 200) is ("error" not in answer)
    assert not answer.get("error", "").endswith("..")


@relaxed
@given(body=faults)
def test_random_fault_is_answered(fuzzed: Fuzzed, body: object) -> None:
    for path, sent in [("faults", body), ("faults", None)]:
        method = "GET" if sent is None else "POST"
        status, content = fuzzed.send(method, f"/__sandbox__/{path}", json.dumps(sent).encode())
        assert status in ANSWERS, content
    fuzzed.sandbox.faults.clear()


@relaxed
@given(content=st.binary(max_size=30), route=routes)
def test_random_bytes_are_answered(fuzzed: Fuzzed, route: ControlRoute, content: bytes) -> None:
    path = "/__sandbox__" + route.template.format(group=1, user=1, id=1)
    assert fuzzed.send(route.method, path, content)[0] in ANSWERS
