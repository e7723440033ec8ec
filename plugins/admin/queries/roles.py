"""What every role of a tenant may, beside what it may at first."""

from kernel.tenancy import Tenant
from plugins.admin.schemas import PermissionRow, RoleMatrix
from plugins.auth.api import ROLES


def role_matrix(tenant: Tenant) -> RoleMatrix:
    """Return every permission of the plugins that act, with its scope for each role."""
    grants = {role: tenant.grants(role) for role in ROLES}
    rows = [
        PermissionRow(
            name=each.name,
            title=each.title,
            plugin=each.name.partition(".")[0],
            scopes=each.grantable,
            grants={role: grants[role].get(each.name) for role in ROLES},
            defaults={role: each.roles.get(role) for role in ROLES},
        )
        for each in sorted(tenant.permissions, key=lambda each: each.name)
    ]
    return RoleMatrix(ROLES, rows)
