"""A school that a real browser reaches: served on loopback, at home at a name that browsers resolve themselves."""

import asyncio
import socket
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
import uvicorn
from litestar import Litestar
from playwright.async_api import Browser, BrowserContext
from sqlalchemy import bindparam, insert

from kernel.app import served
from kernel.tables import tenant_hosts
from kernel.testing import PASSWORD, Person, School
from tests.browser import browser  # noqa: F401 - a fixture

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
        if person is not None:
            # Not through the browser's own client: only Chromium itself knows where names below localhost lead.
            client = await self.school.client()
            answer = await client.post("/auth/login", json={"email": person.email, "password": PASSWORD})
            assert answer.status_code == 200, answer.text
            await context.add_cookies(
                [{"name": name, "value": value, "url": self.origin} for name, value in answer.cookies.items()]
            )
        return context


@pytest.fixture
async def site(school: School, litestar_app: Litestar, browser: Browser) -> AsyncIterator[Site]:  # noqa: F811
    """The school as browsers see it."""
    host = f"{school.tenant.slug}.localhost"
    async with school.deployment.operator_session(None, "test") as db:
        await db.run(_AT_HOME, host=host, tenant_id=school.id)
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(served(litestar_app), lifespan="off", log_config=None, access_log=False)
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        port = urlsplit(f"//{host}:{listening.getsockname()[1]}").port
        yield Site(f"http://{host}:{port}", school, browser)
    finally:
        server.should_exit = True
        await running
        listening.close()
