"""Forgetting: codes that expired long ago, and attempts of long ago, a few thousand at a time.

Of a code that somebody has redeemed its row stays, since what it opened names it, but not its text: neither the hash by
which it was found nor what was shown. A code that nobody has redeemed goes as a whole.
"""

from datetime import datetime, timedelta

from sqlalchemy import Integer, bindparam, delete, func, null, select, update

from kernel import clock
from kernel.db import Db
from plugins.codes.settings import SETTINGS, CodesSettings
from plugins.codes.tables import AccessCode

_EXPIRED = (AccessCode.expires_at < bindparam("since"), AccessCode.code_display.is_not(None))
_due = (
    select(AccessCode.id)
    .where(*_EXPIRED)
    .order_by(AccessCode.expires_at)
    .limit(bindparam("most", type_=Integer))
    # Whoever is changing one at this moment, perhaps its expiry, is not waited for.
    .with_for_update(skip_locked=True)
    .cte("due")
)
_removed = (
    delete(AccessCode)
    .where(AccessCode.id == _due.c.id, AccessCode.current_uses == 0)
    .returning(AccessCode.id)
    .cte("removed")
)
_stripped = (
    update(AccessCode)
    .where(AccessCode.id == _due.c.id, AccessCode.current_uses > 0)
    .values(code_lookup=null(), lookup_kid=null(), code_display=null())
    .returning(AccessCode.id)
    .cte("stripped")
)
_FORGET_CODES = select(
    select(func.count()).select_from(_removed).scalar_subquery()
    + select(func.count()).select_from(_stripped).scalar_subquery()
)
_FORGET_ATTEMPTS = select(
    func.codes.forget_old_attempts(bindparam("days", type_=Integer), bindparam("most", type_=Integer))
)


def forgotten_since(db: Db) -> datetime | None:
    """Return before which moment a code must have expired for the tenant to forget it; None for never."""
    days = db.tenant.setting(SETTINGS, CodesSettings).keep_expired_days
    return clock.now() - timedelta(days=days) if days else None


async def forget_codes(db: Db, most: int) -> int:
    """Remove or strip codes that expired long ago, no more than so many; return how many."""
    since = forgotten_since(db)
    forgotten: int = 0 if since is None else await db.value(_FORGET_CODES, since=since, most=most)
    return forgotten


async def forget_attempts(db: Db, most: int) -> int:
    """Remove attempts of long ago, no more than so many; return how many."""
    days = db.tenant.setting(SETTINGS, CodesSettings).keep_attempts_days
    forgotten: int = await db.value(_FORGET_ATTEMPTS, days=days, most=most)
    return forgotten
