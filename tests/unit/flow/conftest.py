"""What the tests of the rules of flows share: a contact center in memory, and a registry for its metrics."""

import pytest
from prometheus_client import CollectorRegistry

from tests.fakes.center import FakeCenter


@pytest.fixture
def center() -> FakeCenter:
    return FakeCenter()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()
