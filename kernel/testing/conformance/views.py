"""A school as the conformance suite looks at it, and what it sees."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple, TypeAlias
from uuid import UUID

import httpx

from kernel.boot_checks import API
from kernel.db import Database, Db, Origin
from kernel.deployment import Deployment
from kernel.tenancy import Tenant
from kernel.testing.apps import App
from kernel.testing.people import Person
from kernel.testing.schools import School

Ask: TypeAlias = Callable[[School, str, str, Mapping[str, str]], Awaitable[httpx.Response]]
"""Sends a request to one server process: for which school, method, path, headers."""


class Thing(NamedTuple):
    """Something that a plugin registered; `seen_through` are other plugins without which it cannot be looked at."""

    kind: str
    name: str
    plugin: str
    seen_through: tuple[str, ...] = ()


Seen: TypeAlias = dict[Thing, bool]


class View:
    """A school, somebody in it, and the ways to look at it."""

    def __init__(self, school: School, admin: Person | None, application: Ask, servers: Sequence[Ask]) -> None:
        self.school = school
        self._application = application
        self.deployment: Deployment = school.deployment
        self.servers = servers or (application,)
        self.credential: Mapping[str, str] = {}
        self.user_id: UUID | None = None
        if admin is not None:
            self.credential = {"Authorization": str(admin.client.headers["Authorization"])}
            self.user_id = admin.id
        self.plugins = frozenset(plugin.name for plugin in self.deployment.registry.plugins)
        """Whose things are looked at."""
        self.waiting: set[str] = set()
        """Tasks of which a job waits, because their plugin did not act when it was tried."""

    @classmethod
    async def of(cls, app: App, school: School, servers: Sequence[Ask]) -> "View":
        """Return the view of a school; somebody is signed in if a plugin keeps accounts."""
        has_accounts = app.deployment.registry.identity is not None
        admin = await school.person("admin") if has_accounts else None
        return cls(school, admin, await _application(school), servers)

    async def ask(self, method: str, path: str, headers: Mapping[str, str]) -> list[httpx.Response]:
        """Return the answer of each server process."""
        return [await server(self.school, method, path, headers) for server in self.servers]

    async def refresh(self) -> None:
        """Learn of a change as a server process does: by a request."""
        await self._application(self.school, "GET", API, {})
        self.school.tenant = await self.deployment.tenants.by_host(self.school.host)

    @property
    def tenant(self) -> Tenant:
        """The tenant as it is now."""
        return self.school.tenant

    @asynccontextmanager
    async def as_role(self, url: str, *, of_tenant: bool = True) -> AsyncIterator[Db]:
        """Open a transaction by another database role, committed at the end of the block."""
        database = Database(url, deployment=self.deployment, pool_size=1)
        origin = Origin(self.school.id if of_tenant else None, request_id="conformance")
        try:
            async with database.transaction(origin, self.tenant if of_tenant else None) as db:
                yield db
        finally:
            await database.close()

    @asynccontextmanager
    async def undone(self, url: str, *, of_tenant: bool = True) -> AsyncIterator[Db]:
        """Open a transaction by a database role and roll it back at the end."""
        try:
            async with self.as_role(url, of_tenant=of_tenant) as db:
                yield db
                raise _Undo
        except _Undo:
            pass


class _Undo(Exception):
    """Ends a transaction whose work is not to stay."""


Look: TypeAlias = Callable[[View], Awaitable[Seen]]


async def _application(school: School) -> Ask:
    """Return how to ask the application in this process."""
    client = await school.client()

    async def ask(school: School, method: str, path: str, headers: Mapping[str, str]) -> httpx.Response:
        return await client.request(method, f"http://{school.host}{path}", headers=dict(headers))

    return ask
