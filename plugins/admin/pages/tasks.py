"""The pages of background work: what runs and how far it is, and what was given up."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from litestar.params import FromQuery, Parameter

from kernel.auth import Actor
from kernel.db import Db
from kernel.errors import Forbidden
from kernel.failures import list_failures
from kernel.routing import Offset
from kernel.task_overview import task_page, task_titles
from kernel.task_runs import RETRY_TASKS, VIEW_TASKS, Status

Rows = Annotated[int, Parameter(ge=1, le=100)]
Shown = tuple[str, Mapping[str, Any]]


async def under_way(
    db: Db, actor: Actor, status: FromQuery[Status | None] = None, limit: Rows = 25, offset: Offset = 0
) -> Shown:
    """Show the work that somebody follows, latest first."""
    page = await task_page(db, actor, status=status, limit=limit, offset=offset)
    titles = task_titles(db.deployment)
    values = {"page": page, "titles": titles, "status": status or "", "may_see_failed": sees_failed(actor)}
    return "admin/tasks.html", values


async def failed(db: Db, actor: Actor, limit: Rows = 25, offset: Offset = 0) -> Shown:
    """Show what is not tried any more.

    Raises:
        Forbidden: The actor sees their own work alone; what failed is nobody's.
    """
    if not sees_failed(actor):
        raise Forbidden
    page = await list_failures(db, limit=limit, offset=offset)
    titles = task_titles(db.deployment)
    return "admin/failures.html", {"page": page, "titles": titles, "may_retry": actor.scope(RETRY_TASKS) == "any"}


def sees_failed(actor: Actor) -> bool:
    """Whether somebody may see everybody's work."""
    return actor.scope(VIEW_TASKS) == "any"


PAGES: Sequence[Mapping[str, Any]] = (
    {"path": "/admin/tasks", "handler": under_way, "access": VIEW_TASKS},
    {"path": "/admin/tasks/failed", "handler": failed, "access": VIEW_TASKS},
)
NAVIGATION: Sequence[Mapping[str, Any]] = (
    {
        "id": "admin.tasks", "area": "admin", "group": "System", "label": "Tasks", "icon": "tasks",
        "path": "/admin/tasks", "order": 530, "access": VIEW_TASKS,
    },
)  # fmt: skip
