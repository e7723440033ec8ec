"""The pytest plugin for plugin authors: a real stack, a fresh school for each test, real commits.

Row-level security keeps schools apart, so a test needs no clean-up and sees what a second process would see
(ADR 0008). One PostgreSQL and one Valkey serve the whole run; each worker of pytest-xdist has a database of its own,
copied from one that the migrations built once.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zlib import crc32

import asyncpg
import httpx
import msgspec
import pytest
import structlog
from litestar import Litestar
from sqlalchemy import bindparam, insert
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TEXT

from kernel import clock, operations
from kernel.app import create_app, opened, served
from kernel.db import Db, Origin
from kernel.deployment import Deployment
from kernel.embedded import Stack, running_stack
from kernel.embedded.lock import start_lock
from kernel.ids import new_id
from kernel.roles import role_statements
from kernel.settings import RateLimits, Settings
from kernel.statements import plan_for
from kernel.tables import tenant_hosts, tenants
from kernel.tenancy import Tenant

PASSWORD = "A-good-Password-1"  # noqa: S105 - of accounts that live as long as a test
UNLIMITED = {"security": {"rate_limits": dict.fromkeys(RateLimits.__struct_fields__, 1_000_000)}}
_ADD_TENANT = insert(tenants).values(
    id=bindparam("id"),
    slug=bindparam("slug"),
    name=bindparam("name"),
    plugins=bindparam("listed", type_=ARRAY(TEXT)),
    settings=bindparam("chosen", type_=JSONB),
)
_ADD_HOST = insert(tenant_hosts).values(host=bindparam("host"), tenant_id=bindparam("tenant_id"))


class Person:
    """A signed-in user of a school, with a client that carries the credential."""

    def __init__(self, user_id: UUID, role: str, email: str, client: httpx.AsyncClient) -> None:
        self.id = user_id
        self.role = role
        self.email = email
        self.client = client
        self.get, self.post, self.patch = client.get, client.post, client.patch
        self.put, self.delete, self.request = client.put, client.delete, client.request


class School:
    """A tenant of a test."""

    def __init__(self, deployment: Deployment, app: Any, tenant: Tenant, stack: AsyncExitStack) -> None:
        self.deployment = deployment
        self.tenant = tenant
        self.id = tenant.id
        self.host = tenant.host
        self._app = app
        self._stack = stack

    async def client(self, **headers: str) -> httpx.AsyncClient:
        """Return a client of this school that nobody is signed in to; paths are below `/api/v1`."""
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self._app),
            base_url=f"http://{self.host}/api/v1",
            headers=headers,
        )
        return await self._stack.enter_async_context(client)

    async def person(self, role: str, *, email: str | None = None, is_operator: bool = False) -> Person:
        """Make an account and sign it in through the API."""
        identity = self.deployment.registry.identity
        assert identity is not None, "no loaded plugin keeps accounts"
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
        return Person(user_id, role, address, client)

    @asynccontextmanager
    async def db(self, actor_id: UUID | None = None) -> AsyncIterator[Db]:
        """Open a transaction of this school, committed at the end of the block."""
        origin = Origin(self.id, actor_id, request_id="test")
        async with self.deployment.database.transaction(origin, self.tenant) as db:
            yield db


SchoolFactory = Callable[..., Awaitable[School]]


class OneLoop:
    """Every asynchronous test and fixture of a worker runs in one event loop, as its connections need."""

    @pytest.fixture(scope="session")
    @classmethod
    def anyio_backend(cls) -> str:
        """Return the kind of loop."""
        return "asyncio"


def pytest_configure(config: pytest.Config) -> None:
    """Register the loop after every installed plugin, or anyio's own fixture of that name might win."""
    config.pluginmanager.register(OneLoop(), "collegium-loop")
    # Without it structlog paints each traceback with its variables, which takes a second.
    processors: list[Any] = [structlog.processors.add_log_level, structlog.processors.format_exc_info]
    structlog.configure([*processors, structlog.dev.ConsoleRenderer(colors=False)])


@pytest.fixture(scope="session")
def run_worker_name(request: pytest.FixtureRequest) -> str:
    """The name of this worker of pytest-xdist; an empty one where there are none."""
    return str(getattr(request.config, "workerinput", {}).get("workerid", ""))


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, run_worker_name: str) -> Iterator[Stack]:
    """A real PostgreSQL and Valkey, shared by all workers of the run."""
    root = tmp_path_factory.getbasetemp()
    shared = root.parent if run_worker_name else root
    with running_stack(shared / "stack", temporary=True) as running:
        yield running


@pytest.fixture(scope="session")
def settings(stack: Stack, tmp_path_factory: pytest.TempPathFactory, run_worker_name: str) -> Settings:
    """Settings of a deployment with a database, a Redis number and a storage directory of this worker alone."""
    worker = run_worker_name or "gw0"
    number = int(worker.removeprefix("gw")) % 16
    settings = Settings(
        redis_url=f"{stack.redis_url}?db={number}",
        storage_url=tmp_path_factory.mktemp("storage").resolve().as_uri(),
        secret_keys=("a key for tests only long enough for that 0123456789",),
        data_dir=stack.data_dir,
        password_hash_cost=4,
        outbound_allow=("127.0.0.1",),  # servers of the tests themselves
        log_level="error",
    )
    return at_database(settings, stack, f"test_{worker}")


@pytest.fixture(scope="session")
async def database(anyio_backend: str, stack: Stack, settings: Settings) -> str:
    """This worker's database, as the migrations of every installed plugin leave it; the app role's address."""
    await make_database(stack, settings)
    return settings.database_url


def at_database(settings: Settings, stack: Stack, name: str) -> Settings:
    """Return the settings with every role's address leading to another database of the stack."""
    addresses = {role: _at(url, name) for role, url in stack.database_urls.items()}
    return msgspec.structs.replace(
        settings,
        database_url=addresses["app"],
        worker_database_url=addresses["worker"],
        operator_database_url=addresses["operator"],
        owner_database_url=addresses["owner"],
    )


async def make_database(stack: Stack, settings: Settings) -> None:
    """Make the database of these settings anew, with one tenant, copied from a template that is migrated once a run."""
    template = f"template_{crc32(repr(settings.plugins).encode()):08x}"
    with start_lock(stack.data_dir):
        marker = stack.data_dir / f"{template}.ready"
        if not marker.exists():
            await _copy(stack, "template1", template)
            await operations.migrate(at_database(settings, stack, template))
            marker.touch()
        await _copy(stack, template, _name_in(settings.database_url))


async def _copy(stack: Stack, source: str, name: str) -> None:
    connection = await asyncpg.connect(stack.database_urls["superuser"].replace("+asyncpg", ""))
    try:
        await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        # By file copy: the default writes the whole template into the log.
        await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{source}" STRATEGY file_copy')
        # Rights on the database itself are not copied.
        for statement in role_statements({}, database=name):
            await connection.execute(statement)
    finally:
        await connection.close()


def _name_in(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]


def _at(url: str, database: str) -> str:
    """Return the address of another database of the same server."""
    before, mark, query = url.partition("?")
    return before.rpartition("/")[0] + f"/{database}{mark}{query}"


@pytest.fixture(scope="session")
async def deployment(database: str, settings: Settings) -> AsyncIterator[Deployment]:
    """The parts of a process with every installed plugin."""
    async with opened(settings) as deployment:
        yield deployment


@pytest.fixture(scope="session")
async def litestar_app(deployment: Deployment) -> Litestar:
    """The web application of that deployment."""
    return create_app(deployment)


async def make_school(
    deployment: Deployment,
    app: Any,
    stack: AsyncExitStack,
    settings: dict[str, Any] | None = None,
    plugins: list[str] | None = None,
) -> School:
    """Make a tenant with a host of its own; limits are out of the way unless its settings say otherwise.

    Args:
        deployment: Where.
        app: The served application.
        stack: Closes its clients.
        settings: By category.
        plugins: Those switched on; every loaded one when absent.
    """
    slug = f"school-{new_id().hex[-16:]}"
    tenant_id = new_id()
    async with deployment.operator_session(None, "test") as db:
        chosen = {**UNLIMITED, **(settings or {})}
        await db.run(_ADD_TENANT, id=tenant_id, slug=slug, name="School", listed=plugins, chosen=chosen)
        await db.run(_ADD_HOST, host=f"{slug}.test", tenant_id=tenant_id)
    tenant = await deployment.tenants.by_host(f"{slug}.test")
    return School(deployment, app, tenant, stack)


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


class FakeClock:
    """Moves the present moment of `kernel.clock`; PostgreSQL and Redis keep their own time."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def now(self) -> datetime:
        """Return the moved present."""
        return _real_now() + self._ahead

    def advance(self, **duration: float) -> None:
        """Move on: `advance(minutes=16)`."""
        self._ahead += timedelta(**duration)


_real_now = clock.clock.source


@pytest.fixture
def fake_clock() -> Iterator[FakeClock]:
    """A clock to move; the real one comes back afterwards."""
    fake = FakeClock()
    clock.clock.source = fake.now
    yield fake
    clock.clock.source = _real_now


@pytest.fixture
def query_count(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """A function that returns how many statements ran through `Db` since the test began."""
    ran = 0

    def counted(statement: Any) -> Any:
        nonlocal ran
        ran += 1
        return plan_for(statement)

    monkeypatch.setattr("kernel.db.plan_for", counted)
    return lambda: ran
