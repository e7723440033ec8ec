"""The kernel's own routes of the API, below `/api/v1` beside those of the plugins."""

from uuid import UUID

from litestar import get
from litestar.handlers import HTTPRouteHandler

from kernel.auth import Actor, signed_in
from kernel.db import Db
from kernel.task_runs import TaskStatus, task_status


@get("/tasks/{task_id:uuid}", guards=[signed_in], operation_id="tasks_get")
async def get_task(db: Db, actor: Actor, task_id: UUID) -> TaskStatus:
    """Tell how far a background task is and what came of it, to whoever started it."""
    return await task_status(db, actor, task_id)


OWN_ROUTES: list[HTTPRouteHandler] = [get_task]
