"""The OpenAPI document is valid and complete."""

import io
import re
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate

from channels.schema import EXAMPLE
from tests.clients.described import undescribed
from tests.unit.api.doubles import ADMIN, an_app

MANUAL = (Path(__file__).parents[3] / "docs" / "api.md").read_text()
ADMINS = {"Authorization": f"Bearer {ADMIN}"}
JSON = ADMINS | {"Content-Type": "application/json"}
ASKED: list[tuple[str, str, str, dict[str, Any], int]] = [
    ("get", "/health/live", "", {}, 200),
    ("get", "/health/live", "?colour=red", {}, 422),
    ("get", "/health/ready", "", {}, 200),
    ("get", "/metrics", "", {}, 200),
    ("get", "/openapi.json", "", {}, 200),
    ("post", "/v1/messages", "", {}, 401),
    ("post", "/v1/messages", "", {"headers": {"Authorization": "Bearer nobody"}}, 401),
    ("post", "/v1/messages", "", {"headers": {"Authorization": "Bearer sample-outage"}}, 503),
    ("post", "/v1/messages", "", {"headers": ADMINS, "json": EXAMPLE}, 202),
    ("post", "/v1/messages", "", {"headers": ADMINS, "json": []}, 400),
    ("post", "/v1/messages", "", {"headers": JSON, "data": io.BytesIO(b" " * 2**21)}, 413),
    ("post", "/v1/messages", "", {"headers": ADMINS, "data": b"{}"}, 415),
    ("post", "/v1/me/next", "", {"headers": ADMINS}, 403),
]


async def document() -> dict[str, Any]:
    async with an_app() as client, client.get("/openapi.json") as answer:
        assert answer.content_type == "application/json"
        return await answer.json()


async def test_document_is_valid_openapi_3_1():
    spec = await document()
    assert spec["openapi"].startswith("3.1")
    validate(spec)


async def test_every_endpoint_that_is_served_is_in_the_document():
    async with an_app() as client:
        routes = client.server.app.router.routes()
        # HEAD is GET without its body, and needs no words of its own
        served = {(route.method.lower(), route.resource.canonical) for route in routes if route.method != "HEAD"}
    paths = (await document())["paths"]
    assert {(method, path) for path, item in paths.items() for method in item} == served


async def test_every_endpoint_is_in_the_manual():
    rows = re.findall(r"^\| ((?:`[A-Z]+`[, ]*)+) \| ([^|]+) \|", MANUAL, re.MULTILINE)
    shown = {
        (method.lower(), re.sub(r"{\w+}", "{}", path.partition("?")[0]))
        for methods, paths in rows
        for method in re.findall(r"[A-Z]+", methods)
        for path in re.findall(r"`(/[^`]+)`", paths)
    }
    served = {
        (method, re.sub(r"{\w+}", "{}", path)) for path, item in (await document())["paths"].items() for method in item
    }
    assert not served - shown, f"docs/api.md, Endpoints: add a row for {sorted(served - shown)}"
    assert shown == served


async def test_operations_have_names_of_their_own():
    names = [operation["operationId"] for item in (await document())["paths"].values() for operation in item.values()]
    assert len(set(names)) == len(names)


async def test_writes_at_the_desk_are_described_with_their_lease():
    operation = (await document())["paths"]["/v1/tickets/{id}/reply"]["post"]
    assert {(parameter["name"], parameter["in"]) for parameter in operation["parameters"]} == {
        ("id", "path"),
        ("If-Match", "header"),
    }


async def test_limits_of_whole_numbers_are_whole():
    [number, _] = (await document())["paths"]["/v1/tickets/{id}/reply"]["post"]["parameters"]
    assert number["schema"]["maximum"] == 2**63 - 1


@pytest.mark.parametrize(("method", "path", "query", "given", "status"), ASKED)
async def test_answers_are_those_of_the_document(
    method: str, path: str, query: str, given: dict[str, Any], status: int
):
    operation = (await document())["paths"][path][method]
    async with an_app() as client, client.request(method, path + query, **given) as answer:
        assert (answer.status, undescribed(operation, answer.status, answer.headers)) == (status, [])


async def test_too_many_messages_are_answered_as_in_the_document():
    operation = (await document())["paths"]["/v1/messages"]["post"]
    full = an_app(max_in_flight=0)
    async with full as client, client.post("/v1/messages", headers=ADMINS, json=EXAMPLE) as answer:
        assert (answer.status, undescribed(operation, 429, answer.headers)) == (429, [])


async def test_lease_is_described_where_it_is_given_and_where_it_is_missing():
    paths = (await document())["paths"]
    giving = [("/v1/me/next", "post"), ("/v1/tickets/{id}/take", "post"), ("/v1/tickets/{id}/accept", "post")]
    assert all("ETag" in paths[path][method]["responses"]["200"]["headers"] for path, method in giving)
    assert {"404", "409", "428"} <= paths["/v1/tickets/{id}/reply"]["post"]["responses"].keys()


def test_what_the_document_does_not_say_is_found():
    operation = {"responses": {"200": {"content": {"application/json": {}}}, "default": {}}}
    assert undescribed(operation, 200, {"Content-Type": "application/json; charset=utf-8"}) == []
    assert undescribed(operation, 200, {"Content-Type": "text/plain", "ETag": "1"}) == ["ETag", "text/plain"]
    assert undescribed(operation, 404, {}) == ["404"]
