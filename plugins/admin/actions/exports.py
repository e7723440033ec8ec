"""The audit log as a table for spreadsheets."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec

from kernel.audit import AuditFilter, AuditRow, audit_rows, note
from kernel.db import Db
from kernel.spreadsheets import csv_lines
from plugins.admin.queries.audit_logs import audit_batches

_COLUMNS = AuditRow.__struct_fields__


async def export_audit_log(db: Db, wanted: AuditFilter) -> AsyncIterator[bytes]:
    """Return the log as CSV, piece by piece; that it was exported stands in the log before the first piece is sent.

    Needs: admin.audit_log.read
    """
    filters = {name: value for name, value in msgspec.to_builtins(wanted).items() if value is not None}
    # Asked once before the answer starts: a filter that cannot be is then refused, and does not cut the answer off.
    await audit_rows(db, wanted, before=None, limit=1)
    await note(db, "admin.audit_log.exported", entity_type="kernel.audit_logs", new=filters)
    return _pieces(db, wanted)


async def _pieces(db: Db, wanted: AuditFilter) -> AsyncIterator[bytes]:
    yield csv_lines([_COLUMNS])
    async for rows in audit_batches(db, wanted):
        yield csv_lines([[_text(getattr(row, name)) for name in _COLUMNS] for row in rows])


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        return msgspec.json.encode(value).decode()
    plain = msgspec.to_builtins(value)
    return plain if isinstance(plain, str) else str(plain)
