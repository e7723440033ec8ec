"""A plugin that only leaves traces, for the tests of background work; run as a program it is a worker or a publisher.

What a listener or a task does is told by the event or the payload, so that one worker serves every test.
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, ClassVar
from uuid import UUID

import asyncpg
import msgspec
from sqlalchemy import text

from kernel.app import opened
from kernel.db import Database, Db, Origin
from kernel.deployment import Deployment
from kernel.dispatch import Dispatcher
from kernel.embedded import Stack
from kernel.errors import Conflict
from kernel.events import Event, Listener, publish
from kernel.hookspecs import hookimpl
from kernel.ids import new_id
from kernel.plugin import LoadedPlugin, Plugin
from kernel.settings import Settings, load_settings
from kernel.tasks import AnyTask, NoPayload, Task, TaskContext
from kernel.tenancy import Tenant
from kernel.testing import at_database, make_database
from kernel.worker import run_worker

_LEAVE_TRACE = text("INSERT INTO probe.traces (who, key) VALUES (CAST(:who AS text), CAST(:key AS text))")
_TABLES = """
    CREATE SCHEMA IF NOT EXISTS probe;
    CREATE TABLE IF NOT EXISTS probe.traces (
        tenant_id uuid NOT NULL DEFAULT nullif(current_setting('app.tenant', true), '')::uuid,
        actor text NOT NULL DEFAULT current_setting('app.actor', true),
        request text NOT NULL DEFAULT current_setting('app.request', true),
        who text NOT NULL,
        key text NOT NULL);
    ALTER TABLE probe.traces ENABLE ROW LEVEL SECURITY;
    DROP POLICY IF EXISTS tenant ON probe.traces;
    CREATE POLICY tenant ON probe.traces
        USING (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid);
    CREATE TABLE IF NOT EXISTS probe.names (name text PRIMARY KEY);
    GRANT USAGE ON SCHEMA probe TO collegium_app;
    GRANT SELECT, INSERT ON probe.traces TO collegium_app;
"""
PATIENCE_S = 30.0
IS_HANGING_WORKER = sys.argv[1:] == ["worker", "hanging"]


class Happened(Event, frozen=True, kw_only=True):
    """What the listeners hear; `act` is what the first of them shall do."""

    name: ClassVar[str] = "probe.thing.happened"

    key: str
    act: str = ""


class Unheard(Event, frozen=True, kw_only=True):
    """Nobody listens for it."""

    name: ClassVar[str] = "probe.thing.unheard"


class Errand(msgspec.Struct, frozen=True):
    """The payload of the tasks."""

    key: str
    act: str = ""


async def leave_trace(db: Db, who: str, key: str, act: str = "") -> None:
    """Write a row, then do what the act says."""
    await db.run(_LEAVE_TRACE, who=who, key=key)
    if act == "fail":
        raise ValueError(f"the secret of {key}")
    if act == "refuse":
        raise Conflict("The shop is closed.")
    if act == "hang" and IS_HANGING_WORKER:
        print("hanging", flush=True)
        await asyncio.Event().wait()
    if act.startswith("take "):
        await asyncio.sleep(float(act.removeprefix("take ")))


async def hear_first(db: Db, event: Happened) -> None:
    """Do as the event says."""
    await leave_trace(db, "first", event.key, event.act)


async def hear_second(db: Db, event: Happened) -> None:
    """Leave a trace whatever the event says."""
    await leave_trace(db, "second", event.key)


async def run_errand(db: Db, errand: Errand) -> dict[str, str] | None:
    """Do as the payload says."""
    await leave_trace(db, "errand", errand.key, errand.act)
    if errand.act.startswith("return"):
        return {"key": errand.key * (100_000 if "too much" in errand.act else 1)}
    return None


async def walk(context: TaskContext, errand: Errand) -> None:
    """Leave a trace in each of two transactions."""
    for number, who in enumerate(("there", "back"), start=1):
        await context.progress(number, 2, who)
        async with context.transaction() as db:
            await leave_trace(db, who, errand.key, errand.act)


async def make_round(db: Db, _payload: NoPayload) -> None:
    """Leave a trace of the schedule."""
    await leave_trace(db, "round", "scheduled")


ERRAND = Task(name="probe.errand", payload=Errand, handle=run_errand, attempts=2)
HASTE = Task(name="probe.haste", payload=Errand, handle=run_errand, attempts=1, timeout_s=0.1)
WALK = Task(name="probe.walk", payload=Errand, work=walk)
ROUND = Task(name="probe.round", payload=NoPayload, handle=make_round, schedule="0 0 1 1 *")
PLUGIN = Plugin(name="probe", version="1.0.0", kernel=">=1,<2", summary="Leaves traces.")


@hookimpl
def register_listeners() -> Sequence[Listener]:
    """Return two, so that one can fail and the other go on."""
    return (Listener(Happened, "probe.first", hear_first), Listener(Happened, "probe.second", hear_second))


async def count_anew(db: Db) -> None:
    """Leave a trace of the rebuild."""
    await leave_trace(db, "rebuild", "all")


@hookimpl
def register_rebuild() -> Callable[[Db], Awaitable[None]]:
    """Return what runs when the plugin is switched on."""
    return count_anew


@hookimpl
def register_tasks() -> Sequence[AnyTask]:
    """Return one of each kind."""
    return (ERRAND, HASTE, WALK, ROUND)


class Stage:
    """A deployment with this plugin alone, one of its tenants, and connections that look behind the scenes."""

    def __init__(self, deployment: Deployment, tenant: Tenant) -> None:
        self.deployment = deployment
        self.tenant = tenant

    async def connect(self) -> None:
        """Open the connections that look behind the scenes."""
        settings = self.deployment.settings
        self.worker = await asyncpg.connect(settings.worker_database_url.replace("+asyncpg", ""))
        self.owner = await asyncpg.connect(settings.owner_database_url.replace("+asyncpg", ""))

    async def disconnect(self) -> None:
        """Close them."""
        await self.worker.close()
        await self.owner.close()

    @asynccontextmanager
    async def db(self, tenant: Tenant | None = None, actor_id: UUID | None = None) -> AsyncIterator[Db]:
        """Open a transaction as a request would."""
        tenant = tenant or self.tenant
        origin = Origin(tenant.id, actor_id, request_id="request-1")
        async with self.deployment.database.transaction(origin, tenant) as db:
            yield db

    async def publish(self, *keys: str, act: str = "") -> None:
        """Publish an event for each key, in one transaction."""
        async with self.db() as db:
            for key in keys:
                await publish(db, Happened(key=key, act=act))

    async def traces(self, *, of: Tenant | None = None) -> list[tuple[str, str]]:
        """Return who left a trace in the tenant, and under which key."""
        rows = await self.owner.fetch(
            "SELECT who, key FROM probe.traces WHERE tenant_id = $1 ORDER BY who, key", (of or self.tenant).id
        )
        return [tuple(row) for row in rows]

    async def outbox(self, columns: str = "listener, attempts") -> list[tuple[Any, ...]]:
        """Return the rows that wait in the tenant."""
        rows = await self.worker.fetch(
            f"SELECT {columns} FROM kernel.outbox WHERE tenant_id = $1 ORDER BY listener, id", self.tenant.id
        )
        return [tuple(row) for row in rows]

    async def jobs(self, columns: str = "entrypoint, status, attempts") -> list[tuple[Any, ...]]:
        """Return the jobs of this plugin, of every tenant."""
        rows = await self.worker.fetch(
            f"SELECT {columns} FROM queue.pgqueuer WHERE entrypoint LIKE 'probe.%' ORDER BY id"
        )
        return [tuple(row) for row in rows]

    async def make_due(self) -> None:
        """Bring forward what waits."""
        await self.worker.execute("UPDATE kernel.outbox SET available_at = now() WHERE tenant_id = $1", self.tenant.id)
        await self.worker.execute("UPDATE queue.pgqueuer SET execute_after = now() WHERE status = 'queued'")

    async def switch_plugins(self, *names: str) -> None:
        """Choose the tenant's plugins, as an operator does, and learn of it."""
        async with self.deployment.operator_session(None, "test") as db:
            driver = await db.driver()
            await driver.execute(
                "UPDATE kernel.tenants SET plugins = $1, version = version + 1 WHERE id = $2", names, self.tenant.id
            )
        self.tenant = await self.deployment.tenants.by_id(self.tenant.id, version=self.tenant.version + 1)

    async def switch_tenant_off(self) -> None:
        """Switch the tenant off, as an operator does."""
        async with self.deployment.operator_session(None, "test") as db:
            driver = await db.driver()
            await driver.execute(
                "UPDATE kernel.tenants SET is_active = false, version = version + 1 WHERE id = $1", self.tenant.id
            )

    async def new_tenant(self) -> Tenant:
        """Make a tenant."""
        tenant_id = new_id()
        async with self.deployment.operator_session(None, "test") as db:
            driver = await db.driver()
            await driver.execute(
                "INSERT INTO kernel.tenants (id, slug, name) VALUES ($1, $2, 'Stage')",
                tenant_id,
                f"stage-{tenant_id.hex[-16:]}",
            )
        return await self.deployment.tenants.by_id(tenant_id)


async def background_settings(stack: Stack, settings: Settings) -> Settings:
    """Make a database without any installed plugin; return the settings that lead to it."""
    name = f"background_{settings.database_url.partition('?')[0].rpartition('_')[2]}"
    settings = msgspec.structs.replace(settings, plugins=(), secret_keys=("k" * 32,))
    settings = at_database(settings, stack, name)
    await make_database(stack, settings)
    return settings


@asynccontextmanager
async def staged(settings: Settings) -> AsyncIterator[Stage]:
    """Give a stage on an empty outbox and queue."""
    async with opened(settings, [LoadedPlugin(PLUGIN, sys.modules[__name__])]) as deployment:
        stage = Stage(deployment, await deployment.tenants.by_slug("default"))
        await stage.connect()
        try:
            await stage.owner.execute(_TABLES)
            await stage.worker.execute("DELETE FROM kernel.outbox WHERE listener LIKE 'probe.%'")
            await stage.worker.execute("DELETE FROM queue.pgqueuer WHERE entrypoint LIKE 'probe.%'")
            await stage.worker.execute("DELETE FROM queue.pgqueuer_schedules WHERE entrypoint LIKE 'probe.%'")
            stage.tenant = await stage.new_tenant()
            yield stage
        finally:
            await stage.disconnect()


@asynccontextmanager
async def dispatching(stage: Stage, *, lanes: int = 5) -> AsyncIterator[Dispatcher]:
    """Give a dispatcher with connections of its own, which does nothing yet."""
    database = Database(stage.deployment.settings.worker_database_url, deployment=stage.deployment, pool_size=lanes + 2)
    dispatcher = Dispatcher(stage.deployment, database, lanes=lanes)
    try:
        yield dispatcher
    finally:
        await dispatcher.drain(0)
        await database.close()


@asynccontextmanager
async def working(stage: Stage) -> AsyncIterator[asyncio.Event]:
    """Run a worker in this process; give what stops it."""
    stop = asyncio.Event()
    running = asyncio.create_task(run_worker(stage.deployment, stop))
    try:
        yield stop
    finally:
        stop.set()
        await asyncio.wait_for(running, PATIENCE_S)


@contextmanager
def process(settings: Settings, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """Run this module as a program, from its first line of output on; kill -9 ends it."""
    started = subprocess.Popen(
        [sys.executable, "-m", __name__, *arguments],
        env={**os.environ, **settings.environment()},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert started.stdout is not None
    try:
        assert started.stdout.readline() == {"worker": "working\n", "publish": "committed\n"}[arguments[0]]
        yield started
    finally:
        started.kill()
        started.wait()
        started.stdout.close()


async def until(condition: Callable[[], Any]) -> None:
    """Wait until what the coroutine function returns is true."""
    async with asyncio.timeout(PATIENCE_S):
        while not await condition():  # noqa: ASYNC110 - another process decides
            await asyncio.sleep(0.02)


async def _work(settings: Settings) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with opened(settings, [LoadedPlugin(PLUGIN, sys.modules[__name__])]) as deployment:
        print("working", flush=True)
        await run_worker(deployment, stop)


async def _publish(settings: Settings, tenant_id: str, keys: Sequence[str]) -> None:
    async with opened(settings, [LoadedPlugin(PLUGIN, sys.modules[__name__])]) as deployment:
        tenant = await deployment.tenants.by_id(UUID(tenant_id))
        async with deployment.database.transaction(Origin(tenant.id), tenant) as db:
            for key in keys:
                await publish(db, Happened(key=key))
        print("committed", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    if sys.argv[1] == "worker":
        asyncio.run(_work(load_settings()))
    else:
        asyncio.run(_publish(load_settings(), sys.argv[2], sys.argv[3:]))
