"""The audit log of a tenant with the people in it."""

from collections.abc import AsyncIterator
from uuid import UUID

import msgspec

from kernel.audit import AuditFilter, AuditRow, audit_rows
from kernel.db import Db
from kernel.routing import rows_for
from plugins.admin.schemas import AuditEntry, AuditPage
from plugins.auth import api as auth


async def audit_page(db: Db, wanted: AuditFilter, *, before: UUID | None, limit: int) -> AuditPage:
    """Return the latest entries, or those before one.

    Needs: admin.audit_log.read
    """
    most = rows_for(limit)
    rows = await audit_rows(db, wanted, before=before, limit=most + 1)
    people = await auth.users_by_id(db, {row.user_id for row in rows if row.user_id is not None})
    items = [
        AuditEntry(user=people.get(row.user_id) if row.user_id else None, **msgspec.structs.asdict(row))
        for row in rows[:most]
    ]
    return AuditPage(items, most, items[-1].id if len(rows) > most else None)


async def audit_batches(db: Db, wanted: AuditFilter) -> AsyncIterator[list[AuditRow]]:
    """Yield the whole log, latest first, a batch at a time and a transaction each: a slow client holds none."""
    before: UUID | None = None
    while True:
        async with db.deployment.database.transaction(db.origin, db.tenant) as own:
            rows = await audit_rows(own, wanted, before=before, limit=1000)
        if not rows:
            return
        yield rows
        before = rows[-1].id
