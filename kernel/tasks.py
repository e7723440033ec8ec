"""Tasks: slow work and schedules, and how a piece of work gets into the queue.

A job dies with the transaction that enqueued it. Enqueue from listeners, not from requests: the queue's notification
serialises commits. Picking jobs up and running them is `kernel.jobs`, on PgQueuer; this module imports none of it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Generic, Literal, TypeVar
from uuid import UUID

import msgspec
from sqlalchemy import text

from kernel.db import Database, Db, Origin
from kernel.tenancy import Tenant

P = TypeVar("P", bound=msgspec.Struct)

# A job that waits or runs under the same key already is enough: only the index on it can conflict.
_INSERT = text("""
    INSERT INTO queue.pgqueuer (priority, entrypoint, payload, execute_after, dedupe_key, status)
    VALUES (0, CAST(:task AS text), CAST(:payload AS bytea), now() + CAST(:delay AS interval), CAST(:key AS text),
            'queued')
    ON CONFLICT DO NOTHING
""")
_encoder = msgspec.json.Encoder()


class NoPayload(msgspec.Struct, frozen=True):
    """For tasks that need to be told nothing, such as scheduled ones."""


class Job(msgspec.Struct, frozen=True):
    """What is written into the queue: for whom, and the task's payload, which holds ids and no personal data."""

    tenant_id: UUID | None
    actor_id: UUID | None
    request_id: str
    data: msgspec.Raw


class TaskContext:
    """What long work gets instead of a transaction, so that it holds no connection while it works."""

    def __init__(self, database: Database, origin: Origin, tenant: Tenant | None) -> None:
        self.tenant = tenant
        self._database = database
        self._origin = origin

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Db]:
        """Open a transaction, committed at the end of the block."""
        async with self._database.transaction(self._origin, self.tenant) as db:
            yield db


class Task(msgspec.Struct, Generic[P], frozen=True, kw_only=True):
    """A kind of background work; give either `handle` or `work`.

    Args:
        name: Dotted, begins with the plugin's name. Jobs that wait carry it, so it stays what it is.
        payload: A Struct of ids; a scheduled task's must need no arguments.
        handle: Does it in one transaction, which also takes the job away: exactly once in effect.
        work: Does it in as many transactions as it opens, for what takes long or calls others. After a crash it runs
            again from the start, so it must bear that.
        attempts: How often it may fail before the job is held for an operator.
        timeout_s: Longer counts as failed.
        schedule: Cron expression, in UTC; the task then also starts by itself, once however many workers there are.
        per: Whether the schedule starts it for each tenant where the plugin acts, or once and without a tenant.
    """

    name: str
    payload: type[P]
    handle: Callable[[Db, P], Awaitable[None]] | None = None
    work: Callable[[TaskContext, P], Awaitable[None]] | None = None
    attempts: int = 5
    timeout_s: float = 300
    schedule: str | None = None
    per: Literal["tenant", "deployment"] = "tenant"

    def __post_init__(self) -> None:
        """Refuse a task that could not run."""
        if (self.handle is None) == (self.work is None):
            raise ValueError(f"{self.name}: give either handle or work")
        if self.schedule is not None:
            self.payload()

    @property
    def plugin(self) -> str:
        """The plugin whose work it is."""
        return self.name.partition(".")[0]


AnyTask = Task[Any]


async def enqueue(
    db: Db, task: Task[P], payload: P, *, delay: timedelta = timedelta(0), dedupe_key: str | None = None
) -> None:
    """Put a piece of work into the queue; it is gone if the transaction is rolled back.

    Args:
        db: Its tenant is the job's.
        task: What to do.
        payload: With ids and no personal data.
        delay: Not before this has passed.
        dedupe_key: Does nothing while a job of the same task and tenant waits or runs under the same key. No secret:
            every tenant's code could read it.
    """
    await db.run(_INSERT, **_row(db.origin, task, payload, delay, dedupe_key))


async def enqueue_for_each(db: Db, task: Task[P], payload: P, tenant_ids: list[UUID | None], dedupe_key: str) -> None:
    """Put the same work into the queue for each of these tenants; None stands for the whole deployment."""
    rows = [_row(Origin(each), task, payload, timedelta(0), dedupe_key) for each in tenant_ids]
    await db.run_many(_INSERT, rows)


def _row(origin: Origin, task: AnyTask, payload: object, delay: timedelta, key: str | None) -> dict[str, Any]:
    job = Job(origin.tenant_id, origin.actor_id, origin.request_id, msgspec.Raw(_encoder.encode(payload)))
    return {
        "task": task.name,
        "payload": _encoder.encode(job),
        "delay": delay,
        "key": None if key is None else f"{origin.tenant_id}:{task.name}:{key}",
    }
