"""What the demonstration's school has decided, through the plugin's own action."""

from kernel.auth import Actor
from kernel.db import Db
from kernel.demo import DemoStep
from plugins.admin.actions.settings import update_settings

_OPEN = "courses"
"""The category of the setting that lets everybody see the courses, where there are courses."""


async def open_school(db: Db) -> None:
    """Let everybody look around, unless somebody has decided about it before."""
    if _OPEN in db.tenant.plugins and _OPEN not in db.tenant.chosen:
        admin = Actor(db.tenant_id, None, "admin", grants=db.tenant.grants("admin"))
        await update_settings(db, admin, {_OPEN: {"public_catalogue": True}})


STEPS = (DemoStep("admin.settings", open_school),)
