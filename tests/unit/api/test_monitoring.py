"""What operators' machines see of a process."""

from collections.abc import Sequence

from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from router.api import server
from router.api.monitoring import Checks
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


async def test_process_that_is_not_ready_says_what_is_wrong():
    async with an_app(checks=Checks([lost_database, blocked_broker])) as client, client.get("/health/ready") as answer:
        assert (answer.status, await answer.json()) == (
            503,
            {
                "is_ready": False,
                "problems": ["database: it does not answer", "broker: it blocks publishers (memory alarm)"],
                "warnings": [],
            },
        )


async def test_process_that_can_work_is_ready_and_warns():
    async with an_app(checks=Checks(warnings=[bad_policy])) as client, client.get("/health/ready") as answer:
        assert (answer.status, await answer.json()) == (
            200,
            {"is_ready": True, "problems": [], "warnings": ["policy: routes.2.queue is not known"]},
        )


async def test_process_that_is_not_ready_is_still_alive():
    async with an_app(checks=Checks([lost_database])) as client, client.get("/health/live") as answer:
        assert (answer.status, await answer.json()) == (200, {"is_alive": True})


async def test_metrics_are_in_prometheus_text():
    async with an_app() as client, client.get("/metrics") as answer:
        assert answer.content_type == "text/plain"
        assert "router_http_request_seconds" in await answer.text()


async def test_requests_are_counted_by_the_endpoint_as_declared():
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
        ("/v1/tickets/{id}", "GET", "401"): 2,
        ("unmatched", "other", "404"): 1,
        ("unmatched", "GET", "404"): 1,
    }


async def test_other_roles_serve_health_and_metrics_alone():
    app = server.build_monitoring(metrics=Metrics(CollectorRegistry()), checks=Checks())
    async with TestClient(TestServer(app)) as client:
        statuses = [
            (await client.get(path)).status for path in ("/health/live", "/health/ready", "/metrics", "/v1/queues")
        ]
    assert statuses == [200, 200, 200, 404]
