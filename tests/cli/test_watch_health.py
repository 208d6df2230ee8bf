"""Health of a watch: its JSON, its metrics as Prometheus reads them, and the server."""

import socket
from collections.abc import Mapping

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from arena_groups import WatchedGroup
from arena_groups.cli.errors import CliError
from arena_groups.cli.watch_health import (
    WatchState,
    health_document,
    parse_address,
    render_metrics,
    serving_health,
)
from arena_groups.webhooks import Backlog

NOW = 1_790_000_000.0


def group(slug: str = "one", **changes: object) -> WatchedGroup:
    values: dict[str, object] = {
        "group": slug, "group_id": 7, "watched_here": True, "poll_age": 20.0, "late_by": 0.0,
        "failures": 0, **changes,
    }  # fmt: skip
    return WatchedGroup(**values)  # type: ignore[arg-type]


def backlog(target: str, endpoint: str = "a", **changes: object) -> Backlog:
    values: dict[str, object] = {
        "endpoint": endpoint, "target": target, "waiting": 2, "dead": 1, "delivered": 5,
        "oldest": NOW - 90, **changes,
    }  # fmt: skip
    return Backlog(**values)  # type: ignore[arg-type]


def state(**changes: object) -> WatchState:
    values: dict[str, object] = {"time": NOW, "interval": 60.0, **changes}
    return WatchState(**values)  # type: ignore[arg-type]


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Return the samples as a parser of Prometheus reads them, each of which comes once."""
    found: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation
        assert family.type in {"gauge", "counter"}
        for sample in family.samples:
            key = sample.name, frozenset(sample.labels.items())
            assert key not in found
            found[key] = sample.value
    return found


def value(text: str, name: str, **labels: str) -> float:
    return samples(text)[f"arena_groups_{name}", frozenset(labels.items())]


class TestHealthy:
    @pytest.mark.parametrize(("late", "healthy"), [(0.0, True), (300.0, True), (301.0, False)])
    def test_group_may_be_late_for_five_intervals(self, late: float, *, healthy: bool) -> None:
        assert state(groups=[group(), group("two", late_by=late)]).healthy is healthy

    def test_list_of_all_groups_that_never_came_is_not_healthy(self) -> None:
        assert state(list_late_by=100.0).healthy
        assert not state(list_late_by=301.0).healthy

    def test_document_has_the_state_of_everything(self) -> None:
        document = health_document(
            state(
                groups=[group(), group("two", poll_age=None, group_id=None, watched_here=False)],
                backlog=[backlog("https://example.org", failing_since=NOW)],
                limit=120,
                used=20,
            )
        )
        assert document == {
            "status": "ok",
            "interval": 60.0,
            "groups": [
                {
                    "group": "one",
                    "id": 7,
                    "watched_here": True,
                    "last_poll": "2026-09-21T14:13:00+00:00",
                    "late_by": 0.0,
                    "failures": 0,
                },
                {
                    "group": "two",
                    "id": None,
                    "watched_here": False,
                    "last_poll": None,
                    "late_by": 0.0,
                    "failures": 0,
                },
            ],
            "deliveries": [
                {"endpoint": "https://example.org", "waiting": 2, "dead": 1, "failing": True}
            ],
            "quota": {"limit": 120, "remaining": 100},
        }

    @pytest.mark.parametrize(
        ("limit", "used", "remaining"), [(None, 5, None), (120, 0, 120), (120, 130, 0)]
    )
    def test_remaining_requests_are_unknown_without_a_limit(
        self, limit: int | None, used: int, remaining: int | None
    ) -> None:
        document = health_document(state(limit=limit, used=used))
        assert document["quota"] == {"limit": limit, "remaining": remaining}


class TestMetrics:
    def test_values_are_read_back(self) -> None:
        text = render_metrics(
            state(
                groups=[group(), group("two", group_id=8, late_by=400.0, failures=3)],
                events={"member-joined": 3, "member-left": 1},
                backlog=[backlog("https://example.org"), backlog("https://example.net")],
                limit=120,
                used=20,
            )
        )
        assert value(text, "watch_healthy") == 0.0
        assert value(text, "watch_interval_seconds") == 60.0
        one, two = {"group": "one", "id": "7"}, {"group": "two", "id": "8"}
        assert value(text, "watch_last_poll_timestamp_seconds", **one) == NOW - 20
        assert value(text, "watch_late_seconds", **two) == 400.0
        assert value(text, "watch_poll_failures", **two) == 3.0
        assert value(text, "watch_group_watched", **one) == 1.0
        assert value(text, "watch_events_total", kind="member-joined") == 3.0
        there = {"endpoint": "https://example.org"}
        assert value(text, "webhook_delivered_total", **there) == 5.0
        assert value(text, "webhook_waiting", **there) == 2.0
        assert value(text, "webhook_dead_letters", **there) == 1.0
        assert value(text, "webhook_oldest_timestamp_seconds", **there) == NOW - 90
        assert (value(text, "quota_limit"), value(text, "quota_used")) == (120.0, 20.0)

    def test_endpoints_of_one_host_are_added_up(self) -> None:
        both = [backlog("https://example.org"), backlog("https://example.org", "b", oldest=NOW)]
        text = render_metrics(state(backlog=both))
        assert value(text, "webhook_waiting", endpoint="https://example.org") == 4.0
        assert value(text, "webhook_oldest_timestamp_seconds", endpoint="https://example.org") == (
            NOW - 90
        )

    def test_nothing_to_report_is_valid_too(self) -> None:
        assert value(render_metrics(state()), "watch_healthy") == 1.0

    @given(st.text())
    def test_any_label_is_escaped(self, slug: str) -> None:
        text = render_metrics(state(groups=[group(slug)]))
        shown = slug.encode("utf-8", "replace").decode()
        assert value(text, "watch_late_seconds", group=shown, id="7") == 0.0

    def test_names_and_types_stay(self) -> None:
        """Dashboards depend on them."""
        text = render_metrics(
            state(groups=[group()], events={"x": 1}, backlog=[backlog("t")], limit=1, used=1)
        )
        kinds: Mapping[str, str] = {
            line.split()[2]: line.split()[3] for line in text.splitlines() if "# TYPE" in line
        }
        assert kinds == {
            "arena_groups_watch_healthy": "gauge",
            "arena_groups_watch_interval_seconds": "gauge",
            "arena_groups_watch_group_watched": "gauge",
            "arena_groups_watch_last_poll_timestamp_seconds": "gauge",
            "arena_groups_watch_late_seconds": "gauge",
            "arena_groups_watch_poll_failures": "gauge",
            "arena_groups_watch_events_total": "counter",
            "arena_groups_webhook_delivered_total": "counter",
            "arena_groups_webhook_waiting": "gauge",
            "arena_groups_webhook_dead_letters": "gauge",
            "arena_groups_webhook_oldest_timestamp_seconds": "gauge",
            "arena_groups_quota_limit": "gauge",
            "arena_groups_quota_used": "gauge",
        }


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8081", ("127.0.0.1", 8081)),
        ("8081", ("127.0.0.1", 8081)),
        ("0.0.0.0:80", ("0.0.0.0", 80)),  # noqa: S104
        ("[::1]:8081", ("::1", 8081)),
        ("localhost:0", ("localhost", 0)),
    ],
)
def test_address_is_host_and_port_or_a_loopback_port(text: str, address: tuple[str, int]) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize("text", ["", "host", "::1:80", "host:", "host:70000", "http://h:1", ":80"])
def test_other_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"127\.0\.0\.1:8081"):
        parse_address(text)


class TestServer:
    async def test_health_and_metrics_are_served(self) -> None:
        current = state(groups=[group()])
        async with (
            serving_health("127.0.0.1", 0, lambda: current) as url,
            aiohttp.ClientSession() as client,
        ):
            async with client.get(f"{url}/health") as response:
                assert response.status == 200
                assert (await response.json())["status"] == "ok"
            async with client.get(f"{url}/metrics") as response:
                assert response.status == 200
                assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
                assert value(await response.text(), "watch_healthy") == 1.0
            async with client.head(f"{url}/health") as response:
                assert response.status == 200
            async with client.get(f"{url}/") as response:
                assert response.status == 404
            current = state(groups=[group(late_by=1000.0)])
            async with client.get(f"{url}/health") as response:
                assert response.status == 503
                assert (await response.json())["status"] == "late"

    async def test_port_that_is_taken_is_an_error(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(CliError, match=f"cannot listen on 127.0.0.1:{port}: address"):
                async with serving_health("127.0.0.1", port, state):
                    pass

    @pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
    async def test_host_that_is_not_of_this_machine_is_an_error(self, host: str) -> None:
        with pytest.raises(CliError, match=f"cannot listen on {host}:8081"):
            async with serving_health(host, 8081, state):
                pass
