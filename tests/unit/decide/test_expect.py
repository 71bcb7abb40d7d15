"""The queues that tickets for an agent may come from, by a table over one policy."""

import pytest

from router.decide.expect import queues_for, skills_wanted
from router.domain.agent import Agent
from router.domain.customer import AgentId
from router.policy.parse import parse_policy

POLICY = parse_policy("""
teams:
  frontline: {takes: any, overflow_to: [night]}
  experts: {takes: any}
  night: {takes: any}
queues:
  german: {team: frontline}
  later: {team: frontline}
  expert: {team: experts}
  by-transfer: {team: experts}
  nights: {team: night}
routes:
  - {name: german, when: {language: de}, queue: german, skills: [language:de], target: 1h}
  - name: vip
    when: {channel: chat}
    queue: expert
    skills: [vip:4, legal]
    target: 1h
    relax:
      - {after: 10m, drop_skills: [legal]}
  - name: rest
    queue: later
    skills: [patience]
    target: 1h
    relax:
      - {after: 10m, queue: nights}
      - {after: 20m, drop_skills: true}
triage: {bias: 0}
""")

EXPECTED = [
    ({"frontline"}, {"language:de"}, ["german"]),
    ({"frontline"}, {"patience", "language:de"}, ["german", "later"]),
    ({"frontline"}, set(), []),
    ({"frontline"}, {"vip:4"}, []),
    ({"experts"}, {"vip", "vip:1"}, ["by-transfer"]),
    ({"experts"}, {"vip:4"}, ["expert", "by-transfer"]),
    ({"night"}, set(), ["nights"]),
    ({"frontline", "night"}, {"patience"}, ["later", "nights"]),
    (set(), {"vip:4", "patience"}, []),
    ({"gone"}, {"vip:4"}, []),
]


def an_agent(teams: set[str], skills: set[str]) -> Agent:
    return Agent(id=AgentId(1), name="Ada", teams=frozenset(teams), skills=frozenset(skills))


@pytest.mark.parametrize(("teams", "skills", "queues"), EXPECTED)
def test_tickets_come_from_queues_whose_routes_ask_for_no_more(teams: set[str], skills: set[str], queues: list[str]):
    assert queues_for(an_agent(teams, skills), POLICY) == queues


def test_what_the_own_teams_routes_ask_for_is_named():
    assert skills_wanted(an_agent({"frontline"}, set()), POLICY) == ["language:de", "patience"]
    assert skills_wanted(an_agent(set(), set()), POLICY) == []
