"""One matrix, planted once, for all tests of a module."""

from collections.abc import AsyncIterator

import pytest

from tests.security.matrix import Matrix, a_matrix


@pytest.fixture(scope="module")
async def matrix(module_database_url: str) -> AsyncIterator[Matrix]:
    async with a_matrix(module_database_url) as matrix:
        yield matrix
