"""A plugin that only leaves traces, for the tests of background work; run as a program it is a worker or a publisher.

What a listener or task does is told by the event or payload itself, so that one worker serves every test.
"""

import asyncio
import signal
import sys
from collections.abc import Sequence
from typing import ClassVar
from uuid import UUID

import asyncpg
import msgspec
from sqlalchemy import text

from kernel.app import create_deployment, opened
from kernel.db import Db, Origin
from kernel.deployment import Deployment
from kernel.events import Event, Listener, publish
from kernel.hookspecs import hookimpl
from kernel.plugin import LoadedPlugin, Plugin
from kernel.settings import Settings, load_settings
from kernel.tasks import AnyTask, NoPayload, Task, TaskContext
from kernel.worker import run_worker

_LEAVE_TRACE = text("INSERT INTO probe.traces (listener, key) VALUES (CAST(:listener AS text), CAST(:key AS text))")
_TABLES = """
    CREATE SCHEMA IF NOT EXISTS probe;
    CREATE TABLE IF NOT EXISTS probe.traces (
        tenant_id uuid NOT NULL DEFAULT nullif(current_setting('app.tenant', true), '')::uuid,
        actor_id text NOT NULL DEFAULT current_setting('app.actor', true),
        request_id text NOT NULL DEFAULT current_setting('app.request', true),
        listener text NOT NULL,
        key text NOT NULL);
    ALTER TABLE probe.traces ENABLE ROW LEVEL SECURITY;
    DROP POLICY IF EXISTS tenant ON probe.traces;
    CREATE POLICY tenant ON probe.traces
        USING (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid);
    GRANT USAGE ON SCHEMA probe TO collegium_app;
    GRANT SELECT, INSERT ON probe.traces TO collegium_app;
"""


class Happened(Event, frozen=True, kw_only=True):
    """What the listeners hear; `act` is what they shall do."""

    name: ClassVar[str] = "probe.thing.happened"

    key: str
    act: str = "leave a trace"


class Unheard(Event, frozen=True, kw_only=True):
    """Nobody listens for it."""

    name: ClassVar[str] = "probe.thing.unheard"


class Errand(msgspec.Struct, frozen=True):
    """The payload of the tasks."""

    key: str
    act: str = "leave a trace"


class Trace(msgspec.Struct, frozen=True):
    """What a listener or task left."""

    tenant_id: UUID
    actor_id: str
    request_id: str
    listener: str
    key: str


async def leave_trace(db: Db, listener: str, key: str, act: str) -> None:
    """Write a row, then do what the act says."""
    await db.run(_LEAVE_TRACE, listener=listener, key=key)
    if act == "fail":
        raise ValueError(f"the secret of {key}")
    if act == "hang" and sys.argv[1:] == ["worker", "hanging"]:
        print("hanging", flush=True)
        await asyncio.Event().wait()
    if act.startswith("take "):
        await asyncio.sleep(float(act.removeprefix("take ")))


async def first(db: Db, event: Happened) -> None:
    """Do as the event says."""
    await leave_trace(db, "first", event.key, event.act)


async def second(db: Db, event: Happened) -> None:
    """Leave a trace whatever the event says."""
    await leave_trace(db, "second", event.key, "leave a trace")


async def run_errand(db: Db, errand: Errand) -> None:
    """Do as the payload says."""
    await leave_trace(db, "errand", errand.key, errand.act)


async def run_walk(context: TaskContext, errand: Errand) -> None:
    """Leave a trace in each of two transactions."""
    for step in ("there", "back"):
        async with context.transaction() as db:
            await leave_trace(db, step, errand.key, errand.act)


async def run_round(db: Db, _payload: NoPayload) -> None:
    """Leave a trace of the schedule."""
    await leave_trace(db, "round", "scheduled", "leave a trace")


ERRAND = Task(name="probe.errand", payload=Errand, handle=run_errand, attempts=2, timeout_s=20)
WALK = Task(name="probe.walk", payload=Errand, work=run_walk)
ROUND = Task(name="probe.round", payload=NoPayload, handle=run_round, schedule="0 0 1 1 *")
PLUGIN = Plugin(name="probe", version="1.0.0", kernel=">=1,<2", summary="Leaves traces.")


@hookimpl
def register_listeners() -> Sequence[Listener]:
    """Return two, so that one of them can fail."""
    return (Listener(Happened, "probe.first", first), Listener(Happened, "probe.second", second))


@hookimpl
def register_tasks() -> Sequence[AnyTask]:
    """Return one of each kind."""
    return (ERRAND, WALK, ROUND)


def background_deployment(settings: Settings) -> Deployment:
    """Return the parts of a process with this plugin alone."""
    return create_deployment(settings, [LoadedPlugin(PLUGIN, sys.modules[__name__])])


async def make_tables(superuser_url: str) -> None:
    """Make the table of traces."""
    connection = await asyncpg.connect(superuser_url.replace("+asyncpg", ""))
    try:
        await connection.execute(_TABLES)
    finally:
        await connection.close()


async def _work(settings: Settings) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with opened(settings, [LoadedPlugin(PLUGIN, sys.modules[__name__])]) as deployment:
        print("working", flush=True)
        await run_worker(deployment, stop)


async def _publish(settings: Settings, tenant_id: str, keys: list[str]) -> None:
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
