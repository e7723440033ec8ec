"""What becomes of a job: its attempts, its end, its way back into the queue.

PgQueuer would note a job's end afterwards and by its id alone, so a crash in between or a second worker would run it
twice. Here every change asks whether the job is still ours, and the end of a task in one transaction is part of that
transaction. Who finds due jobs is `kernel.queue`; what a task is, `kernel.tasks`.
"""

import asyncio
from typing import Literal
from uuid import UUID

import msgspec
import structlog
from sqlalchemy import column, text

from kernel import task_runs
from kernel.db import Database, Db, Origin
from kernel.deployment import Deployment
from kernel.faults import describe
from kernel.metrics import TASK_SECONDS, TASKS
from kernel.tasks import AnyTask, Job, TaskContext, TaskPostponed, TaskRefused
from kernel.tenancy import Tenant, TenantUnknown
from kernel.tracing import work_span

log = structlog.get_logger(__name__)

_POSTPONED_S = 60
_OURS = "id = CAST(:id AS bigint) AND queue_manager_id = CAST(:manager AS uuid) AND status = 'picked'"
_COUNT = text(f"""
    UPDATE queue.pgqueuer SET attempts = attempts + 1 WHERE {_OURS}
    RETURNING attempts, (SELECT version FROM kernel.tenant_by_id(CAST(:tenant_id AS uuid)))
""").columns(column("number"), column("tenant_version"))  # noqa: S608 - from constants
_FINISH = text(f"""
    WITH ours AS (DELETE FROM queue.pgqueuer WHERE {_OURS} RETURNING id, entrypoint, priority)
    INSERT INTO queue.pgqueuer_log (job_id, status, entrypoint, priority)
    SELECT id, 'successful', entrypoint, priority FROM ours
""")  # noqa: S608 - from constants
_GIVE_UP = text(f"""
    WITH ours AS (
        UPDATE queue.pgqueuer
        SET status = CAST(:status AS queue.pgqueuer_status), attempts = attempts - CAST(:uncounted AS integer),
            execute_after = now() + CAST(:delay_s AS float) * (0.8 + 0.4 * random()) * interval '1 second',
            updated = now(), queue_manager_id = NULL
        WHERE {_OURS} RETURNING id, status, entrypoint, priority)
    INSERT INTO queue.pgqueuer_log (job_id, status, entrypoint, priority, traceback)
    SELECT id, status, entrypoint, priority, jsonb_build_object(
        'job_id', id, 'timestamp', now(), 'exception_type', '', 'exception_message', CAST(:reason AS text),
        'traceback', '', 'additional_context', NULL)
    FROM ours
""")  # noqa: S608 - from constants
Outcome = Literal["done", "failed", "held", "postponed"]
_decoder = msgspec.json.Decoder(Job)


class JobLost(Exception):
    """Another worker has taken the job over, so what this one did must not be committed."""


class Picked(msgspec.Struct, frozen=True):
    """A job that this process has been given, and by which of its managers."""

    id: int
    manager: UUID | None
    payload: bytes


class Attempt(msgspec.Struct, frozen=True):
    """The attempt that begins, counted from 1, and the version of the job's tenant."""

    number: int
    tenant_version: int | None


class JobRunner:
    """Runs the jobs that it is given, each in its tenant."""

    def __init__(self, deployment: Deployment, database: Database) -> None:
        self._deployment = deployment
        self._database = database
        self._running: set[asyncio.Task[None]] = set()

    async def run(self, task: AnyTask, picked: Picked) -> None:
        """Make one attempt and write what became of it. Raises nothing, so nobody else has to write anything."""
        attempt = asyncio.create_task(self._run(task, picked))
        self._running.add(attempt)
        attempt.add_done_callback(self._running.discard)
        try:
            await asyncio.wait([attempt])
        finally:
            attempt.cancel()

    def interrupt(self) -> None:
        """Roll back what is running; it goes back into the queue and the attempt does not count."""
        for attempt in self._running:
            attempt.cancel()

    async def _run(self, task: AnyTask, picked: Picked) -> None:
        try:
            job = _decoder.decode(picked.payload)
            structlog.contextvars.bind_contextvars(request_id=job.request_id)
            try:
                with TASK_SECONDS.labels(task.name).time(), work_span(f"task {task.name}", job.request_id):
                    outcome = await self._attempt(task, picked, job)
                TASKS.labels(task.name, outcome).inc()
            except asyncio.CancelledError:
                TASKS.labels(task.name, "interrupted").inc()
                await self._give_up(picked, job, "queued", "The worker was stopped.", uncounted=1)
        except JobLost:
            log.warning("job.lost", task=task.name, id=picked.id)
        except Exception as error:  # noqa: BLE001 - without heartbeats it is picked up again
            log.warning("job.interrupted", task=task.name, id=picked.id, reason=describe(error))

    async def _attempt(self, task: AnyTask, picked: Picked, job: Job) -> Outcome:
        attempt = await self._count(picked, job)
        tenant = await self._tenant(job, attempt)
        if not self._acts(task, job, tenant):
            await self._give_up(picked, job, "queued", "The plugin does not act.", uncounted=1, delay_s=_POSTPONED_S)
            return "postponed"
        if attempt.number > task.attempts:
            await self._give_up(picked, job, "failed", "The last attempt ended its worker.")
            log.error("job.held", task=task.name, id=picked.id)
            return "held"
        return await self._try(task, picked, job, tenant, attempt.number)

    async def _try(self, task: AnyTask, picked: Picked, job: Job, tenant: Tenant | None, number: int) -> Outcome:
        try:
            async with asyncio.timeout(task.timeout_s):
                await self._perform(task, picked, job, tenant)
        except JobLost:
            raise
        except TaskPostponed as later:
            await self._give_up(picked, job, "queued", str(later), uncounted=1, delay_s=later.delay_s)
        except TaskRefused as refusal:
            await self._give_up(picked, job, "failed", str(refusal), error=refusal)
            log.error("job.held", task=task.name, id=picked.id, reason=str(refusal))
        except Exception as error:
            log.warning("job.failed", task=task.name, id=picked.id, attempt=number, exc_info=True)
            if number < task.attempts:
                # 10 s, 30 s, 90 s ... an hour, give or take a fifth.
                delay_s = min(10 * 3 ** (number - 1), 3600)
                await self._give_up(picked, job, "queued", describe(error), delay_s=delay_s)
                return "failed"
            await self._give_up(picked, job, "failed", describe(error), error=error)
            log.error("job.held", task=task.name, id=picked.id)
            return "held"
        return "done"

    async def _perform(self, task: AnyTask, picked: Picked, job: Job, tenant: Tenant | None) -> None:
        payload = msgspec.json.decode(job.data, type=task.payload)
        origin = Origin(job.tenant_id, job.actor_id, job.request_id)
        result: object = None
        if job.run_id is not None:
            async with self._database.transaction(origin, tenant) as db:
                await task_runs.set_status(db, job.run_id, "running")
        if task.work is not None:
            result = await task.work(TaskContext(self._database, origin, tenant, job.run_id), payload)
        async with self._database.transaction(origin, tenant) as db:
            if task.handle is not None:
                result = await task.handle(db, payload)
            if job.run_id is not None:
                await task_runs.finish(db, job.run_id, result)
            # Last, because it locks the job, and the heartbeats that keep it ours must not wait for long.
            await self._finish(db, picked)

    async def _finish(self, db: Db, picked: Picked) -> None:
        if not await db.run(_FINISH, id=picked.id, manager=picked.manager):
            raise JobLost

    async def _count(self, picked: Picked, job: Job) -> Attempt:
        async with self._database.transaction(Origin(tenant_id=None)) as db:
            attempt = await db.row(Attempt, _COUNT, id=picked.id, manager=picked.manager, tenant_id=job.tenant_id)
        if attempt is None:
            raise JobLost
        return attempt

    async def _give_up(
        self,
        picked: Picked,
        job: Job,
        status: Literal["queued", "failed"],
        reason: str,
        *,
        uncounted: int = 0,
        delay_s: float = 0,
        error: Exception | None = None,
    ) -> None:
        """Put the job back into the queue, or hold it as failed until an operator looks at it (`kernel.failures`)."""
        async with self._database.transaction(Origin(job.tenant_id)) as db:
            given_up = await db.run(
                _GIVE_UP,
                id=picked.id,
                manager=picked.manager,
                status=status,
                reason=reason,
                uncounted=uncounted,
                delay_s=delay_s,
            )
            if not given_up or job.run_id is None:
                return
            if status == "queued":
                await task_runs.set_status(db, job.run_id, "queued")
            else:
                await task_runs.fail(db, job.run_id, error)

    async def _tenant(self, job: Job, attempt: Attempt) -> Tenant | None:
        if job.tenant_id is None:
            return None
        try:
            return await self._deployment.tenants.by_id(job.tenant_id, version=attempt.tenant_version)
        except TenantUnknown:
            return None

    def _acts(self, task: AnyTask, job: Job, tenant: Tenant | None) -> bool:
        if job.tenant_id is None:
            return task.plugin not in self._deployment.set_aside
        return tenant is not None and task.acts_among(tenant.plugins)
