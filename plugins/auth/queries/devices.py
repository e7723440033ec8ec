"""Reads of where somebody is signed in."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct, structs
from sqlalchemy import DateTime, Uuid, bindparam, func, select

from kernel import clock
from kernel.auth import Actor
from kernel.db import Db
from kernel.routing import Page, rows_for
from plugins.auth.rules import device_of
from plugins.auth.schemas.sessions import Device, Method
from plugins.auth.tables import Session

_LIVING = (
    Session.user_id == bindparam("user", type_=Uuid),
    Session.revoked_at.is_(None),
    Session.expires_at > bindparam("now", type_=DateTime(timezone=True)),
)
_PAGE = (
    select(
        Session.id,
        Session.agent,
        Session.address,
        Session.method,
        Session.opened_at,
        Session.last_seen_at,
        Session.expires_at,
    )
    .where(*_LIVING)
    .order_by(Session.last_seen_at.desc(), Session.id)
    .limit(bindparam("most"))
    .offset(bindparam("skip"))
)
_TOTAL = select(func.count()).select_from(Session).where(*_LIVING)


class _LivingSession(Struct, frozen=True):
    id: UUID
    agent: str
    address: str
    method: Method
    opened_at: datetime
    last_seen_at: datetime
    expires_at: datetime


async def devices_page(db: Db, actor: Actor, *, limit: int, offset: int) -> Page[Device]:
    """Return the living sessions of the actor, the one seen last first."""
    return await devices_of(db, actor, actor.id, limit=limit, offset=offset)


async def devices_of(db: Db, actor: Actor, user_id: UUID, *, limit: int, offset: int) -> Page[Device]:
    """Return somebody's living sessions, the one seen last first; the actor's own may be among them.

    Needs: auth.user.manage, for somebody else's
    """
    who = {"user": user_id, "now": clock.now()}
    rows = await db.rows(_LivingSession, _PAGE, most=rows_for(limit), skip=offset, **who)
    items = [
        Device(device=device_of(each.agent), is_current=each.id == actor.session_id, **structs.asdict(each))
        for each in rows
    ]
    return Page(items, await db.value(_TOTAL, **who), rows_for(limit), offset)
