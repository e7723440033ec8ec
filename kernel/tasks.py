"""Tasks: slow work and schedules, and how a piece of work gets into the queue.

A job dies with the transaction that enqueued it. Enqueue from listeners, not from requests: the queue's notification
serialises commits. Picking jobs up and running them is `kernel.jobs`, on PgQueuer; this module imports none of it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from time import monotonic
from typing import Any, Generic, Literal, TypeVar, overload
from uuid import UUID

import msgspec
from sqlalchemy import text

from kernel import task_runs
from kernel.auth import Actor
from kernel.db import Database, Db, Origin
from kernel.ids import new_id
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
_BETWEEN_REPORTS_S = 0.5


class TaskPostponed(Exception):
    """Raised by a task that cannot be done yet; the attempt does not count.

    Args:
        reason: What it waits for, without personal data.
        delay_s: When to try again, give or take a fifth.
    """

    def __init__(self, reason: str, delay_s: float) -> None:
        super().__init__(reason)
        self.delay_s = delay_s


class TaskRefused(Exception):
    """Raised by a task that no further attempt would help: the job is held for an operator at once.

    Args:
        reason: Why, without personal data.
    """


class NoPayload(msgspec.Struct, frozen=True):
    """For tasks that need to be told nothing, such as scheduled ones."""


class Job(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is written into the queue: for whom, and the task's payload, which holds ids and no personal data."""

    tenant_id: UUID | None
    actor_id: UUID | None
    request_id: str
    data: msgspec.Raw
    run_id: UUID | None = None


class TaskContext:
    """What long work gets instead of a transaction, so that it holds no connection while it works."""

    def __init__(self, database: Database, origin: Origin, tenant: Tenant | None, run_id: UUID | None = None) -> None:
        self.tenant = tenant
        self._database = database
        self._origin = origin
        self._run_id = run_id
        self._reported_at = -_BETWEEN_REPORTS_S

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Db]:
        """Open a transaction, committed at the end of the block."""
        async with self._database.transaction(self._origin, self.tenant) as db:
            yield db

    async def progress(self, done: int, total: int | None = None, note: str = "") -> None:
        """Tell whoever follows the task how far it is; as often as you like, since few of the reports are written.

        Args:
            done: So many pieces.
            total: Of so many, if that is known.
            note: What it is at, without personal data.
        """
        if self._run_id is None or monotonic() - self._reported_at < _BETWEEN_REPORTS_S:
            return
        self._reported_at = monotonic()
        async with self.transaction() as db:
            await task_runs.report(db, self._run_id, done, total, note)


class Task(msgspec.Struct, Generic[P], frozen=True, kw_only=True):
    """A kind of background work; give either `handle` or `work`.

    What they return, a Struct or dictionary of ids and links, is shown to whoever follows the task.

    Args:
        name: Dotted, begins with the plugin's name. Jobs that wait carry it, so it stays what it is.
        title: What it is called on pages, in English, as the catalogues translate it; else its name.
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
    handle: Callable[[Db, P], Awaitable[object]] | None = None
    work: Callable[[TaskContext, P], Awaitable[object]] | None = None
    attempts: int = 5
    timeout_s: float = 300
    schedule: str | None = None
    per: Literal["tenant", "deployment"] = "tenant"
    title: str = ""

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

    def acts_among(self, plugins: frozenset[str]) -> bool:
        """Whether it runs for a tenant where these plugins act; what the kernel does itself runs for every tenant."""
        return self.plugin in plugins or self.plugin == "kernel"


AnyTask = Task[Any]


@overload
async def enqueue(
    db: Db,
    task: Task[P],
    payload: P,
    *,
    owner: Actor,
    delay: timedelta = timedelta(0),
    dedupe_key: str | None = None,
) -> UUID: ...


@overload
async def enqueue(
    db: Db,
    task: Task[P],
    payload: P,
    *,
    owner: None = None,
    delay: timedelta = timedelta(0),
    dedupe_key: str | None = None,
) -> None: ...


async def enqueue(
    db: Db,
    task: Task[P],
    payload: P,
    *,
    owner: Actor | None = None,
    delay: timedelta = timedelta(0),
    dedupe_key: str | None = None,
) -> UUID | None:
    """Put a piece of work into the queue; it is gone if the transaction is rolled back.

    Args:
        db: Its tenant is the job's.
        task: What to do.
        payload: With ids and no personal data.
        owner: Who waits for it. The returned id is then that of `GET /api/v1/tasks/{id}`, for the owner alone.
        delay: Not before this has passed.
        dedupe_key: Does nothing while a job of the same task and tenant, and of the same owner if there is one, waits
            or runs under the same key; the id is then that job's. No secret: every tenant's code could read it.
    """
    if owner is None:
        await db.run(_INSERT, **_row(db.origin, task, payload, delay, dedupe_key))
        return None
    run_id = new_id()
    key = None if dedupe_key is None else f"{owner.id}:{dedupe_key}"
    if not await db.run(_INSERT, **_row(db.origin, task, payload, delay, key, run_id)) and dedupe_key is not None:
        return await task_runs.latest(db, owner_id=owner.id, name=task.name, dedupe_key=dedupe_key)
    await task_runs.add(db, run_id, owner_id=owner.id, name=task.name, dedupe_key=dedupe_key)
    return run_id


async def enqueue_for_each(
    db: Db,
    task: Task[P],
    payload: P,
    tenant_ids: Sequence[UUID | None],
    *,
    delay: timedelta = timedelta(0),
    dedupe_key: str | None = None,
) -> None:
    """Put the same work into the queue for each of these tenants; None stands for the whole deployment."""
    rows = [_row(Origin(each), task, payload, delay, dedupe_key) for each in tenant_ids]
    await db.run_many(_INSERT, rows)


def _row(
    origin: Origin, task: AnyTask, payload: object, delay: timedelta, key: str | None, run_id: UUID | None = None
) -> dict[str, Any]:
    job = Job(origin.tenant_id, origin.actor_id, origin.request_id, msgspec.Raw(_encoder.encode(payload)), run_id)
    return {
        "task": task.name,
        "payload": _encoder.encode(job),
        "delay": delay,
        "key": None if key is None else f"{origin.tenant_id}:{task.name}:{key}",
    }
