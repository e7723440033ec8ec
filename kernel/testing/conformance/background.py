"""What a worker does for a plugin in a tenant: deliver to its listeners, run its tasks, start its schedules.

The decisions are the worker's own; what a listener or a task would do is left out.
"""

from typing import Any
from uuid import UUID

import msgspec
from msgspec import structs
from sqlalchemy import column, text

from kernel.db import Database, Db
from kernel.events import publish
from kernel.ids import new_id
from kernel.jobs import JobRunner, Picked
from kernel.queue import start_scheduled
from kernel.tasks import AnyTask, Task, enqueue_for_each
from kernel.testing.conformance.views import Seen, Thing, View
from kernel.testing.samples import sample

_HEARD = text("SELECT listener FROM kernel.outbox WHERE request_id = 'conformance'").columns(column("listener"))
_STARTED = text("""
    SELECT entrypoint FROM queue.pgqueuer
    WHERE dedupe_key = concat_ws(chr(58), CAST(:tenant_id AS text), entrypoint, 'schedule')
""").columns(column("entrypoint"))
_OF_TENANT = "CAST(CAST(convert_from(payload, 'UTF8') AS jsonb) ->> 'tenant_id' AS uuid) = CAST(:tenant_id AS uuid)"
# Of several that wait one is tried; the others were never tried, so they go.
_PICK = text(f"""
    WITH waiting AS (
        SELECT id FROM queue.pgqueuer
        WHERE entrypoint = CAST(:task AS text) AND status = 'queued' AND {_OF_TENANT} FOR UPDATE),
    others AS (DELETE FROM queue.pgqueuer WHERE id IN (SELECT id FROM waiting) AND id <> (SELECT min(id) FROM waiting))
    UPDATE queue.pgqueuer SET status = 'picked', queue_manager_id = CAST(:manager AS uuid), heartbeat = now()
    WHERE id = (SELECT min(id) FROM waiting)
    RETURNING id, queue_manager_id, payload
""").columns(column("id"), column("manager"), column("payload"))  # noqa: S608 - from constants
_WAITS = text("SELECT true FROM queue.pgqueuer WHERE id = CAST(:id AS bigint) AND status = 'queued'").columns(
    column("waits")
)


class PickedJob(msgspec.Struct, frozen=True):
    """A job that was taken from the queue."""

    id: int
    manager: UUID
    payload: bytes


async def look_at_listeners(view: View) -> Seen:
    """Publish each event that somebody listens for, and see to whom it would go."""
    listeners = view.deployment.registry.listeners
    async with view.undone(view.deployment.settings.operator_database_url) as db:
        for event in dict.fromkeys(each.event for each in listeners):
            await publish(db, sample(event))
        heard = await db.values(_HEARD)
    return {Thing("listener", each.name, each.plugin): each.name in heard for each in listeners}


async def look_at_tasks(view: View) -> Seen:
    """Let a job of each task be tried; one that is not run must wait, and is tried again by the next look."""
    url = view.deployment.settings.worker_database_url
    database = Database(url, deployment=view.deployment, pool_size=2)
    try:
        runner = JobRunner(view.deployment, database)
        return {
            Thing("task", task.name, task.plugin): await _is_run(view, runner, task)
            for task in view.deployment.registry.tasks
            if task.plugin in view.plugins
        }
    finally:
        await database.close()


async def _is_run(view: View, runner: JobRunner, task: AnyTask) -> bool:
    ran: list[UUID] = []

    async def note(db: Db, _payload: Any) -> None:
        ran.append(db.tenant_id)

    async with view.as_role(view.deployment.settings.worker_database_url, of_tenant=False) as db:
        if task.name not in view.waiting:
            await enqueue_for_each(db, task, sample(task.payload), [view.school.id])
        job = await db.row(PickedJob, _PICK, task=task.name, tenant_id=view.school.id, manager=new_id())
    if job is None:
        raise AssertionError(f"The job of {task.name} that waited in a school is lost.")
    await runner.run(_harmless(task, note), Picked(job.id, job.manager, job.payload))
    async with view.as_role(view.deployment.settings.worker_database_url, of_tenant=False) as db:
        waits = bool(await db.value(_WAITS, id=job.id))
    if not waits and not ran:
        raise AssertionError(f"The job of {task.name} was dropped in a school where its plugin does not act.")
    if waits:
        view.waiting.add(task.name)
    else:
        view.waiting.discard(task.name)
    return ran == [view.school.id]


def _harmless(task: AnyTask, note: Any) -> AnyTask:
    return structs.replace(task, handle=note, work=None)


async def look_at_schedules(view: View) -> Seen:
    """Let the time of each schedule come, and see whether it starts for the tenant."""
    scheduled: list[Task[Any]] = [
        task for task in view.deployment.registry.tasks if task.schedule is not None and task.per == "tenant"
    ]
    async with view.undone(view.deployment.settings.worker_database_url, of_tenant=False) as db:
        for task in scheduled:
            await start_scheduled(db, task)
        started = await db.values(_STARTED, tenant_id=str(view.school.id))
    return {Thing("schedule", task.name, task.plugin): task.name in started for task in scheduled}
