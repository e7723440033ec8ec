"""The page of the plugins: which act here, why others do not; operators switch them."""

from collections.abc import Mapping, Sequence
from typing import Any

from kernel.auth import Actor
from kernel.db import Db
from plugins.admin.permissions import READ_PLUGINS
from plugins.admin.queries.plugins import plugin_list

Shown = tuple[str, Mapping[str, Any]]


async def plugins(db: Db, actor: Actor) -> Shown:
    """Show every plugin of the deployment."""
    values = {
        "cards": plugin_list(db.deployment, db.tenant, actor).items,
        "listed": db.tenant.listed,
        "tenant_id": db.tenant_id,
        "is_operator": actor.is_operator,
    }
    return "admin/plugins.html", values


PAGES: Sequence[Mapping[str, Any]] = ({"path": "/admin/plugins", "handler": plugins, "access": READ_PLUGINS},)
NAVIGATION: Sequence[Mapping[str, Any]] = (
    {
        "id": "admin.plugins", "area": "admin", "group": "System", "label": "Plugins", "icon": "puzzle",
        "path": "/admin/plugins", "order": 510, "access": READ_PLUGINS,
    },
)  # fmt: skip
