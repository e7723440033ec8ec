"""How many people there are."""

from collections.abc import Mapping

from msgspec import Struct
from sqlalchemy import func, select

from kernel.db import Db
from kernel.totals import counts_of
from plugins.auth.tables import User

_BY_ROLE = select(User.role, func.count().label("count")).where(User.deleted_at.is_(None)).group_by(User.role)


class _Count(Struct, frozen=True):
    role: str
    count: int


async def people_by_role(db: Db) -> Mapping[str, int]:
    """Return the number of accounts of each role, under its plural."""
    found = await counts_of(db, _Count, _BY_ROLE, {}, key={}, total=lambda rows: sum(each.count for each in rows))
    counts = {each.role: each.count for each in found}
    return {f"{role}s": counts.get(role, 0) for role in ("admin", "instructor", "student")}
