"""Codes are looked after at two addresses: teachers' own below /teach, and everybody's below /admin."""

from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from typing import Any

from kernel.auth import Actor, Permission
from kernel.errors import Forbidden
from plugins.codes.permissions import VIEW

Shown = tuple[str, Mapping[str, Any]]
Handler = Callable[..., Awaitable[Shown]]
OWN, ALL = "/teach/codes", "/admin/codes"


def at_both(path: str, handler: Handler, access: Permission) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return a page at both addresses."""
    return (
        {"path": f"{OWN}{path}", "handler": based(handler, OWN), "access": access},
        {"path": f"{ALL}{path}", "handler": based(handler, ALL), "access": access},
    )


def based(handler: Handler, base: str) -> Handler:
    """Return a handler whose template knows below which address it stands; that of all is for who may see them all."""

    @wraps(handler)
    async def shown(**given: Any) -> Shown:
        actor: Actor = given["actor"]
        if base == ALL and actor.scope(VIEW) != "any":
            raise Forbidden
        template, values = await handler(**given)
        return template, {"base": base, **values}

    return shown
