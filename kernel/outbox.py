"""The statements of the outbox: how rows are claimed, acknowledged, put off and given up.

A claim counts the attempt and hides the row until the next one is due. Rows are found by `ctid`: they are locked in
the same statement, so it cannot change, and the plan does not depend on what PostgreSQL believes about a table whose
rows come and go. When to do which is decided in `kernel.dispatch`.
"""

from collections.abc import Sequence
from uuid import UUID

import msgspec
from sqlalchemy import column, text

from kernel.db import Db

MOST_ATTEMPTS = 8

# Until an attempt is due again: 0.5, 2, 8, 32, 128, then 512 seconds, give or take a fifth.
_BACKOFF = "0.5 * 4 ^ least({attempts_before}, 5) * (0.8 + 0.4 * random()) * interval '1 second'"


class Claim(msgspec.Struct, frozen=True):
    """A row that this process may try to deliver."""

    tenant_id: UUID
    id: UUID
    listener: str
    event_version: int
    payload: str
    actor_id: UUID | None
    request_id: str
    attempts: int
    is_dead: bool
    tenant_version: int | None


_CLAIM = text(f"""
    WITH claimed AS (
        UPDATE kernel.outbox
        SET attempts = attempts + 1,
            available_at = now() + {_BACKOFF.format(attempts_before="attempts")},
            dead_at = CASE WHEN attempts >= {MOST_ATTEMPTS} THEN now() END,
            last_error = CASE WHEN attempts >= {MOST_ATTEMPTS} THEN 'The last attempt ended its worker.'
                              ELSE last_error END
        WHERE ctid = ANY (ARRAY(
            SELECT place FROM (
                SELECT due.*, row_number() OVER (PARTITION BY attempts > 0 ORDER BY available_at, id) AS number
                FROM (
                    SELECT ctid AS place, attempts, available_at, id FROM kernel.outbox
                    WHERE dead_at IS NULL AND available_at <= now() AND listener = ANY (CAST(:listeners AS text[]))
                    ORDER BY available_at, id
                    LIMIT CAST(:most AS integer)
                    FOR UPDATE SKIP LOCKED) AS due) AS numbered
            WHERE attempts = 0 OR number <= CAST(:most_again AS integer)))
        RETURNING tenant_id, id, listener, event_version, payload, actor_id, request_id, attempts, dead_at),
    versions AS MATERIALIZED (
        SELECT tenant_id, (SELECT version FROM kernel.tenant_by_id(tenant_id)) AS version
        FROM (SELECT DISTINCT tenant_id FROM claimed) AS tenants)
    SELECT claimed.tenant_id, id, listener, event_version, CAST(payload AS text), actor_id, request_id, attempts,
           dead_at IS NOT NULL, versions.version
    FROM claimed JOIN versions ON versions.tenant_id = claimed.tenant_id
    ORDER BY attempts DESC, id
""").columns(*(column(name) for name in Claim.__struct_fields__))  # noqa: S608 - from constants
_TAKE_AWAY = text("""
    DELETE FROM kernel.outbox
    WHERE ctid = (
        SELECT ctid FROM kernel.outbox
        WHERE tenant_id = CAST(:tenant_id AS uuid) AND id = CAST(:id AS uuid) AND attempts = CAST(:attempts AS integer)
        FOR UPDATE SKIP LOCKED)
""")
_FAIL = text(f"""
    UPDATE kernel.outbox
    SET last_error = CAST(:error AS text),
        available_at = now() + {_BACKOFF.format(attempts_before="attempts - 1")},
        dead_at = CASE WHEN attempts >= {MOST_ATTEMPTS} THEN now() END
    WHERE tenant_id = CAST(:tenant_id AS uuid) AND id = CAST(:id AS uuid) AND attempts = CAST(:attempts AS integer)
    RETURNING dead_at IS NOT NULL
""").columns(column("is_dead"))  # noqa: S608 - from constants
_PUT_BACK = text("""
    UPDATE kernel.outbox
    SET attempts = outbox.attempts - 1, available_at = now()
    FROM unnest(CAST(:tenant_ids AS uuid[]), CAST(:ids AS uuid[]), CAST(:attempts AS integer[]))
         AS unused (tenant_id, id, attempts)
    WHERE outbox.tenant_id = unused.tenant_id AND outbox.id = unused.id AND outbox.attempts = unused.attempts
""")
_POSTPONE = text("""
    UPDATE kernel.outbox
    SET available_at = now() + interval '1 minute',
        attempts = attempts - CASE WHEN id = CAST(:id AS uuid) THEN 1 ELSE 0 END
    WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM kernel.outbox
        WHERE tenant_id = CAST(:tenant_id AS uuid) AND dead_at IS NULL
          AND listener = ANY (CAST(:listeners AS text[]))
          AND (available_at <= now() OR id = CAST(:id AS uuid))
        FOR UPDATE SKIP LOCKED))
""")


async def claim(db: Db, listeners: Sequence[str], *, most: int, most_again: int) -> list[Claim]:
    """Claim the oldest rows that are due; those that were tried before stand first.

    A row whose last attempt was never heard of again is marked dead; it is returned too, to be told of.

    Args:
        db: Of the worker role.
        listeners: For whom.
        most: How many.
        most_again: How many of them may have been tried before. Such a row may be one that ends its worker, and claims
            in advance, which it would take along, must not die of that.
    """
    return await db.rows(Claim, _CLAIM, listeners=listeners, most=most, most_again=most_again)


async def take_away(db: Db, claimed: Claim) -> bool:
    """Delete the row in the transaction of its effect; False if it is not this process's any more."""
    return await db.run(_TAKE_AWAY, tenant_id=claimed.tenant_id, id=claimed.id, attempts=claimed.attempts) > 0


async def fail(db: Db, claimed: Claim, error: str) -> bool:
    """Write down why an attempt failed; return whether it was the last, so that the row is dead."""
    return bool(
        await db.value(_FAIL, tenant_id=claimed.tenant_id, id=claimed.id, attempts=claimed.attempts, error=error)
    )


async def put_back(db: Db, unused: Sequence[Claim]) -> None:
    """Give up claims that were not tried, as if they had never been made."""
    await db.run(
        _PUT_BACK,
        tenant_ids=[each.tenant_id for each in unused],
        ids=[each.id for each in unused],
        attempts=[each.attempts for each in unused],
    )


async def postpone(db: Db, claimed: Claim, listeners: Sequence[str]) -> None:
    """Put off all that waits in the tenant for these listeners, without counting the attempt."""
    await db.run(_POSTPONE, tenant_id=claimed.tenant_id, id=claimed.id, listeners=listeners)
