"""The club's application in place of the lab's, as an author would set it up."""

import pytest

from kernel.testing import App, AppFactory, School, SchoolFactory
from tests.kernel.testing import club


@pytest.fixture(scope="session")
async def app(app_with: AppFactory) -> App:
    """The club and what it requires."""
    return await app_with(club)


@pytest.fixture
async def school(new_school: SchoolFactory) -> School:
    """A fresh tenant of the club, not of the lab."""
    return await new_school()
