"""What waits: jobs and events, how many and for how long, over all tenants; for the operator's metrics.

The worker's role reads it, since the app role sees neither. What failed for good is listed in `kernel.failures`.
"""

from typing import Any

import msgspec
from sqlalchemy import ColumnClause, column, text

from kernel.db import Database, Origin
from kernel.deployment import Deployment

_TASKS = text("""
    SELECT count(*) FILTER (WHERE status = 'queued'), count(*) FILTER (WHERE status = 'picked'),
           count(*) FILTER (WHERE status = 'failed'),
           coalesce(CAST(extract(epoch FROM now() - min(execute_after)
               FILTER (WHERE status = 'queued' AND execute_after <= now())) AS float), 0.0)
    FROM queue.pgqueuer
""")
_EVENTS = text("""
    SELECT count(*) FILTER (WHERE dead_at IS NULL), 0, count(*) FILTER (WHERE dead_at IS NOT NULL),
           coalesce(CAST(extract(epoch FROM now() - min(created_at) FILTER (WHERE dead_at IS NULL)) AS float), 0.0)
    FROM kernel.outbox
""")


class Backlog(msgspec.Struct, frozen=True):
    """How much waits, runs and has failed for good, and how long the oldest that is due has waited."""

    waiting: int
    running: int
    failed: int
    oldest_s: float


_COLUMNS: list[ColumnClause[Any]] = [column(name) for name in Backlog.__struct_fields__]
_BY_KIND = {"task": _TASKS.columns(*_COLUMNS), "event": _EVENTS.columns(*_COLUMNS)}


async def backlogs(deployment: Deployment) -> dict[str, Backlog]:
    """Return the backlog of tasks and of events."""
    database = Database(deployment.settings.worker_database_url, deployment=deployment, pool_size=1)
    try:
        async with database.transaction(Origin(tenant_id=None), read_only=True) as db:
            found = {kind: await db.row(Backlog, statement) for kind, statement in _BY_KIND.items()}
    finally:
        await database.close()
    return {kind: each for kind, each in found.items() if each is not None}
