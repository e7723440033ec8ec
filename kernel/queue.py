"""PgQueuer: finds due jobs and schedules, says that jobs are alive, and keeps its log short.

What becomes of a job is `kernel.jobs`; starting this again when PostgreSQL was away is `kernel.worker`.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder, QuerySchedulerBuilder
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.core.qm import QueueManager
from pgqueuer.core.sm import SchedulerManager
from pgqueuer.domain import models
from pgqueuer.domain.settings import DBSettings
from pgqueuer.domain.types import Channel
from sqlalchemy import column, text

from kernel import audit, idempotency, task_runs
from kernel.db import Database, Db, Origin
from kernel.deployment import Deployment
from kernel.jobs import JobRunner, Picked
from kernel.mail.outgoing import MAIL_TASKS
from kernel.tasks import AnyTask, NoPayload, Task, enqueue_for_each

SIDE_BY_SIDE = 10
"""Jobs that one process runs at the same time."""
_BATCH = 5
_POLL = timedelta(seconds=2)
_HEARTBEAT = timedelta(seconds=30)
_ROLLBACK_S = 5
# Why a held job failed is kept for as long as it is held.
_PRUNE_LOG = text("""
    DELETE FROM queue.pgqueuer_log AS old WHERE aggregated AND created < now() - interval '7 days'
    AND NOT EXISTS (SELECT FROM queue.pgqueuer AS held WHERE held.id = old.job_id AND held.status = 'failed')
""")
_TENANTS = text("SELECT id, plugins FROM kernel.active_tenants()").columns(column("id"), column("plugins"))

# Every name is given, because PgQueuer takes what is left out from the environment.
NAMES = DBSettings(
    db_schema="queue",
    prefix="",
    channel=Channel("ch_pgqueuer"),
    function="fn_pgqueuer_changed",
    statistics_table="pgqueuer_statistics",
    queue_status_type="pgqueuer_status",
    queue_table="pgqueuer",
    queue_table_log="pgqueuer_log",
    trigger="tg_pgqueuer_changed",
    schedules_table="pgqueuer_schedules",
)


class ActiveTenant(msgspec.Struct, frozen=True):
    """A tenant for which schedules start."""

    id: UUID
    plugins: list[str] | None


async def _prune_log(db: Db, _payload: NoPayload) -> None:
    await db.run(_PRUNE_LOG)


async def _prune(db: Db, _payload: NoPayload) -> None:
    await task_runs.prune(db)
    await idempotency.prune(db)
    await audit.prune(db)


KERNEL_TASKS: tuple[AnyTask, ...] = (
    Task(
        name="kernel.prune_queue_log",
        title="Shorten the log of the queue",
        payload=NoPayload,
        handle=_prune_log,
        schedule="17 * * * *",
        per="deployment",
    ),
    Task(name="kernel.prune", title="Forget what is old", payload=NoPayload, handle=_prune, schedule="23 */6 * * *"),
    *MAIL_TASKS,
)


class _Queries(Queries):
    """PgQueuer's statements without its notes on how a job ended: the job's own transaction has written that."""

    async def log_jobs(self, job_status: Sequence[Any]) -> None:
        """Write nothing."""


class Queue:
    """Runs the jobs and schedules of a deployment; several processes may do so at the same time."""

    def __init__(self, deployment: Deployment, database: Database, *, grace_s: float = 15) -> None:
        self._deployment = deployment
        self._grace_s = grace_s
        self._database = database
        self._runner = JobRunner(deployment, database)
        self._tasks: tuple[AnyTask, ...] = (*KERNEL_TASKS, *deployment.registry.tasks)

    async def work(self, stop: asyncio.Event) -> None:
        """Run jobs until `stop` is set, then let the running ones end.

        Raises:
            ConnectionResetError: The connection was lost; running jobs were rolled back and go back into the queue.
        """
        address = self._deployment.settings.worker_database_url.replace("+asyncpg", "")
        connection = await asyncpg.connect(address, timeout=5, server_settings={"application_name": "collegium-queue"})
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _connection: lost.set())
        try:
            await self._supervise(AsyncpgDriver(connection), stop, lost)
        finally:
            with suppress(OSError, TimeoutError, asyncpg.InterfaceError):
                await connection.close(timeout=2)

    async def _supervise(self, driver: AsyncpgDriver, stop: asyncio.Event, lost: asyncio.Event) -> None:
        manager, scheduler = self._managers(driver)
        managers = [
            asyncio.create_task(
                manager.run(
                    dequeue_timeout=_POLL,
                    batch_size=_BATCH,
                    max_concurrent_tasks=SIDE_BY_SIDE,
                    heartbeat_timeout=_HEARTBEAT,
                    shutdown_on_listener_failure=True,
                )
            ),
            asyncio.create_task(scheduler.run()),
        ]
        signals = [asyncio.create_task(stop.wait()), asyncio.create_task(lost.wait())]
        try:
            await asyncio.wait([*managers, *signals], return_when=asyncio.FIRST_COMPLETED)
            manager.shutdown.set()
            scheduler.shutdown.set()
            # Once the connection is gone nobody hears that a job is alive, so another worker will start it again.
            await asyncio.wait(managers, timeout=0 if lost.is_set() else self._grace_s)
            self._runner.interrupt()
            await asyncio.wait(managers, timeout=_ROLLBACK_S)
        finally:
            self._runner.interrupt()
            for each in (*managers, *signals):
                each.cancel()
            outcomes = await asyncio.gather(*managers, *signals, return_exceptions=True)
        if lost.is_set():
            raise ConnectionResetError("the connection to PostgreSQL was lost")
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    def _managers(self, driver: AsyncpgDriver) -> tuple[QueueManager, SchedulerManager]:
        queries = _Queries(
            driver,
            qbe=QueryBuilderEnvironment(NAMES),
            qbq=QueryQueueBuilder(NAMES),
            qbs=QuerySchedulerBuilder(NAMES),
        )
        manager = QueueManager(queries, channel=NAMES.channel)
        scheduler = SchedulerManager(queries)
        for task in self._tasks:
            manager.entrypoint(task.name, accepts_context=False)(partial(self._run, task))
            if task.schedule is not None:
                scheduler.schedule(task.name, task.schedule, accepts_context=False)(partial(self._start, task))
        return manager, scheduler

    async def _run(self, task: AnyTask, job: models.Job) -> None:
        await self._runner.run(task, Picked(job.id, job.queue_manager_id, job.payload or b""))

    async def _start(self, task: AnyTask, _schedule: models.Schedule) -> None:
        async with self._database.transaction(Origin(tenant_id=None)) as db:
            await start_scheduled(db, task)


async def start_scheduled(db: Db, task: AnyTask) -> None:
    """Enqueue a task whose time has come: for each tenant where its plugin acts, or once.

    Args:
        db: Of the worker role.
        task: One with a schedule.
    """
    tenant_ids: list[UUID | None] = [None]
    if task.per == "tenant":
        acting = db.deployment.registry.acting
        tenants = await db.rows(ActiveTenant, _TENANTS)
        tenant_ids = [each.id for each in tenants if task.acts_among(acting(each.plugins))]
    await enqueue_for_each(db, task, task.payload(), tenant_ids, dedupe_key="schedule")
