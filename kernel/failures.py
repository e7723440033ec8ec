"""Background work that nobody tries any more: held jobs and dead events, listed and tried again.

Both stand where the app role cannot read, so the worker's role is used, and each statement names the tenant itself.
When work is given up is decided in `kernel.jobs` and `kernel.outbox`.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec
from sqlalchemy import column, text

from kernel import task_runs
from kernel.db import Database, Db, Origin
from kernel.deployment import Deployment
from kernel.routing import Page, rows_for

_HELD = """
    SELECT job.*, CAST(said ->> 'tenant_id' AS uuid) AS tenant_id, CAST(said ->> 'run_id' AS uuid) AS run_id
    FROM queue.pgqueuer AS job, LATERAL (SELECT CAST(convert_from(job.payload, 'UTF8') AS jsonb) AS said) AS payload
    WHERE job.status = 'failed'
"""
_FAILURES = f"""
    SELECT CAST(held.id AS text) AS id, 'task' AS kind, held.entrypoint AS name, held.tenant_id,
           held.updated AS failed_at, held.attempts, coalesce(why.reason, '') AS reason
    FROM ({_HELD}) AS held LEFT JOIN LATERAL (
        SELECT CAST(traceback AS jsonb) ->> 'exception_message' AS reason FROM queue.pgqueuer_log AS line
        WHERE line.job_id = held.id AND line.status = 'failed' ORDER BY line.id DESC LIMIT 1) AS why ON true
    UNION ALL
    SELECT CAST(id AS text), 'event', listener, tenant_id, dead_at, attempts, coalesce(last_error, '')
    FROM kernel.outbox WHERE dead_at IS NOT NULL
"""  # noqa: S608 - from constants
_WHOSE = "(CAST(:everywhere AS boolean) OR tenant_id = CAST(:tenant_id AS uuid))"
_COUNT = text(f"SELECT count(*) FROM ({_FAILURES}) AS failures WHERE {_WHOSE}").columns(  # noqa: S608
    column("count")
)
_AGAIN = "AND id = ANY (CAST(:job_ids AS bigint[])) AND tenant_id IS NOT DISTINCT FROM CAST(:tenant_id AS uuid)"
# A job of which another already waits under the same key would do the same work twice.
_DROP_SUPERSEDED = text(f"""
    DELETE FROM queue.pgqueuer WHERE id IN (
        SELECT id FROM ({_HELD}) AS held WHERE EXISTS (
            SELECT FROM queue.pgqueuer AS other WHERE other.dedupe_key = held.dedupe_key AND other.id <> held.id
            AND (other.status IN ('queued', 'picked') OR other.status = 'failed' AND other.id > held.id)) {_AGAIN})
    RETURNING id
""").columns(column("id"))  # noqa: S608 - from constants
_RETRY_JOBS = text(f"""
    WITH again AS (SELECT id, run_id FROM ({_HELD}) AS held WHERE true {_AGAIN})
    UPDATE queue.pgqueuer AS job
    SET status = 'queued', attempts = 0, execute_after = now(), updated = now(), queue_manager_id = NULL
    FROM again WHERE job.id = again.id RETURNING job.id, again.run_id
""").columns(column("id"), column("run_id"))  # noqa: S608 - from constants
_RETRY_EVENTS = text("""
    UPDATE kernel.outbox SET attempts = 0, available_at = now(), dead_at = NULL
    WHERE dead_at IS NOT NULL AND id = ANY (CAST(:event_ids AS uuid[])) AND tenant_id = CAST(:tenant_id AS uuid)
""")


class Failure(msgspec.Struct, frozen=True):
    """A task or the reaction to an event that failed too often.

    `name` is the task's or the listener's; `reason` the kind and place of the last error, and nothing that it quoted.
    """

    id: str
    kind: Literal["task", "event"]
    name: str
    tenant_id: UUID | None
    failed_at: datetime
    attempts: int
    reason: str


_PAGE = text(
    f"SELECT * FROM ({_FAILURES}) AS failures WHERE {_WHOSE} ORDER BY failed_at DESC, id "  # noqa: S608
    "LIMIT CAST(:rows AS integer) OFFSET CAST(:skipped AS integer)"
).columns(*(column(name) for name in Failure.__struct_fields__))


class HeldJob(msgspec.Struct, frozen=True):
    """A job that waits again, and the run that its owner follows."""

    id: int
    run_id: UUID | None


async def list_failures(db: Db, *, limit: int = 20, offset: int = 0) -> Page[Failure]:
    """List what failed for good in the transaction's tenant, latest first."""
    async with _worker(db.deployment, db.tenant_id) as worker:
        return await _page(worker, limit, offset, tenant_id=db.tenant_id)


async def retry_failures(db: Db, ids: Sequence[str]) -> int:
    """Try these again, as far as they are failures of the transaction's tenant; return how many were found."""
    return await _retry(db.deployment, db.tenant_id, ids)


async def failures_everywhere(deployment: Deployment, *, limit: int, offset: int = 0) -> Page[Failure]:
    """List what failed for good in every tenant, and outside of any; for operators alone."""
    async with _worker(deployment, None) as worker:
        return await _page(worker, limit, offset, everywhere=True)


async def retry_everywhere(deployment: Deployment, found: Sequence[Failure]) -> int:
    """Try these again, whosever they are; for operators alone."""
    tenant_ids = {each.tenant_id for each in found}
    return sum(
        [
            await _retry(deployment, tenant_id, [each.id for each in found if each.tenant_id == tenant_id])
            for tenant_id in tenant_ids
        ]
    )


async def _page(
    worker: Db, limit: int, offset: int, *, tenant_id: UUID | None = None, everywhere: bool = False
) -> Page[Failure]:
    whose = {"tenant_id": tenant_id, "everywhere": everywhere}
    rows = rows_for(limit)
    items = await worker.rows(Failure, _PAGE, rows=rows, skipped=offset, **whose)
    return Page(items, await worker.value(_COUNT, **whose), rows, offset)


async def _retry(deployment: Deployment, tenant_id: UUID | None, ids: Sequence[str]) -> int:
    job_ids = [int(each) for each in ids if each.isdecimal() and int(each) < 2**63]
    event_ids = [UUID(each) for each in ids if _is_uuid(each)]
    async with _worker(deployment, tenant_id) as worker:
        superseded = await worker.values(_DROP_SUPERSEDED, job_ids=job_ids, tenant_id=tenant_id)
        jobs = await worker.rows(HeldJob, _RETRY_JOBS, job_ids=job_ids, tenant_id=tenant_id)
        for run_id in [job.run_id for job in jobs if job.run_id is not None]:
            await task_runs.set_status(worker, run_id, "queued")
        events = await worker.run(_RETRY_EVENTS, event_ids=event_ids, tenant_id=tenant_id)
    return len(superseded) + len(jobs) + events


def _is_uuid(words: str) -> bool:
    try:
        UUID(words)
    except ValueError:
        return False
    return True


@asynccontextmanager
async def _worker(deployment: Deployment, tenant_id: UUID | None) -> AsyncIterator[Db]:
    """Open a transaction of the worker's role by a connection of its own, since servers keep none."""
    database = Database(deployment.settings.worker_database_url, deployment=deployment, pool_size=1)
    try:
        async with database.transaction(Origin(tenant_id)) as db:
            yield db
    finally:
        await database.close()
