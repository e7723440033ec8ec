"""Reads of accounts for whoever writes to them."""

from uuid import UUID

from msgspec import Struct
from sqlalchemy import and_, bindparam, select

from kernel.db import Db
from kernel.errors import NotFound
from plugins.auth.schemas.texts import Status
from plugins.auth.tables import User, UserPreferences, UserProfile

_RECIPIENT = (
    select(
        User.id,
        User.email,
        User.status,
        User.email_verified,
        (User.password_hash.is_(None) & User.last_login.is_(None)).label("is_invited"),
        UserProfile.first_name,
        UserProfile.last_name,
        UserPreferences.locale,
        User.is_operator,
        UserPreferences.notifications,
    )
    .join(UserProfile, and_(UserProfile.user_id == User.id, UserProfile.tenant_id == User.tenant_id))
    .outerjoin(UserPreferences, and_(UserPreferences.user_id == User.id, UserPreferences.tenant_id == User.tenant_id))
    .where(User.deleted_at.is_(None))
)
_BY_ID = _RECIPIENT.where(User.id == bindparam("id"))
_BY_EMAIL = _RECIPIENT.where(User.email == bindparam("email"))


class Recipient(Struct, frozen=True):
    """An account to write to."""

    id: UUID
    email: str
    status: Status
    email_verified: bool
    is_invited: bool
    """It has neither a password nor ever been used."""
    first_name: str
    last_name: str
    locale: str | None
    """The language that they have chosen."""
    is_operator: bool
    """Their links open every tenant, so this tenant's administrators must neither read their mails nor word them."""
    notifications: dict[str, dict[str, bool]] | None
    """What they have chosen to be told of, by kind and channel."""

    def wants(self, kind: str) -> bool:
        """Whether they are mailed something that they could do without."""
        return (self.notifications or {}).get(kind, {}).get("mail", True)


async def recipient(db: Db, user_id: UUID) -> Recipient:
    """Return an account by its id.

    Raises:
        NotFound: There is none.
    """
    found = await recipient_by_id(db, user_id)
    if found is None:
        raise NotFound
    return found


async def recipient_by_id(db: Db, user_id: UUID) -> Recipient | None:
    """Return an account by its id, if it is there."""
    return await db.row(Recipient, _BY_ID, id=user_id)


async def recipient_by_email(db: Db, email: str) -> Recipient | None:
    """Return an account by its normalised address, if it is there."""
    return await db.row(Recipient, _BY_EMAIL, email=email)
