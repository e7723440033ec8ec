"""Polls and what they require, and a poll of the instructor."""

import pytest

from kernel.testing import App, AppFactory, Person
from polls import plugin
from polls_tests.ballots import Ballot, make_ballot


@pytest.fixture(scope="session")
async def app(app_with: AppFactory) -> App:
    """The application under test; every other fixture follows it."""
    return await app_with(plugin)


@pytest.fixture
async def ballot(instructor: Person) -> Ballot:
    """An open poll of the instructor."""
    return await make_ballot(instructor)
