"""A deployment whose one plugin sends mails, in place of the lab."""

import pytest

from kernel.testing import App, AppFactory, School, SchoolFactory
from tests.kernel.mail import post


@pytest.fixture(scope="session")
async def app(app_with: AppFactory) -> App:
    """The plugin that sends mails, alone."""
    return await app_with(post)


@pytest.fixture
async def school(new_school: SchoolFactory) -> School:
    """A fresh tenant."""
    return await new_school()
