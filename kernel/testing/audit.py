"""What the audit log says of a school."""

from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Text, bindparam, or_, select

from kernel.db import Db
from kernel.tables import AuditLog

_TABLE = bindparam("table", type_=Text)
_ENTRIES = (
    select(
        AuditLog.action,
        AuditLog.entity_type,
        AuditLog.entity_id,
        AuditLog.user_id,
        AuditLog.old_values,
        AuditLog.new_values,
    )
    .where(or_(_TABLE.is_(None), AuditLog.entity_type == _TABLE))
    .order_by(AuditLog.created_at, AuditLog.id)
)


class AuditEntry(msgspec.Struct, frozen=True):
    """A change of one row: of which, by whom, from what to what; secrets are `***`."""

    action: str
    entity_type: str
    entity_id: UUID | None
    user_id: UUID | None
    old_values: dict[str, Any] | None
    new_values: dict[str, Any] | None


async def audit_entries(db: Db, table: str | None = None) -> list[AuditEntry]:
    """Return the entries of the transaction's tenant in the order of writing, of one `schema.table` or of all."""
    return await db.rows(AuditEntry, _ENTRIES, table=table)
