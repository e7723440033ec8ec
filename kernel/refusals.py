"""Refused permissions are recorded, so that an administrator sees who tries what they may not.

Nothing is done as long as somebody may do what they ask for. Whoever repeats the same refused request writes a row a
minute and process, not a row a request.
"""

import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog

from kernel.audit import NOTE, noted

if TYPE_CHECKING:
    from kernel.db import Database

log = structlog.get_logger(__name__)

_AGAIN_AFTER_S = 60.0
_MOST_KEPT = 10_000
_MOST_PATH = 200


class Refusals:
    """Writes refusals into the audit logs of their tenants."""

    def __init__(self, database: "Database") -> None:
        self._database = database
        self._recent: OrderedDict[tuple[UUID, UUID | None, str], float] = OrderedDict()

    async def record(self, scope: Any, permission: str) -> None:
        """Record that the actor of a request lacks a permission. Never raises: the refusal itself stands.

        Args:
            scope: Of the request, as the door has left it.
            permission: Its name.
        """
        origin, tenant = scope["state"]["origin"], scope["state"]["tenant"]
        if not self._is_due((tenant.id, origin.actor_id, permission)):
            return
        new = {"permission": permission, "method": scope["method"], "path": scope["path"][:_MOST_PATH]}
        values = noted(origin, tenant.id, "kernel.permission.refused", entity_type="kernel.permission", new=new)
        try:
            async with self._database.transaction(origin, tenant) as db:
                await db.run(NOTE, **values)
        except Exception:
            log.exception("refusal.not_recorded", permission=permission)

    def _is_due(self, key: tuple[UUID, UUID | None, str]) -> bool:
        now = time.monotonic()
        if now - self._recent.get(key, -_AGAIN_AFTER_S) < _AGAIN_AFTER_S:
            return False
        self._recent[key] = now
        self._recent.move_to_end(key)
        if len(self._recent) > _MOST_KEPT:
            self._recent.popitem(last=False)
        return True
