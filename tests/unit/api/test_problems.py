"""Whatever is asked, the answer is a clear one: problem details, never a fault of ours."""

import io
import json
import re

import pytest

from channels.schema import EXAMPLE
from tests.unit.api.doubles import ADMIN, INTEGRATION, an_app

TOKEN = {"Authorization": f"Bearer {INTEGRATION}"}
JSON = {**TOKEN, "Content-Type": "application/json"}


def message(**changed: object) -> bytes:
    return json.dumps(EXAMPLE | changed).encode()


BAD_MESSAGES = [
    ("empty", b"", 400, "body"),
    ("not JSON", b"{", 400, "body"),
    ("a list", b"[]", 400, "body"),
    ("NaN", message(size=float("nan")), 400, "body"),
    ("a number of 5,000 digits", b'{"id": ' + b"9" * 5000 + b"}", 400, "body"),
    ("nested 100,000 deep", b'{"a":' * 100_000 + b"1" + b"}" * 100_000, 400, "body"),
    ("not UTF-8", b'{"id": "\xff"}', 400, "body"),
    ("a key twice", b'{"id": "1", "id": "2"}', 400, "body"),
    ("NUL", message(text="a\x00b"), 422, "text"),
    ("half of a surrogate pair", message(subject="\ud800"), 422, "subject"),
    ("no sender", message(**{"from": None}), 422, "from"),
    ("an unknown channel", message(channel="pigeon"), 422, "channel"),
    ("a number as text", message(text=7), 422, "text"),
    ("an unknown field", message(prioritiy="high"), 422, "prioritiy"),
    ("no time zone", message(sent_at="2026-03-01T09:30:00"), 422, "sent_at"),
    ("2 MB", message(text="x" * 2_000_000), 413, "body"),
    ("10 MB", b" " * 10_000_000, 413, "body"),
]


@pytest.mark.parametrize(
    ("body", "status", "field"), [row[1:] for row in BAD_MESSAGES], ids=[r[0] for r in BAD_MESSAGES]
)
async def test_bad_message_is_refused_and_its_field_named(body: bytes, status: int, field: str):
    async with an_app() as client, client.post("/v1/messages", data=io.BytesIO(body), headers=JSON) as answer:
        problem = await answer.json()
        assert answer.content_type == "application/problem+json"
        assert (answer.status, problem["status"], problem["field"]) == (status, status, field)
        assert problem["detail"].endswith(".")


@pytest.mark.parametrize(
    ("headers", "field"),
    [
        ({"Content-Type": "text/plain"}, "Content-Type"),
        ({"Content-Type": "application/json", "Content-Encoding": "gzip"}, "Content-Encoding"),
    ],
)
async def test_body_of_another_kind_is_refused(headers: dict[str, str], field: str):
    async with an_app() as client, client.post("/v1/messages", data=message(), headers=TOKEN | headers) as answer:
        assert (answer.status, (await answer.json())["field"]) == (415, field)


@pytest.mark.parametrize(
    ("method", "path", "status", "title"),
    [
        ("GET", "/nowhere", 404, "Not found"),
        ("GET", "/v1/messages/email/only-an-account", 404, "Not found"),
        ("DELETE", "/v1/messages", 405, "Method not allowed"),
        ("PROPFIND", "/v1/messages", 405, "Method not allowed"),
        ("GET", "/v1/messages/pigeon/a/b", 422, "Invalid"),
        ("GET", "/v1/messages/email/%00/b", 422, "Invalid"),
        ("GET", f"/v1/messages/email/{'a' * 300}/b", 422, "Invalid"),
        ("GET", "/v1/messages/email/a/b?colour=red", 422, "Invalid"),
        ("GET", "/v1/messages/email/a/b?colour=red&colour=blue", 422, "Invalid"),
    ],
)
async def test_bad_path_is_answered_with_a_problem(method: str, path: str, status: int, title: str):
    async with an_app() as client, client.request(method, path, headers=TOKEN) as answer:
        problem = await answer.json()
        assert (answer.status, problem["title"]) == (status, title)
        assert answer.content_type == "application/problem+json"


@pytest.mark.parametrize("number", ["0", "-1", "9223372036854775808", "9" * 4000, "seven", "1.5", "%00", "%ED%A0%80"])
async def test_bad_number_in_the_path_is_refused_by_name(number: str):
    headers = {"Authorization": f"Bearer {ADMIN}"}
    async with an_app() as client, client.get(f"/v1/tickets/{number}", headers=headers) as answer:
        assert (answer.status, (await answer.json())["field"]) == (422, "id")


@pytest.mark.parametrize(
    ("method", "path", "body", "says"),
    [
        (
            "GET",
            "/v1/tickets?q=Invoice",
            None,
            "q must be a ticket's number, such as 42, not words.",
        ),
        ("GET", "/v1/tickets?limit=many", None, "limit must be a whole number."),
        ("GET", "/v1/tickets?limit=0", None, "limit must be at least 1."),
        ("GET", "/v1/tickets?limit=201", None, "limit must be at most 200."),
        ("GET", "/v1/agents?retired=perhaps", None, "retired must be true or false."),
        ("PATCH", "/v1/agents/ada", {"skills": []}, "skills must be an object with fields."),
        ("PATCH", "/v1/agents/ada", {"retired": "yes"}, "retired must be true or false."),
        ("PATCH", "/v1/agents/ada", {"limit": "7"}, "limit must be a whole number."),
    ],
)
async def test_problem_is_told_in_words_for_people(method: str, path: str, body: object, says: str):
    headers = {"Authorization": f"Bearer {ADMIN}"}
    async with an_app() as client, client.request(method, path, json=body, headers=headers) as answer:
        assert (answer.status, (await answer.json())["detail"]) == (422, says)


@pytest.mark.parametrize(
    ("authorization", "status"),
    [(None, 401), ("Bearer", 401), ("Bearer wrong", 401), ("Basic c2FtcGxl", 401), (f"Bearer {INTEGRATION}", 403)],
)
async def test_endpoint_is_closed_to_those_it_is_not_for(authorization: str | None, status: int):
    headers = {"Authorization": authorization} if authorization else {}
    async with an_app() as client, client.get("/v1/tickets/1", headers=headers) as answer:
        assert answer.status == status
        assert ("WWW-Authenticate" in answer.headers) == (status == 401)


async def test_nothing_but_monitoring_and_the_document_is_open_to_everybody():
    async with an_app() as client:
        paths = {route.resource.canonical for route in client.server.app.router.routes()}
        open_paths = set()
        for path in paths:
            filled = re.sub(r"{\w+}", "1", path.replace("{channel}", "email"))
            answers = [await client.request(method, filled) for method in ("GET", "POST")]
            if any(answer.status not in {401, 405} for answer in answers):
                open_paths.add(path)
    webhook = "/v1/channels/{channel}/{provider}/{account}"  # which providers sign
    assert open_paths == {"/health/live", "/health/ready", "/metrics", "/openapi.json", webhook}


async def test_problem_with_no_single_field_names_none():
    async with an_app() as client, client.get("/nowhere") as answer:
        assert set(await answer.json()) == {"type", "title", "status", "detail"}


async def test_who_asks_comes_before_what_is_asked():
    async with an_app() as client, client.get("/v1/tickets/seven?colour=red") as answer:
        assert answer.status == 401


async def test_outage_is_answered_503_with_the_time_to_ask_again():
    headers = {"Authorization": "Bearer sample-outage"}
    async with an_app() as client, client.get("/v1/tickets/1", headers=headers) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")


async def test_fault_of_ours_is_a_problem_without_its_inner_workings():
    headers = {"Authorization": f"Bearer {ADMIN}"}
    async with an_app() as client, client.get("/v1/tickets/1", headers=headers) as answer:  # nothing to read from
        assert (answer.status, (await answer.json())["title"]) == (500, "Internal error")
