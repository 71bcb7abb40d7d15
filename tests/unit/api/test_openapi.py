"""The OpenAPI document is valid and complete."""

from typing import Any

from openapi_spec_validator import validate

from tests.unit.api.doubles import an_app


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
        served = {(route.method.lower(), route.resource.canonical) for route in routes}
    paths = (await document())["paths"]
    assert {(method, path) for path, item in paths.items() for method in item} == served


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
