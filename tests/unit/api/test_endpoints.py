"""An endpoint takes what its handler's signature says, and nothing else."""

import gzip
import io
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple

import pytest
from aiohttp import hdrs
from aiohttp.test_utils import TestClient
from multidict import CIMultiDict

from router.api.access import READERS
from router.api.endpoint import Answer, Endpoint
from router.domain.agent import PERSONS, Person, Principal, Role
from tests.unit.api.doubles import INTEGRATION, LEAD, NOBODY, an_app

JSON = {"Content-Type": "application/json"}
Client = TestClient[Any, Any]


class Asked(NamedTuple):
    """One request to an endpoint that takes no body."""

    method: str
    target: str
    headers: Mapping[str, str]


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with an_app() as client:
        yield client


async def without_a_body(client: Client) -> list[Asked]:
    """A request to every endpoint that describes no body, from somebody who may ask."""
    async with client.get("/openapi.json") as answer:
        paths = (await answer.json())["paths"]
    return [
        Asked(method.upper(), *_request(path, operation))
        for path, item in paths.items()
        for method, operation in item.items()
        if "requestBody" not in operation
    ]


def _request(path: str, operation: Mapping[str, Any]) -> tuple[str, Mapping[str, str]]:
    target = re.sub(r"{\w+}", "1", path.replace("{channel}", "email"))
    required = [parameter["name"] for parameter in operation["parameters"] if parameter["required"]]
    query = "?handle=ada@example.com" if "handle" in required else ""
    secret = LEAD if "lead" in operation.get("description", "") else INTEGRATION
    return target + query, {"Authorization": f"Bearer {secret}", "If-Match": '"1.1"'}


@pytest.mark.parametrize(
    ("body", "headers", "field"),
    [
        (b'{"colour": "red"}', JSON, "colour"),
        (b'{"colour": "red"}', {"Content-Type": "application/x-www-form-urlencoded"}, "colour"),
        (b"wait=30", {"Content-Type": "application/x-www-form-urlencoded"}, "body"),
        (b"[]", JSON, "body"),
        (gzip.compress(b"{}"), JSON | {"Content-Encoding": "gzip"}, "body"),
        (b"{}" + b" " * 2**20, JSON, "body"),
    ],
    ids=["a field", "a field in another type", "a form", "a list", "compressed", "too large"],
)
async def test_a_body_is_refused_wherever_none_is_taken(
    client: Client, body: bytes, headers: Mapping[str, str], field: str
):
    asked = await without_a_body(client)
    assert {("POST", "/v1/me/next"), ("POST", "/v1/tickets/1/take")} <= {one[:2] for one in asked}
    told = {}
    for one in asked:
        async with client.request(
            one.method, one.target, data=io.BytesIO(body), headers={**one.headers, **headers}
        ) as answer:
            told[one[:2]] = answer.status, (await answer.json())["field"]
    assert told == {one[:2]: (422, field) for one in asked}


async def test_a_body_that_is_not_taken_is_to_be_left_out(client: Client):
    async with client.get("/health/live", data=b"Are you there?") as answer:
        assert (await answer.json())["detail"] == "body must be left out: this request takes none."


async def test_a_field_that_is_not_taken_is_to_be_removed(client: Client):
    async with client.post("/v1/me/next", json={"wait": 30}, headers={"Authorization": f"Bearer {LEAD}"}) as answer:
        assert (await answer.json())["detail"] == "wait is not a field of this request: remove it."


async def test_a_body_is_refused_where_only_the_head_is_asked_for(client: Client):
    async with client.head("/health/live", data=b"Are you there?") as answer:
        assert answer.status == 422


@pytest.mark.parametrize("body", [None, b"", b"{}", io.BytesIO(b"")], ids=["none", "empty", "no field", "no chunk"])
async def test_a_body_that_says_nothing_is_as_good_as_none(client: Client, body: bytes | io.BytesIO | None):
    async with client.get("/health/live", data=body) as answer:
        assert answer.status == 200
    async with client.get("/health/live", headers={hdrs.CONTENT_LENGTH: "0"}) as answer:
        assert answer.status == 200


async def test_what_is_for_persons_is_refused_to_a_token_that_belongs_to_none(client: Client):
    headers = {"Authorization": f"Bearer {NOBODY}"}
    async with client.post("/v1/me/next", headers=headers) as answer:
        assert (answer.status, (await answer.json())["title"]) == (403, "Wrong role")


async def by_a_person(who: Person) -> Answer:
    return Answer(content=who.agent.name)


async def by_a_principal(who: Principal) -> Answer:
    return Answer(content=who.role)


async def by_the_moon(moon: str) -> Answer:
    return Answer(content=moon)


@pytest.mark.parametrize(
    ("handle", "roles", "says"),
    [
        (by_a_person, READERS, "its roles make `who` a .*Principal"),
        (by_a_person, (), "its roles make `who` a None"),
        (by_a_principal, PERSONS, "its roles make `who` a .*Person"),
        (by_a_principal, {Role.LEAD}, "its roles make `who` a .*Person"),
        (by_the_moon, PERSONS, "a handler cannot take moon"),
    ],
)
def test_a_handler_that_takes_what_is_not_there_makes_no_endpoint(handle: Any, roles: Any, says: str):
    with pytest.raises(TypeError, match=f"GET /v1/moon: {says}"):
        Endpoint(method="GET", path="/v1/moon", summary="The moon.", handle=handle, roles=roles, answers={})


@pytest.mark.parametrize("second", [INTEGRATION, LEAD, NOBODY])
async def test_several_tokens_in_one_request_are_refused(client: Client, second: str):
    headers = CIMultiDict([("Authorization", f"Bearer {LEAD}"), ("Authorization", f"Bearer {second}")])
    async with client.get("/v1/me", headers=headers) as answer:
        assert answer.status == 401
        assert "one `Authorization` header" in (await answer.json())["detail"]
