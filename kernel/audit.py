"""The audit log of a tenant: notes that no trigger writes, and reading it.

The changes of rows are written by the trigger of each audited table (`kernel.ddl`); what happens to a tenant itself or
without any row, by `note`. Who may read it is asked by the routes of `plugins.admin`.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import DateTime, Executable, Integer, Text, Uuid, bindparam, func, insert, select, tuple_
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import aliased

from kernel.categories import SECURITY, SecuritySettings
from kernel.db import Db, Origin
from kernel.ids import new_id
from kernel.tables import AuditLog

NOTE = insert(AuditLog).values(
    tenant_id=bindparam("tenant_id", type_=Uuid),
    id=bindparam("id", type_=Uuid),
    user_id=bindparam("user_id", type_=Uuid),
    action=bindparam("action", type_=Text),
    entity_type=bindparam("entity_type", type_=Text),
    entity_id=bindparam("entity_id", type_=Uuid),
    old_values=bindparam("old_values", type_=JSONB),
    new_values=bindparam("new_values", type_=JSONB),
    request_id=bindparam("request_id", type_=Text),
    ip_address=bindparam("ip_address", type_=Text),
    user_agent=bindparam("user_agent", type_=Text),
)
_LAST = aliased(AuditLog)
_FORGET_OLD = select(func.kernel.forget_old_audit(bindparam("days", type_=Integer)))
_MOST_AGENT = 200


class AuditFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries are wanted; every one when nothing is given."""

    user_id: UUID | None = None
    action: str | None = None
    entity_type: str | None = None
    entity_id: UUID | None = None
    request_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class AuditRow(msgspec.Struct, frozen=True):
    """An entry as stored."""

    id: UUID
    created_at: datetime
    action: str
    entity_type: str
    entity_id: UUID | None
    user_id: UUID | None
    old_values: dict[str, Any] | None
    new_values: dict[str, Any] | None
    ip_address: str | None
    user_agent: str | None
    request_id: str | None


_CONDITIONS = {
    "user_id": AuditLog.user_id == bindparam("user_id", type_=Uuid),
    "action": AuditLog.action == bindparam("action", type_=Text),
    "entity_type": AuditLog.entity_type == bindparam("entity_type", type_=Text),
    "entity_id": AuditLog.entity_id == bindparam("entity_id", type_=Uuid),
    "request_id": AuditLog.request_id == bindparam("request_id", type_=Text),
    "since": AuditLog.created_at >= bindparam("since", type_=DateTime(timezone=True)),
    "until": AuditLog.created_at < bindparam("until", type_=DateTime(timezone=True)),
}


def noted(
    origin: Origin,
    tenant_id: UUID,
    action: str,
    *,
    entity_type: str,
    entity_id: UUID | None = None,
    old: Mapping[str, Any] | None = None,
    new: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the parameters of `NOTE`, for a transaction that writes it when it must (`Db.record_always`)."""
    return {
        "tenant_id": tenant_id,
        "id": new_id(),
        "user_id": origin.actor_id,
        "action": action,
        "entity_type": entity_type,
        "entity_id": entity_id,
        "old_values": old,
        "new_values": new,
        "request_id": origin.request_id or None,
        "ip_address": origin.address or None,
        "user_agent": origin.agent[:_MOST_AGENT] or None,
    }


async def note(
    db: Db,
    action: str,
    *,
    entity_type: str,
    entity_id: UUID | None = None,
    old: Mapping[str, Any] | None = None,
    new: Mapping[str, Any] | None = None,
) -> None:
    """Write into the tenant's log what the transaction's actor did and no changed row tells.

    Args:
        db: The transaction; the note is gone if it is rolled back.
        action: Dotted, in the past tense: `admin.audit_log.exported`.
        entity_type: Of what it was done to, such as a table's name.
        entity_id: Of what it was done to.
        old: Values before.
        new: Values after, or what it was done with.
    """
    values = noted(db.origin, db.tenant_id, action, entity_type=entity_type, entity_id=entity_id, old=old, new=new)
    await db.run(NOTE, **values)


async def audit_rows(db: Db, wanted: AuditFilter, *, before: UUID | None, limit: int) -> list[AuditRow]:
    """Return the latest entries of the tenant, latest first.

    Args:
        db: The transaction.
        wanted: Which.
        before: Only those before this entry.
        limit: At most so many.
    """
    values = {name: value for name, value in msgspec.structs.asdict(wanted).items() if value is not None}
    cursor = {} if before is None else {"before": before}
    statement = _rows(frozenset(values), paged=before is not None)
    return await db.rows(AuditRow, statement, limit=limit, **values, **cursor)


async def prune(db: Db) -> None:
    """Forget what is older than the tenant keeps it; for the worker, since no other role may."""
    await db.run(_FORGET_OLD, days=db.tenant.setting(SECURITY, SecuritySettings).audit_log_days)


@cache
def _rows(filters: frozenset[str], *, paged: bool) -> Executable:
    statement = select(*(getattr(AuditLog, name) for name in AuditRow.__struct_fields__))
    statement = statement.where(*(_CONDITIONS[name] for name in sorted(filters)))
    if paged:
        # Times may be equal, and ids follow no order on older servers: both together are one.
        last = bindparam("before", type_=Uuid)
        its_time = select(_LAST.created_at).where(_LAST.id == last).scalar_subquery()
        statement = statement.where(tuple_(AuditLog.created_at, AuditLog.id) < tuple_(its_time, last))
    order = (AuditLog.created_at.desc(), AuditLog.id.desc())
    return statement.order_by(*order).limit(bindparam("limit", type_=Integer))
