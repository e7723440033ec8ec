"""The page of what each role may: permissions by plugin, the scope in each cell."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from kernel.auth import Actor
from kernel.db import Db
from plugins.admin.permissions import READ_ROLES, UPDATE_ROLES
from plugins.admin.queries.plugins import plugin_titles
from plugins.admin.queries.roles import role_matrix
from plugins.admin.schemas import PermissionRow

Shown = tuple[str, Mapping[str, Any]]


async def roles(db: Db, actor: Actor) -> Shown:
    """Show the matrix; the actor's own role and what administrators keep stand fast."""
    matrix = role_matrix(db.tenant)
    groups = groupby(matrix.permissions, key=lambda each: each.plugin)
    may_change = actor.may(UPDATE_ROLES)
    values = {
        "roles": matrix.roles,
        "titles": plugin_titles(db.deployment),
        "groups": [(plugin, list(rows)) for plugin, rows in groups],
        "changed": sum(_changes(each) for each in matrix.permissions),
        "may_change": may_change,
        # Nobody changes what their own role may.
        "fast": [role for role in matrix.roles if role == actor.role or not may_change],
    }
    return "admin/roles.html", values


def _changes(row: PermissionRow) -> int:
    return sum(row.grants[role] != row.defaults[role] for role in row.grants)


PAGES: Sequence[Mapping[str, Any]] = ({"path": "/admin/roles", "handler": roles, "access": READ_ROLES},)
NAVIGATION: Sequence[Mapping[str, Any]] = (
    {
        "id": "admin.roles", "area": "admin", "group": "People", "label": "Roles", "icon": "shield",
        "path": "/admin/roles", "order": 120, "access": READ_ROLES,
    },
)  # fmt: skip
