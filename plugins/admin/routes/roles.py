"""What each role may."""

from litestar import get, patch
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from kernel.auth import Actor, requires
from kernel.db import Db
from kernel.idempotency import idempotent
from plugins.admin.actions.roles import update_role
from plugins.admin.permissions import READ_ROLES, UPDATE_ROLES
from plugins.admin.queries.roles import role_matrix
from plugins.admin.schemas import RoleMatrix, UpdateRoleRequest
from plugins.auth.api import Role


@get("/roles", guards=[requires(READ_ROLES)], operation_id="roles_list")
async def list_roles(db: Db) -> RoleMatrix:
    """Return every permission with its scope for each role, now and at first."""
    return role_matrix(db.tenant)


@patch("/roles/{role:str}", guards=[requires(UPDATE_ROLES)], opt=idempotent(), operation_id="roles_update")
async def change_role(db: Db, actor: Actor, role: FromPath[Role], data: UpdateRoleRequest) -> RoleMatrix:
    """Change what a role may, felt at the next request; nobody gives what they lack, or changes their own role."""
    return await update_role(db, actor, role, data.permissions)


ROUTES: tuple[HTTPRouteHandler, ...] = (list_roles, change_role)
