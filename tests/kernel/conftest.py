"""What the kernel's tests share: a database with the lab's tables, two processes' worth of deployments, schools."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from types import ModuleType
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
from litestar import get
from litestar.handlers import HTTPRouteHandler

from kernel.app import create_app, opened, served
from kernel.auth import public
from kernel.db import Db
from kernel.deployment import Deployment
from kernel.embedded import Stack
from kernel.hookspecs import hookimpl
from kernel.ids import new_id
from kernel.migrate import upgrade
from kernel.plugin import LoadedPlugin, Plugin
from kernel.registry import load_registry
from kernel.settings import Settings
from kernel.testing import School, at_database, make_database, make_school
from tests.kernel.lab import plugin as lab_plugin
from tests.kernel.lab import statements
from tests.s3 import s3_server

__all__ = ["s3_server"]

LAB = LoadedPlugin(lab_plugin.PLUGIN, lab_plugin)


def annex() -> LoadedPlugin:
    """Return a second plugin, which requires the lab and has one route."""

    @get("/annex/open", guards=[public], operation_id="annex_open")
    async def annex_open(db: Db) -> dict[str, str]:
        """Say where this is."""
        return {"tenant": db.tenant.slug}

    @hookimpl
    def register_routes() -> list[HTTPRouteHandler]:
        return [annex_open]

    module = ModuleType("annex.plugin")
    module.__file__ = "/site/annex/plugin.py"
    vars(module)["register_routes"] = register_routes
    manifest = Plugin(name="annex", version="1.0.0", kernel=">=1,<2", requires=("lab",), summary="More of the lab.")
    return LoadedPlugin(manifest, module)


class Process:
    """A deployment with its application, as a server process has it."""

    def __init__(self, deployment: Deployment, stack: AsyncExitStack) -> None:
        self.deployment = deployment
        self.app = served(create_app(deployment))
        self._stack = stack

    async def school(self, settings: dict[str, Any] | None = None, plugins: list[str] | None = None) -> School:
        """Make a tenant."""
        return await make_school(self.deployment, self.app, self._stack, settings, plugins)

    async def client(self, school: School, *, address: str = "203.0.113.9", **headers: str) -> httpx.AsyncClient:
        """Return a client of the school that asks this process, from an address."""
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self.app, client=(address, 50_000)),
            base_url=f"http://{school.host}/api/v1",
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )
        return await self._stack.enter_async_context(client)


class SignedIn(msgspec.Struct, frozen=True):
    """A session, its user and the access token."""

    user_id: UUID
    session_id: UUID
    token: str

    @property
    def headers(self) -> dict[str, str]:
        """The header that carries the token."""
        return {"Authorization": f"Bearer {self.token}"}


async def sign_in(school: School, role: str) -> SignedIn:
    """Make a session in PostgreSQL and its access token; Redis learns of it by the first request."""
    user_id, session_id = new_id(), new_id()
    async with school.db() as db:
        await db.run(statements.ADD_SESSION, id=session_id, user_id=user_id, role=role)
    token, _ = school.deployment.tokens.issue(
        user_id=user_id, tenant_id=school.id, session_id=session_id, role=role, patterns=[]
    )
    return SignedIn(user_id, session_id, token)


@pytest.fixture(scope="session")
async def lab_settings(anyio_backend: str, stack: Stack, settings: Settings, run_worker_name: str) -> Settings:
    """Settings whose database has the kernel's tables and the lab's, and none of an installed plugin."""
    bare = msgspec.structs.replace(settings, plugins=())
    name = f"lab_{run_worker_name or 'gw0'}"
    return await lab_database(stack, bare, name)


async def lab_database(stack: Stack, settings: Settings, name: str) -> Settings:
    found = at_database(settings, stack, name)
    await make_database(stack, found)
    await upgrade(found.owner_database_url, load_registry([LAB])[0].migration_chains())
    return found


@asynccontextmanager
async def process(settings: Settings) -> AsyncIterator[Process]:
    """Give a process with the lab and its annex."""
    async with opened(settings, [LAB, annex()]) as deployment, AsyncExitStack() as stack:
        yield Process(deployment, stack)


@pytest.fixture(scope="session")
async def lab(lab_settings: Settings) -> AsyncIterator[Process]:
    """A process with the lab."""
    async with process(lab_settings) as made:
        yield made


@pytest.fixture(scope="session")
async def second_lab(lab_settings: Settings) -> AsyncIterator[Process]:
    """A second process of the same deployment."""
    async with process(lab_settings) as made:
        yield made


@pytest.fixture
async def school(lab: Process) -> School:
    """A fresh tenant of the lab."""
    return await lab.school()


@pytest.fixture
async def client(lab: Process, school: School) -> httpx.AsyncClient:
    """A client of that tenant to whom nobody is signed in."""
    return await lab.client(school)


@pytest.fixture
async def lone_lab(stack: Stack, lab_settings: Settings, run_worker_name: str) -> AsyncIterator[Process]:
    """A process whose database holds the default tenant alone."""
    settings = await lab_database(stack, lab_settings, f"lone_{run_worker_name or 'gw0'}")
    async with process(settings) as made:
        yield made
