"""People and addresses looked up in bulk, for other plugins."""

from collections.abc import Iterable
from uuid import UUID

from msgspec import Struct
from sqlalchemy import ARRAY, Integer, Text, Uuid, any_, bindparam, select

from kernel.db import Db
from kernel.tables import normalised
from plugins.auth.schemas.users import UserRef
from plugins.auth.tables import User, UserProfile

_REFERENCES = select(
    UserProfile.user_id.label("id"), UserProfile.first_name, UserProfile.last_name, UserProfile.avatar_url
).where(UserProfile.user_id == any_(bindparam("ids", type_=ARRAY(Uuid))))
_IDS_BY_EMAIL = select(User.id, User.email).where(User.email == any_(bindparam("emails", type_=ARRAY(Text))))
_EMAILS = select(User.id, User.email).where(User.id == any_(bindparam("ids", type_=ARRAY(Uuid))))


_IDS_BY_ROLE = (
    select(User.id)
    .where(User.role == any_(bindparam("roles", type_=ARRAY(Text))), User.status == "active", User.deleted_at.is_(None))
    .order_by(User.id)
    .limit(bindparam("most", type_=Integer))
)


class Addressed(Struct, frozen=True):
    """An account and its address."""

    id: UUID
    email: str


async def users_by_id(db: Db, ids: Iterable[UUID]) -> dict[UUID, UserRef]:
    """Return people by their ids, in one query; ids that are unknown here are left out."""
    wanted = list(set(ids))
    if not wanted:
        return {}
    return {user.id: user for user in await db.rows(UserRef, _REFERENCES, ids=wanted)}


async def user_ids_by_email(db: Db, emails: Iterable[str]) -> dict[str, UUID]:
    """Return the ids of accounts by their normalised addresses; those that are not there are left out."""
    rows = await db.rows(Addressed, _IDS_BY_EMAIL, emails=[normalised(email) for email in emails])
    return {row.email: row.id for row in rows}


async def emails_by_id(db: Db, ids: Iterable[UUID]) -> dict[UUID, str]:
    """Return the normalised addresses of accounts; for deciding and for sending, not for showing to others."""
    rows = await db.rows(Addressed, _EMAILS, ids=list(ids))
    return {row.id: row.email for row in rows}


async def user_ids_by_role(db: Db, roles: Iterable[str], *, most: int) -> list[UUID]:
    """Return the active accounts of these roles, the oldest first and no more than so many."""
    return await db.values(_IDS_BY_ROLE, roles=list(roles), most=most)
