"""Schools: a fresh tenant for each test, a second one beside it, and who comes to it.

The application that they are made in is `kernel.testing.apps`; what happens in the background is
`kernel.testing.settling`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import UUID

import httpx
import pytest
from litestar import Litestar
from sqlalchemy import bindparam, insert
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TEXT

from kernel.activation import switch
from kernel.app import served
from kernel.auth import Actor
from kernel.categories import RateLimits
from kernel.choices import Secrets, changed
from kernel.db import Db, Origin
from kernel.deployment import Deployment
from kernel.ids import new_id
from kernel.shapes import struct_shape
from kernel.tables import tenant_hosts, tenants
from kernel.tenancy import Tenant
from kernel.testing.audit import AuditEntry, audit_entries
from kernel.testing.people import PASSWORD, Person
from kernel.testing.settling import bring_forward, settle_tenant

UNLIMITED = {"security": {"rate_limits": dict.fromkeys(RateLimits.__struct_fields__, 1_000_000)}}
_ADD_TENANT = insert(tenants).values(
    id=bindparam("id"),
    slug=bindparam("slug"),
    name=bindparam("name"),
    plugins=bindparam("listed", type_=ARRAY(TEXT)),
    settings=bindparam("chosen", type_=JSONB),
)
_ADD_HOST = insert(tenant_hosts).values(host=bindparam("host"), tenant_id=bindparam("tenant_id"))


class School:
    """A tenant of a test."""

    def __init__(self, deployment: Deployment, asgi: Any, tenant: Tenant, stack: AsyncExitStack) -> None:
        self.deployment = deployment
        self.tenant = tenant
        self.id = tenant.id
        self.host = tenant.host
        self._asgi = asgi
        self._stack = stack

    async def client(self, **headers: str) -> httpx.AsyncClient:
        """Return a client of this school that nobody is signed in to; paths are below `/api/v1`."""
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self._asgi),
            base_url=f"http://{self.host}/api/v1",
            headers=headers,
        )
        return await self._stack.enter_async_context(client)

    async def person(self, role: str, *, email: str | None = None, is_operator: bool = False) -> Person:
        """Make an account and sign it in through the API."""
        identity = self.deployment.registry.identity
        assert identity is not None, "no loaded plugin keeps accounts: load 'auth' too"
        address = email or f"{role}-{new_id().hex[-12:]}@{self.host}"
        async with self.db() as db:
            user_id = await identity.create_user(
                db,
                email=address,
                password=PASSWORD,
                role=role,
                first_name=role.title(),
                last_name="Test",
                is_operator=is_operator,
            )
        client = await self.client()
        answer = await client.post("/auth/login", json={"email": address, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        client.cookies.clear()
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        actor = Actor(self.id, user_id, role, grants=self.tenant.grants(role), is_operator=is_operator)
        return Person(actor, address, client)

    @asynccontextmanager
    async def db(self, actor_id: UUID | None = None) -> AsyncIterator[Db]:
        """Open a transaction of this school, committed at the end of the block."""
        origin = Origin(self.id, actor_id, request_id="test")
        async with self.deployment.database.transaction(origin, self.tenant) as db:
            yield db

    async def settle(self, *, may_fail: bool = False) -> list[str]:
        """Deliver the events that are due and run the tasks that are due, and what these bring about, to the end.

        Args:
            may_fail: Return what failed, a sentence each, for tests of a failure; else a failure fails the test.
        """
        failures = await settle_tenant(self.deployment, self.id)
        if failures and not may_fail:
            raise AssertionError("\n".join(failures))
        return failures

    async def bring_forward(self) -> None:
        """Make due what waits for its time in this school: delayed tasks, and what failed and is to be tried again."""
        await bring_forward(self.deployment, self.id)

    async def audit_log(self, table: str | None = None) -> list[AuditEntry]:
        """Return what the audit log says, oldest first, of one `schema.table` or of all."""
        async with self.db() as db:
            return await audit_entries(db, table)

    async def switch_on(self, *plugins: str) -> None:
        """Switch plugins on for this school, as its administrator does; what they count anew waits for `settle`."""
        await self._switch(enable=plugins)

    async def switch_off(self, *plugins: str) -> None:
        """Switch plugins off for this school; what requires them stops acting too."""
        await self._switch(disable=plugins)

    async def _switch(self, **names: tuple[str, ...]) -> None:
        async with self.deployment.operator_session(None, "test") as db:
            await switch(db, self.id, enable=names.get("enable", ()), disable=names.get("disable", ()))
        self.tenant = await self.deployment.tenants.by_id(self.id, version=self.tenant.version + 1)


SchoolFactory = Callable[..., Awaitable[School]]
Settle = Callable[..., Awaitable[list[str]]]


async def make_school(
    deployment: Deployment,
    asgi: Any,
    stack: AsyncExitStack,
    settings: dict[str, Any] | None = None,
    plugins: list[str] | None = None,
) -> School:
    """Make a tenant with a host of its own; limits are out of the way unless its settings say otherwise.

    Args:
        deployment: Where.
        asgi: The served application.
        stack: Closes its clients.
        settings: By category, secrets in plain text.
        plugins: Those switched on; every loaded one when absent.
    """
    slug = f"school-{new_id().hex[-16:]}"
    tenant_id = new_id()
    async with deployment.operator_session(None, "test") as db:
        chosen = _stored({**UNLIMITED, **(settings or {})}, deployment, tenant_id)
        await db.run(_ADD_TENANT, id=tenant_id, slug=slug, name="School", listed=plugins, chosen=chosen)
        await db.run(_ADD_HOST, host=f"{slug}.test", tenant_id=tenant_id)
    tenant = await deployment.tenants.by_host(f"{slug}.test")
    return School(deployment, asgi, tenant, stack)


def _stored(settings: dict[str, Any], deployment: Deployment, tenant_id: UUID) -> dict[str, Any]:
    """Return chosen settings as they are stored: with their secrets encrypted."""
    secrets = Secrets(deployment.keyring, tenant_id)
    sealed = {
        spec.category: changed(spec, {}, settings[spec.category], secrets)
        for spec in deployment.registry.settings
        if spec.category in settings and struct_shape(spec.kind).has_secrets
    }
    return {**settings, **sealed}


@pytest.fixture
async def new_school(deployment: Deployment, litestar_app: Litestar) -> AsyncIterator[SchoolFactory]:
    """Make tenants by calling it, with `settings` and `plugins` if they matter."""
    async with AsyncExitStack() as stack:

        async def make(settings: dict[str, Any] | None = None, plugins: list[str] | None = None) -> School:
            return await make_school(deployment, served(litestar_app), stack, settings, plugins)

        yield make


@pytest.fixture
async def school(new_school: SchoolFactory) -> School:
    """A fresh tenant."""
    return await new_school()


@pytest.fixture
async def other_school(new_school: SchoolFactory) -> School:
    """A second tenant, to prove that nothing crosses."""
    return await new_school()


@pytest.fixture
async def admin(school: School) -> Person:
    """An administrator of the school, signed in."""
    return await school.person("admin")


@pytest.fixture
async def instructor(school: School) -> Person:
    """An instructor of the school, signed in."""
    return await school.person("instructor")


@pytest.fixture
async def student(school: School) -> Person:
    """A student of the school, signed in."""
    return await school.person("student")


@pytest.fixture
async def operator(school: School) -> Person:
    """Somebody who runs the whole deployment, signed in to the school as an administrator."""
    return await school.person("admin", is_operator=True)


@pytest.fixture
async def anonymous(school: School) -> httpx.AsyncClient:
    """A client of the school to whom nobody is signed in."""
    return await school.client()


@pytest.fixture
def settle(school: School) -> Settle:
    """Deliver due events and run due tasks of the school to the end, by calling it."""
    return school.settle
