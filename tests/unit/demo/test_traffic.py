"""The made-up traffic is what integrations would send: every payload is good, but for the one that must not be."""

from itertools import islice
from random import Random

import pytest

from channels.formats import FORMATS, parse, validate
from channels.message import Automatic, InboundMessage
from router.decide.classify import classify
from router.decide.gist import gist_of
from router.demo.cases import special_cases
from router.demo.payloads import bounce, payload
from router.demo.samples import Crowd, Sample, load_samples, shuffled
from router.domain.triage import Complexity, Query
from router.flow.run.bus import Publication
from router.policy.model import Policy
from router.policy.parse import parse_policy
from router.settings import default_policy_path

SAMPLES = load_samples()
WORDS = " ".join


@pytest.fixture(scope="module")
def policy() -> Policy:
    return parse_policy(default_policy_path().read_text())


def opened(publication: Publication) -> InboundMessage:
    [message] = parse(publication.format, publication.body, publication.account).messages
    return message


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: f"{sample.format} {sample.text[:20]}")
def test_sample_comes_out_as_it_was_written(sample: Sample):
    person = Crowd(Random(1)).person(sample.language)
    message = opened(payload(person, sample))
    assert WORDS(message.text.split()) == WORDS(sample.text.split())
    assert message.subject == sample.subject
    assert message.sender.value in {person.email, person.phone, person.user_id}


def test_samples_cover_every_format_and_both_complexities(policy: Policy):
    found = {(sample.format, classify(asked(sample), policy.triage).complexity) for sample in SAMPLES}
    assert found == {(format_, complexity) for format_ in FORMATS for complexity in Complexity}


def asked(sample: Sample) -> Query:
    message = opened(payload(Crowd(Random(1)).person(), sample))
    return Query(
        channel=message.channel,
        gist=gist_of(message.subject or "", message.text),
        attachments=0,
        language=None,
        contacts_7d=0,
        reopened_count=0,
        open_tickets=0,
        tier=None,
        is_returning=False,
    )


def test_no_text_comes_twice_before_all_have_come():
    drawn = list(islice(shuffled(Random(1)), len(SAMPLES)))
    assert sorted(drawn, key=SAMPLES.index) == SAMPLES


def test_the_same_seed_gives_the_same_people():
    first, again = (Crowd(Random(7)) for _ in range(2))
    assert [first.person() for _ in range(50)] == [again.person() for _ in range(50)]


def test_people_share_no_address():
    crowd = Crowd(Random(1))
    people = [crowd.person(language) for language in ("en", "de") for _ in range(100)]
    for address in ("email", "phone", "user_id"):
        assert len({getattr(person, address) for person in people}) == len(people)


@pytest.mark.parametrize("seed", range(5))
def test_special_cases_are_what_they_are_meant_to_be(policy: Policy, seed: int):
    crowd = Crowd(Random(1))
    cases = list(special_cases(crowd, crowd.person(), Random(seed)))
    refused = [problem for case in cases for problem in validate(case.format, case.body, case.account)]
    messages = [opened(case) for case in cases if not validate(case.format, case.body, case.account)]
    assert refused == ["from: is missing"]
    assert messages[0].sender.key == messages[1].sender.key
    assert messages[0].channel != messages[1].channel
    assert [message.automatic for message in messages if message.automatic] == [
        Automatic.OUT_OF_OFFICE,
        Automatic.BOUNCE,
    ]
    assert len({message.key for message in messages}) == len(messages) - 1
    assert sum(policy.blocks(message.sender.value) for message in messages) == 1
    assert sum(policy.tier_of([message.sender.value]) == "vip" for message in messages) == 2


def test_the_story_varies():
    crowd = Crowd(Random(1))
    stories = [list(special_cases(crowd, crowd.person(), Random(seed))) for seed in range(20)]
    assert len({tuple(opened(case).text for case in story[:6]) for story in stories}) > 5


def test_bounce_names_the_mail_that_came_back():
    assert opened(bounce("fd.1.2.0@frontdesk.invalid")).thread.references == ("fd.1.2.0@frontdesk.invalid",)
