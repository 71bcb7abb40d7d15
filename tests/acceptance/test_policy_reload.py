"""The policy changes while everything runs; a broken one is refused and said so, and nothing stops."""

from pathlib import Path

import pytest

from router.settings import Settings
from tests.acceptance.deployed import Frontdesk, deployed, until

POLICY = """
teams:
  frontline: {takes: any}
queues:
  general: {team: frontline}
  second: {team: frontline}
routes:
  - {name: rest, queue: %s, target: 4h}
triage: {bias: -1}
"""
METRIC = "router_policy_last_reload_successful"


@pytest.fixture
def policy_file(tmp_path: Path) -> Path:
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY % "general")
    return file


async def test_a_changed_policy_counts_without_a_restart_and_a_broken_one_does_not(
    settings: Settings, policy_file: Path
):
    async with deployed(settings.model_copy(update={"policy_path": policy_file})) as frontdesk:
        await frontdesk.is_ready()
        assert await queue_of_next(frontdesk, "1") == "general"

        policy_file.write_text(POLICY % "second")
        await until(lambda: uses(frontdesk, "second"))
        assert await queue_of_next(frontdesk, "2") == "second"

        policy_file.write_text(POLICY % "missing")
        (line,) = await until(frontdesk.warnings)
        assert line.startswith("policy: the last good version")
        assert "unknown queue 'missing'" in line
        assert await frontdesk.health() == []
        assert frontdesk.counted(METRIC) == 0
        policy_file.unlink()
        await until(lambda: warns(frontdesk, "stays in use: cannot be read: No such file or directory"))
        assert await queue_of_next(frontdesk, "3") == "second"

        policy_file.write_text(POLICY % "general")
        await until(lambda: uses(frontdesk, "general"))
        assert await frontdesk.warnings() == []
        assert frontdesk.counted(METRIC) == 1
        assert await queue_of_next(frontdesk, "4") == "general"


async def warns(frontdesk: Frontdesk, ending: str) -> bool:
    return any(line.endswith(ending) for line in await frontdesk.warnings())


async def uses(frontdesk: Frontdesk, queue: str) -> bool:
    return frontdesk.process.policy.current().routes[0].queue == queue


async def queue_of_next(frontdesk: Frontdesk, id_: str) -> str:
    """The queue of a ticket that a new customer's message begins."""
    grace = await frontdesk.agent(f"Grace {id_}")
    await frontdesk.publish_json(
        {
            "id": id_,
            "channel": "chat",
            "provider": "webchat",
            "account": "shop.example",
            "from": {"kind": "user", "value": f"visitor-{id_}"},
            "sent_at": "2026-03-01T09:30:00Z",
            "text": "Hello?",
        }
    )
    page = (await grace.post("/v1/me/next?wait=20")).json
    return str(page["ticket"]["queue"])
