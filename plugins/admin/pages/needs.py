"""What administration adds to the dashboard: work that was given up, plugins that are set aside."""

from collections.abc import Mapping, Sequence
from typing import Any

from kernel.auth import Actor
from kernel.db import Db
from kernel.failures import list_failures
from kernel.task_runs import VIEW_TASKS
from plugins.admin.pages.tasks import sees_failed
from plugins.admin.permissions import READ_PLUGINS

Filling = tuple[str, Mapping[str, Any]]


async def failed_work(db: Db, actor: Actor, _subject: object) -> Filling | None:
    """Tell how much background work is not tried any more."""
    if not sees_failed(actor):
        return None
    total = (await list_failures(db, limit=1)).total
    return ("admin/needs_failed.html", {"total": total}) if total else None


async def plugins_set_aside(db: Db, _actor: Actor, _subject: object) -> Filling | None:
    """Name the plugins that could not be loaded."""
    names = sorted(db.deployment.set_aside)
    return ("admin/needs_plugins.html", {"names": names}) if names else None


SLOTS: Sequence[Mapping[str, Any]] = (
    {"slot": "dashboard.needs", "fill": failed_work, "access": VIEW_TASKS, "order": 30},
    {"slot": "dashboard.needs", "fill": plugins_set_aside, "access": READ_PLUGINS, "order": 40},
)
