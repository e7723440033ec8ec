"""What the owner of a piece of background work can read of it: how far it is, what came of it, why it failed.

A run is a row beside the job, in a tenant table, because the queue itself is closed to tenants. When its state changes
is decided in `kernel.tasks` and `kernel.jobs`; the route is in `kernel.own_routes`.
"""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Executable, Uuid, bindparam, delete, func, insert, or_, select, text, update
from sqlalchemy.dialects.postgresql import JSONB

from kernel.auth import Actor, Permission
from kernel.db import Db
from kernel.errors import DomainError, NotFound
from kernel.tables import TaskRun

VIEW_TASKS = Permission("kernel.task.view", "Follow everybody's background tasks", {"admin": "any"})
RETRY_TASKS = Permission("kernel.task.retry", "Start failed background work again", {"admin": "any"})
_MOST_NOTE = 500
_MOST_RESULT_BYTES = 16_000
_FAILED = "It could not be done. An administrator can see the reason and start it again."

Status = Literal["queued", "running", "done", "failed"]

_OWN: ColumnElement[bool] = TaskRun.id == bindparam("run_id", type_=Uuid)
OF_OWNER: ColumnElement[bool] = or_(
    bindparam("owner_id", type_=Uuid).is_(None), TaskRun.owner_id == bindparam("owner_id", type_=Uuid)
)
_ADD = insert(TaskRun).values({name: bindparam(name) for name in ("id", "owner_id", "name", "dedupe_key")})
_LATEST = (
    select(TaskRun.id)
    .where(
        TaskRun.owner_id == bindparam("owner_id"),
        TaskRun.name == bindparam("name"),
        TaskRun.dedupe_key == bindparam("dedupe_key"),
    )
    .order_by(TaskRun.id.desc())
    .limit(1)
)
_SET_STATUS = update(TaskRun).where(_OWN).values(status=bindparam("new_status"), error=None, finished_at=None)
_PROGRESS = (
    update(TaskRun)
    .where(_OWN, TaskRun.status == "running")
    .values(done=bindparam("new_done"), total=bindparam("new_total"), note=bindparam("new_note"))
)
_FINISH = (
    update(TaskRun)
    .where(_OWN)
    .values(
        status="done",
        done=func.coalesce(TaskRun.total, TaskRun.done),
        result=bindparam("new_result", type_=JSONB(none_as_null=True)),
        error=None,
        finished_at=func.now(),
    )
)
_FAIL = update(TaskRun).where(_OWN).values(status="failed", error=bindparam("new_error"), finished_at=func.now())
RUN_COLUMNS = (
    TaskRun.id,
    TaskRun.name,
    TaskRun.status,
    TaskRun.done,
    TaskRun.total,
    TaskRun.note,
    TaskRun.result,
    TaskRun.error,
    TaskRun.created_at,
    TaskRun.finished_at,
)
_BY_ID = select(*RUN_COLUMNS).where(
    _OWN,
    OF_OWNER,
)
_PRUNE: Executable = delete(TaskRun).where(TaskRun.finished_at < func.now() - text("interval '7 days'"))


class TaskNotFound(NotFound):
    """No such task, or it is somebody else's."""

    code = "kernel.task_unknown"
    title = "There is no such task; finished ones are kept for a week."


class RunRow(msgspec.Struct, frozen=True):
    """A run as stored."""

    id: UUID
    name: str
    status: Status
    done: int | None
    total: int | None
    note: str
    result: dict[str, Any] | None
    error: str | None
    created_at: datetime
    finished_at: datetime | None


class TaskProgress(msgspec.Struct, frozen=True):
    """How far a task is: `done` of `total`, if it knows the whole, and a word on what it is at."""

    done: int | None
    total: int | None
    note: str


class TaskStatus(msgspec.Struct, frozen=True):
    """A task as its owner sees it."""

    id: UUID
    name: str
    status: Status
    progress: TaskProgress
    result: dict[str, Any] | None
    """Once it is done: ids and links of what it made."""
    error: str | None
    """Once it has failed: a sentence."""
    created_at: datetime
    finished_at: datetime | None


def only_owner(actor: Actor) -> UUID | None:
    """Return whose tasks alone the actor may follow: their own; None for everybody's."""
    return None if actor.is_operator or actor.scope(VIEW_TASKS) == "any" else actor.id


async def task_status(db: Db, actor: Actor, run_id: UUID) -> TaskStatus:
    """Return how a task stands, to its owner and to whoever may follow everybody's.

    Raises:
        TaskNotFound: There is none, or the actor may not follow it.
    """
    row = await db.row(RunRow, _BY_ID, run_id=run_id, owner_id=only_owner(actor))
    if row is None:
        raise TaskNotFound
    return shown_run(row)


def shown_run(row: RunRow) -> TaskStatus:
    """Return a stored run as it is shown."""
    progress = TaskProgress(row.done, row.total, row.note)
    return TaskStatus(row.id, row.name, row.status, progress, row.result, row.error, row.created_at, row.finished_at)


async def add(db: Db, run_id: UUID, *, owner_id: UUID, name: str, dedupe_key: str | None) -> None:
    """Write down that a piece of work waits."""
    await db.run(_ADD, id=run_id, owner_id=owner_id, name=name, dedupe_key=dedupe_key)


async def latest(db: Db, *, owner_id: UUID, name: str, dedupe_key: str) -> UUID:
    """Return the owner's run of the work that already waits under this key."""
    found: UUID = await db.value(_LATEST, owner_id=owner_id, name=name, dedupe_key=dedupe_key)
    return found


async def set_status(db: Db, run_id: UUID, status: Literal["queued", "running"]) -> None:
    """Say that the work waits (again) or has begun."""
    await db.run(_SET_STATUS, run_id=run_id, new_status=status)


async def report(db: Db, run_id: UUID, done: int | None, total: int | None, note: str) -> None:
    """Write down how far the work is."""
    await db.run(_PROGRESS, run_id=run_id, new_done=done, new_total=total, new_note=note[:_MOST_NOTE])


async def finish(db: Db, run_id: UUID, result: object) -> None:
    """Write down what came of the work, in the transaction of its effect.

    Raises:
        TypeError: The result is no Struct or dictionary, or too large: it holds ids and links, not the work itself.
    """
    kept = msgspec.to_builtins(result)
    if kept is not None and (not isinstance(kept, dict) or len(msgspec.json.encode(kept)) > _MOST_RESULT_BYTES):
        raise TypeError("a task returns nothing, or a Struct or dictionary of a few ids and links")
    await db.run(_FINISH, run_id=run_id, new_result=kept)


async def fail(db: Db, run_id: UUID, error: Exception | None = None) -> None:
    """Write down that the work has failed for good.

    Args:
        db: Of the tenant.
        run_id: Which.
        error: A refusal is told in its own words, which are made for callers; any other fault in none.
    """
    await db.run(_FAIL, run_id=run_id, new_error=error.detail if isinstance(error, DomainError) else _FAILED)


async def prune(db: Db) -> None:
    """Remove what ended a week ago."""
    await db.run(_PRUNE)
