"""Fixtures for tests of the whole: settings for a fresh database and broker, and all roles running on them."""

from collections.abc import AsyncIterator

import pytest

from router.settings import Settings
from tests.acceptance.deployed import Frontdesk, deployed


@pytest.fixture
def settings(database_url: str, amqp_url: str) -> Settings:
    return Settings(database_url=database_url, amqp_url=amqp_url, http_port=0, mail_domain="mail.acme.example")


@pytest.fixture
async def frontdesk(settings: Settings) -> AsyncIterator[Frontdesk]:
    """Every role in one process, on the shipped policy."""
    async with deployed(settings) as frontdesk:
        await frontdesk.is_ready()
        yield frontdesk
