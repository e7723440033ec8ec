"""The routes of background work: one's own task, and for administrators everybody's and what was given up."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler

from kernel.audit import note
from kernel.auth import Actor, Permission, requires, signed_in
from kernel.db import Db
from kernel.errors import Forbidden
from kernel.failures import Failure, list_failures, retry_failures
from kernel.routing import Body, Limit, Offset, Page
from kernel.task_overview import task_page
from kernel.task_runs import RETRY_TASKS, VIEW_TASKS, Status, TaskStatus, task_status

FailureId = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]


class RetryRequest(Body, frozen=True):
    """The ids of what failed, as the list shows them."""

    ids: Annotated[list[FailureId], msgspec.Meta(min_length=1, max_length=100)]


class Retried(msgspec.Struct, frozen=True):
    """How many will be tried again."""

    retried: int


@get("/tasks/{task_id:uuid}", guards=[signed_in], operation_id="tasks_get")
async def get_task(db: Db, actor: Actor, task_id: UUID) -> TaskStatus:
    """Tell how far a background task is and what came of it, to whoever started it."""
    return await task_status(db, actor, task_id)


@get("/tasks", guards=[requires(VIEW_TASKS)], operation_id="tasks_list")
async def list_tasks(
    db: Db, actor: Actor, status: Status | None = None, limit: Limit = 20, offset: Offset = 0
) -> Page[TaskStatus]:
    """Return the tasks that somebody follows, latest first."""
    return await task_page(db, actor, status=status, limit=limit, offset=offset)


@get("/tasks/failures", guards=[requires(VIEW_TASKS)], operation_id="tasks_failures")
async def list_failed(db: Db, actor: Actor, limit: Limit = 20, offset: Offset = 0) -> Page[Failure]:
    """Return the tasks and reactions to events that are not tried any more, latest first."""
    _check_reach(actor, VIEW_TASKS)
    return await list_failures(db, limit=limit, offset=offset)


@post("/tasks/failures/retry", guards=[requires(RETRY_TASKS)], status_code=200, operation_id="tasks_retry")
async def retry_failed(db: Db, actor: Actor, data: RetryRequest) -> Retried:
    """Try failed work again; what is tried again already is not counted."""
    _check_reach(actor, RETRY_TASKS)
    return Retried(await _retry(db, data.ids))


def _check_reach(actor: Actor, permission: Permission) -> None:
    """Refuse whoever holds the permission for their own things alone: what failed is nobody's."""
    if actor.scope(permission) != "any":
        raise Forbidden


async def _retry(db: Db, ids: Sequence[str]) -> int:
    retried = await retry_failures(db, ids)
    await note(db, "kernel.task.retried", entity_type="kernel.tasks", new={"ids": list(ids), "retried": retried})
    return retried


TASK_ROUTES: tuple[HTTPRouteHandler, ...] = (get_task, list_tasks, list_failed, retry_failed)
