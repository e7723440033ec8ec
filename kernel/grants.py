"""What each role may: what the plugins' permissions say at first, and what a tenant has changed of it.

Who may change it is decided by the rules of `plugins.admin`; how a request learns its actor's grants, in `kernel.door`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from kernel.auth import Permission
from kernel.scopes import Scope

Chosen = Mapping[str, Mapping[str, Scope | None]]
"""By role and permission: a scope, or None for a permission that was taken away."""


def granted(permissions: Iterable[Permission], role: str, stored: Any) -> Mapping[str, Scope]:
    """Return a role's permissions with their scopes.

    Args:
        permissions: Of the plugins that act.
        role: Whose.
        stored: What the tenant changed, as stored; what no longer fits leaves the first grant in force.
    """
    chosen = chosen_for(stored, role)
    found: dict[str, Scope] = {}
    for each in permissions:
        scope = each.roles.get(role)
        if each.name in chosen and chosen[each.name] in (None, *each.grantable):
            scope = chosen[each.name]
        if scope is not None:
            found[each.name] = scope
    return found


def chosen_for(stored: Any, role: str) -> Mapping[str, Any]:
    """Return what a tenant changed of one role, as stored."""
    chosen = stored.get(role, {}) if isinstance(stored, Mapping) else {}
    return chosen if isinstance(chosen, Mapping) else {}
