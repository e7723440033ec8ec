"""Changing what a role of one's tenant may."""

from collections.abc import Mapping
from typing import Any

from kernel.auth import Actor
from kernel.db import Db
from kernel.grants import granted
from kernel.scopes import Scope
from kernel.tenant_settings import change_grants
from plugins.admin import rules
from plugins.admin.queries.roles import role_matrix
from plugins.admin.schemas import RoleMatrix
from plugins.auth.api import Role


async def update_role(db: Db, actor: Actor, role: Role, change: Mapping[str, Scope | None]) -> RoleMatrix:
    """Change what a role may, felt at the next request of everybody who has it.

    Needs: admin.role.update

    Raises:
        Invalid: There is no such permission, or it knows no such scope.
        OwnRole: It is the actor's own role.
        AdministratorsKeep: Something would be taken from administrators that they hold at first.
        BeyondOwnPower: The actor does not hold it as far.
    """
    permissions = db.tenant.permissions
    first = granted(permissions, role, None)

    def check(roles: Any) -> None:
        # By what is stored under the lock: the actor's own power may just have been taken.
        rules.check_grants(
            change,
            role=role,
            own_role=actor.role,
            own=granted(permissions, actor.role, roles),
            present=granted(permissions, role, roles),
            first=first,
            grantable={each.name: each.grantable for each in permissions},
        )

    async with db.deployment.operator_session(actor, "roles", db.origin) as operator:
        version = await change_grants(operator, db.tenant_id, role, change, defaults=first, check=check)
    return role_matrix(await db.deployment.tenants.by_id(db.tenant_id, version=version))
