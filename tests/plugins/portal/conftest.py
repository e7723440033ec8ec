"""A school that a real browser reaches: served on loopback, at home at a name that browsers resolve themselves.

`site` is an empty one for each test. `furnished_site` has something on every page, and is
one for all tests that only read.
"""

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import urlsplit

import pytest
import uvicorn
from litestar import Litestar
from playwright.async_api import Browser, BrowserContext, Route
from sqlalchemy import bindparam, insert

from kernel.app import served
from kernel.tables import tenant_hosts
from kernel.testing import PASSWORD, App, Person, School
from kernel.testing.schools import make_school
from tests.browser import browser, chromium  # noqa: F401 - a fixture
from tests.plugins.portal.furnished import Readers, asking, furnish
from tests.plugins.portal.places import find_places

_AT_HOME = insert(tenant_hosts).values(host=bindparam("host"), tenant_id=bindparam("tenant_id"))


class Site:
    """A served school, and browsers that visit it."""

    def __init__(self, origin: str, school: School, chromium: Browser) -> None:
        self.origin = origin
        self.school = school
        self._chromium = chromium

    async def visit(
        self, *, width: int = 1280, dark: bool = False, locale: str = "en", person: Person | None = None
    ) -> BrowserContext:
        """Return a browser of its own, signed in if a person is given."""
        context = await self._chromium.new_context(
            base_url=self.origin,
            viewport={"width": width, "height": 860},
            color_scheme="dark" if dark else "light",
            locale=locale,
            reduced_motion="reduce",
        )
        await context.route(re.compile("^https:"), _elsewhere)
        if person is not None:
            # Not through the browser's own client: only Chromium itself knows where names below localhost lead.
            client = await self.school.client()
            answer = await client.post("/auth/login", json={"email": person.email, "password": PASSWORD})
            assert answer.status_code == 200, answer.text
            await context.add_cookies(
                [{"name": name, "value": value, "url": self.origin} for name, value in answer.cookies.items()]
            )
        return context


async def _elsewhere(route: Route) -> None:
    """Answer for hosts of others, such as YouTube's: tests leave this machine alone."""
    await route.fulfill(status=200, content_type="text/html", body="<!doctype html><title>Elsewhere</title>")


@asynccontextmanager
async def _reachable(school: School, app: Litestar, visitors: Browser) -> AsyncIterator[Site]:
    host = f"{school.tenant.slug}.localhost"
    async with school.deployment.operator_session(None, "test") as db:
        await db.run(_AT_HOME, host=host, tenant_id=school.id)
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(served(app), lifespan="off", log_config=None, access_log=False)
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        port = urlsplit(f"//{host}:{listening.getsockname()[1]}").port
        yield Site(f"http://{host}:{port}", school, visitors)
    finally:
        server.should_exit = True
        await running
        listening.close()


@pytest.fixture
async def site(school: School, litestar_app: Litestar, browser: Browser) -> AsyncIterator[Site]:  # noqa: F811
    """The school as browsers see it."""
    async with _reachable(school, litestar_app, browser) as made:
        yield made


@pytest.fixture(scope="session")
async def furnished_school(app: App) -> AsyncIterator[tuple[School, Readers]]:
    """A school with something on every page, and who reads them; tests leave it as it is."""
    async with AsyncExitStack() as stack:
        school = await make_school(app.deployment, app.asgi, stack)
        yield school, await furnish(school)


@pytest.fixture(scope="session")
def readers(furnished_school: tuple[School, Readers]) -> Readers:
    """Who reads the pages of that school."""
    return furnished_school[1]


@pytest.fixture(scope="session")
async def places(readers: Readers) -> dict[str, str]:
    """What the places in the paths of pages stand for there."""
    return await find_places(asking(readers))


@pytest.fixture(scope="session")
async def furnished_site(app: App, furnished_school: tuple[School, Readers]) -> AsyncIterator[Site]:
    """That school as browsers see it."""
    async with chromium() as visitors, _reachable(furnished_school[0], app.litestar, visitors) as made:
        yield made
