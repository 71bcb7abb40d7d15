"""Everything that is wrong with a body is told at once, with the likely field for one that is misspelt."""

import json

import pytest

from channels import canonical
from channels.errors import Malformed
from channels.formats import validate

GOOD = {
    "id": "m1",
    "channel": "chat",
    "provider": "webchat",
    "account": "shop.example",
    "from": {"kind": "user", "value": "visitor-1"},
    "sent_at": "2026-03-01T09:30:00Z",
    "text": "Hello?",
}


def problems(changes: dict[str, object], *without: str) -> list[str]:
    body = {name: value for name, value in {**GOOD, **changes}.items() if name not in without}
    return validate("message.v1", json.dumps(body).encode())


def test_a_good_body_has_none():
    assert problems({}) == []


def test_all_faults_are_told_each_with_its_place():
    found = problems({"channel": "fax", "sent_at": "today", "attachments": [{"name": "a"}]}, "provider")
    assert {line.partition(":")[0] for line in found} == {
        "channel",
        "provider",
        "sent_at",
        "attachments.0.content_type",
        "attachments.0.size",
    }


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [("sentat", "sent_at"), ("sent_att", "sent_at"), ("chanel", "channel"), ("atachments", "attachments")],
)
def test_a_misspelt_field_is_told_with_the_likely_one(misspelt: str, meant: str):
    assert problems({misspelt: "x"}) == [f"{misspelt}: is not a field of message.v1: write '{meant}', or remove it"]


def test_a_field_that_is_like_none_is_to_be_removed():
    assert problems({"colour": "red"}) == ["colour: is not a field of message.v1: remove it"]


def test_a_misspelt_field_within_a_part_is_told_with_the_likely_one():
    sender = {"kind": "user", "vallue": "visitor-1"}
    assert problems({"from": sender}) == [
        "from.value: is missing",
        "from.vallue: is not a field of message.v1: write 'value', or remove it",
    ]


def test_of_very_many_faults_the_first_are_told_and_the_rest_counted():
    found = problems({f"field-{number}": 1 for number in range(500)})
    assert len(found) == 11
    assert found[-1] == "body: has 490 more faults"


def test_a_strangers_field_name_is_not_repeated_whole():
    [line] = problems({"x" * 100_000: 1})
    assert len(line) < 200


def test_the_key_is_kept_however_much_is_wrong():
    with pytest.raises(Malformed) as refused:
        canonical.parse(json.dumps({**GOOD, "colour": 1, "sent_at": 1}).encode())
    assert refused.value.key == ("chat", "shop.example", "m1")
