"""Reads of the log of attempts: those on one code, and all of a tenant."""

from datetime import datetime
from functools import cache
from uuid import UUID

from msgspec import UNSET, Struct
from sqlalchemy import Executable, Integer, bindparam, func, select

from kernel.auth import Actor
from kernel.db import Db
from kernel.routing import Page, rows_for
from plugins.auth import api as auth
from plugins.codes.permissions import VIEW
from plugins.codes.queries.cards import access_code
from plugins.codes.schemas import AttemptCard
from plugins.codes.tables import RedemptionAttempt


class StoredAttempt(Struct, frozen=True):
    """An attempt as it is stored."""

    id: UUID
    code_id: UUID | None
    user_id: UUID
    outcome: str
    attempted_at: datetime
    ip_address: str


@cache
def _page(names: tuple[str, ...]) -> tuple[Executable, Executable]:
    """Return the statements for one page and for the number of all, filtered by these columns."""
    columns = RedemptionAttempt.__table__.c
    conditions = [columns[name] == bindparam(name) for name in names]
    rows = (
        select(*(columns[name] for name in StoredAttempt.__struct_fields__))
        .where(*conditions)
        # Along the index of the filter.
        .order_by(*((columns.attempted_at.desc(),) if "code_id" in names else ()), columns.id.desc())
        .limit(bindparam("limit", type_=Integer))
        .offset(bindparam("offset", type_=Integer))
    )
    return rows, select(func.count()).select_from(RedemptionAttempt).where(*conditions)


async def attempts_on(
    db: Db, actor: Actor, code_id: UUID, *, outcome: str | None, limit: int, offset: int
) -> Page[AttemptCard]:
    """Return who tried a code, latest first.

    Needs: codes.access_code.view

    Raises:
        CodeNotFound: There is no such code, or the actor may not see it.
    """
    await access_code(db, actor, code_id)
    return await attempts_of(db, actor, code_id, outcome=outcome, limit=limit, offset=offset)


async def attempts_of(
    db: Db, actor: Actor, code_id: UUID, *, outcome: str | None, limit: int, offset: int
) -> Page[AttemptCard]:
    """Return who tried a code that the caller has found in the actor's care, latest first."""
    sees_addresses = actor.scope(VIEW) == "any"
    filters: dict[str, object] = {"code_id": code_id}
    if outcome is not None:
        filters["outcome"] = outcome
    return await _attempts(db, filters, limit, offset, sees_addresses=sees_addresses)


async def all_attempts(db: Db, *, outcome: str | None, limit: int, offset: int) -> Page[AttemptCard]:
    """Return every attempt of the tenant, latest first; those on no code of it too.

    Needs: codes.attempt.view
    """
    return await _attempts(db, {} if outcome is None else {"outcome": outcome}, limit, offset, sees_addresses=True)


async def _attempts(
    db: Db, filters: dict[str, object], limit: int, offset: int, *, sees_addresses: bool
) -> Page[AttemptCard]:
    rows, count = _page(tuple(filters))
    stored = await db.rows(StoredAttempt, rows, limit=rows_for(limit), offset=offset, **filters)
    total = await db.value(count, **filters)
    users = await auth.users_by_id(db, {each.user_id for each in stored})
    items = [
        AttemptCard(
            id=each.id,
            code_id=each.code_id,
            user=users.get(each.user_id),
            outcome=each.outcome,
            attempted_at=each.attempted_at,
            ip_address=each.ip_address if sees_addresses else UNSET,
        )
        for each in stored
    ]
    return Page(items, total, rows_for(limit), offset)
