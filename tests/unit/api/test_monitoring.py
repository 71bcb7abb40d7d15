"""What operators' machines see of a process."""

import asyncio
from collections.abc import Sequence

import pytest
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from router.api import monitoring, server
from router.api.monitoring import Checks, MonitoringEndpoints
from router.metrics import Metrics
from tests.unit.api.doubles import an_app


def lost_database() -> Sequence[str]:
    return ["database: it does not answer"]


def bad_policy() -> Sequence[str]:
    return ["policy: routes.2.queue is not known"]


async def blocked_broker() -> Sequence[str]:
    return ["broker: it blocks publishers (memory alarm)"]


async def test_ready_process_says_so():
    async with an_app() as client, client.get("/health/ready") as answer:
        assert (answer.status, await answer.json()) == (
            200,
            {"is_ready": True, "problems": [], "warnings": []},
        )


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/metrics", "/openapi.json"])
async def test_probe_may_ask_for_the_head_alone(path: str):
    async with an_app() as client, client.get(path) as whole, client.head(path) as head:
        assert (head.status, head.content_type, await head.read()) == (200, whole.content_type, b"")


async def test_a_stream_has_no_head():
    async with an_app() as client, client.head("/v1/me/stream") as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "GET")


async def test_process_that_is_not_ready_says_what_is_wrong():
    checks = Checks({"database": lost_database, "broker": blocked_broker})
    async with an_app(checks=checks) as client, client.get("/health/ready") as answer:
        assert (answer.status, await answer.json()) == (
            503,
            {
                "is_ready": False,
                "problems": ["database: it does not answer", "broker: it blocks publishers (memory alarm)"],
                "warnings": [],
            },
        )


async def test_process_that_can_work_is_ready_and_warns():
    checks = Checks(warnings={"policy": bad_policy})
    async with an_app(checks=checks) as client, client.get("/health/ready") as answer:
        assert (answer.status, await answer.json()) == (
            200,
            {"is_ready": True, "problems": [], "warnings": ["policy: routes.2.queue is not known"]},
        )


async def test_check_that_takes_long_is_a_problem_in_time_and_goes_on_by_itself(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(monitoring, "CHECKED_WITHIN_S", 0.05)
    answering, asked = asyncio.Event(), 0

    async def frozen_database() -> Sequence[str]:
        nonlocal asked
        asked += 1
        try:
            await answering.wait()
        finally:
            await answering.wait()  # as a connection does whose statement was cancelled
        return []

    async with an_app(checks=Checks({"database": frozen_database})) as client:
        try:
            for _ in range(2):
                async with asyncio.timeout(5), client.get("/health/ready") as answer:
                    assert (await answer.json())["problems"] == ["database: does not answer within 0.05 s"]
        finally:
            answering.set()
        assert asked == 1
        async with client.get("/health/ready") as answer:
            assert answer.status == 200


async def test_process_that_is_not_ready_is_still_alive():
    async with an_app(checks=Checks({"database": lost_database})) as client, client.get("/health/live") as answer:
        assert (answer.status, await answer.json()) == (200, {"is_alive": True})


async def test_metrics_are_in_prometheus_text():
    async with an_app() as client, client.get("/metrics") as answer:
        assert answer.content_type == "text/plain"
        assert "router_http_request_seconds" in await answer.text()


async def test_requests_are_counted_by_the_endpoint_as_declared_and_the_class_of_their_status():
    metrics = Metrics(CollectorRegistry())
    async with an_app(metrics=metrics) as client:
        for method, path in [("GET", "/v1/tickets/1"), ("GET", "/v1/tickets/2"), ("PROPFIND", "/a"), ("GET", "/b")]:
            async with client.request(method, path):
                pass
    counted = {
        (sample.labels["endpoint"], sample.labels["method"], sample.labels["status"]): sample.value
        for family in metrics.requests.collect()
        for sample in family.samples
        if sample.name.endswith("_count")
    }
    assert counted == {
        ("/v1/tickets/{id}", "GET", "4xx"): 2,
        ("unmatched", "other", "4xx"): 1,
        ("unmatched", "GET", "4xx"): 1,
    }


async def test_other_roles_serve_health_and_metrics_alone():
    metrics = Metrics(CollectorRegistry())
    app = server.build_monitoring(MonitoringEndpoints(registry=metrics.registry, checks=Checks()), metrics)
    async with TestClient(TestServer(app)) as client:
        statuses = [
            (await client.get(path)).status for path in ("/health/live", "/health/ready", "/metrics", "/v1/queues")
        ]
    assert statuses == [200, 200, 200, 404]
