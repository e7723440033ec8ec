"""Background work when a test wants it: due events and due jobs, one after another, until nothing is due.

Events go through the worker's own dispatcher. Jobs are handed to the worker's own runner, which counts, commits and
holds them; only the finding of due jobs, PgQueuer's part in a worker, is done here, so that a test knows when all is
done.
"""

from uuid import UUID

import msgspec
from sqlalchemy import column, text

from kernel.db import Database, Db, Origin
from kernel.deployment import Deployment
from kernel.dispatch import Dispatcher
from kernel.ids import new_id
from kernel.jobs import JobRunner, Picked
from kernel.mail.outgoing import SEND_MAIL

_MOST_JOBS = 1000
_OF_TENANT = "CAST(CAST(convert_from(payload, 'UTF8') AS jsonb) ->> 'tenant_id' AS uuid) = CAST(:tenant_id AS uuid)"
_PICK = text(f"""
    UPDATE queue.pgqueuer SET status = 'picked', queue_manager_id = CAST(:manager AS uuid), heartbeat = now()
    WHERE id = (
        SELECT id FROM queue.pgqueuer
        WHERE status = 'queued' AND execute_after <= now()
          AND (CAST(:tenant_id AS uuid) IS NULL OR {_OF_TENANT})
          AND (CAST(:task AS text) IS NULL OR entrypoint = CAST(:task AS text))
        ORDER BY priority DESC, id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING id, entrypoint, payload
""").columns(column("id"), column("entrypoint"), column("payload"))  # noqa: S608 - from constants
FAILED = text(f"""
    SELECT 'The listener ' || listener || ' failed: ' || last_error FROM kernel.outbox
    WHERE tenant_id = CAST(:tenant_id AS uuid) AND last_error IS NOT NULL
    UNION ALL
    SELECT 'The task ' || entrypoint || ' failed: ' || coalesce(
        (SELECT traceback ->> 'exception_message' FROM queue.pgqueuer_log
         WHERE job_id = pgqueuer.id AND traceback IS NOT NULL ORDER BY id DESC LIMIT 1), '')
    FROM queue.pgqueuer WHERE attempts > 0 AND {_OF_TENANT}
    ORDER BY 1
""").columns(column("sentence"))  # noqa: S608 - from constants
_EVENTS_FORWARD = text("UPDATE kernel.outbox SET available_at = now() WHERE tenant_id = CAST(:tenant_id AS uuid)")
_JOBS_FORWARD = text(f"UPDATE queue.pgqueuer SET execute_after = now() WHERE status = 'queued' AND {_OF_TENANT}")  # noqa: S608 - from constants


class DueJob(msgspec.Struct, frozen=True):
    """A job as the queue hands it out."""

    id: int
    entrypoint: str
    payload: bytes


async def settle_tenant(deployment: Deployment, tenant_id: UUID) -> list[str]:
    """Deliver what is due and run the tenant's due jobs until both rest; return a sentence for each that failed."""
    database = Database(deployment.settings.worker_database_url, deployment=deployment, pool_size=4)
    try:
        runner, dispatcher = JobRunner(deployment, database), Dispatcher(deployment, database, lanes=1)
        await dispatcher.settle()
        while await _run_due(deployment, database, runner, tenant_id):
            await dispatcher.settle()
        async with database.transaction(Origin(tenant_id=None)) as db:
            return await db.values(FAILED, tenant_id=tenant_id)
    finally:
        await database.close()


async def settle_mails(deployment: Deployment) -> None:
    """Deliver what is due and send the mails that are due, of every tenant."""
    database = Database(deployment.settings.worker_database_url, deployment=deployment, pool_size=4)
    try:
        await Dispatcher(deployment, database, lanes=1).settle()
        await _run_due(deployment, database, JobRunner(deployment, database), None, SEND_MAIL.name)
    finally:
        await database.close()


async def _run_due(
    deployment: Deployment, database: Database, runner: JobRunner, tenant_id: UUID | None, task: str | None = None
) -> bool:
    """Run the jobs that are due, one at a time; return whether there was any."""
    from kernel.queue import KERNEL_TASKS  # import: start-up-time

    tasks = {each.name: each for each in (*KERNEL_TASKS, *deployment.registry.tasks)}
    last = ""
    for ran in range(_MOST_JOBS):
        manager = new_id()
        async with database.transaction(Origin(tenant_id=None)) as db:
            job = await db.row(DueJob, _PICK, manager=manager, tenant_id=tenant_id, task=task)
        if job is None:
            return ran > 0
        last = job.entrypoint
        await runner.run(tasks[last], Picked(job.id, manager, job.payload))
    raise AssertionError(f"{_MOST_JOBS} jobs ran and more are due: does {last} enqueue itself at once?")


async def bring_forward(deployment: Deployment, tenant_id: UUID) -> None:
    """Make due now what waits for its time in a tenant."""
    database = Database(deployment.settings.worker_database_url, deployment=deployment, pool_size=1)
    try:
        async with database.transaction(Origin(tenant_id=None)) as db:
            await _forward(db, tenant_id)
    finally:
        await database.close()


async def _forward(db: Db, tenant_id: UUID) -> None:
    await db.run(_EVENTS_FORWARD, tenant_id=tenant_id)
    await db.run(_JOBS_FORWARD, tenant_id=tenant_id)
