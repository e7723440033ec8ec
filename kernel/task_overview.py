"""Background work that somebody follows, for whoever may see it; what was given up is `kernel.failures`."""

from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Executable, Integer, Text, bindparam, func, select

from kernel.auth import Actor
from kernel.db import Db
from kernel.deployment import Deployment
from kernel.queue import KERNEL_TASKS
from kernel.routing import Page, rows_for
from kernel.tables import TaskRun
from kernel.task_runs import OF_OWNER, RUN_COLUMNS, RunRow, Status, TaskStatus, only_owner, shown_run


def task_titles(deployment: Deployment) -> dict[str, str]:
    """Return what each kind of work is called on pages, in English; one that is not loaded here is not in it."""
    return {task.name: task.title or task.name for task in (*KERNEL_TASKS, *deployment.registry.tasks)}


async def task_page(db: Db, actor: Actor, *, status: Status | None, limit: int, offset: int) -> Page[TaskStatus]:
    """Return the tasks that the actor may follow, latest first."""
    chosen: dict[str, Any] = {"owner_id": only_owner(actor)} | ({} if status is None else {"status": status})
    rows = await db.rows(RunRow, _page(filtered=status is not None), rows=rows_for(limit), skipped=offset, **chosen)
    total = await db.value(_count(filtered=status is not None), **chosen)
    return Page([shown_run(row) for row in rows], total, rows_for(limit), offset)


@cache
def _page(*, filtered: bool) -> Executable:
    rows = select(*RUN_COLUMNS).where(*_conditions(filtered=filtered))
    rows = rows.order_by(TaskRun.created_at.desc(), TaskRun.id.desc())
    return rows.limit(bindparam("rows", type_=Integer)).offset(bindparam("skipped", type_=Integer))


@cache
def _count(*, filtered: bool) -> Executable:
    return select(func.count()).select_from(TaskRun).where(*_conditions(filtered=filtered))


def _conditions(*, filtered: bool) -> list[ColumnElement[bool]]:
    return [OF_OWNER, *([TaskRun.status == bindparam("status", type_=Text)] if filtered else [])]
