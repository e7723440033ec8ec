"""Reads of sessions, and of what signing in needs to know."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct
from sqlalchemy import and_, bindparam, select

from kernel import clock
from kernel.db import Db
from kernel.errors import NotFound
from kernel.identity import SessionState
from plugins.auth.passwords import StoredPassword
from plugins.auth.schemas.texts import Status
from plugins.auth.tables import Session, User

_CREDENTIALS = select(User.id, User.email, User.password_hash, User.password_key_id)
_CREDENTIALS_BY_EMAIL = _CREDENTIALS.where(User.email == bindparam("email"))
_CREDENTIALS_BY_ID = _CREDENTIALS.where(User.id == bindparam("id"))
_STANDING = select(User.id, User.email, User.status, User.email_verified, User.password_hash).where(
    User.id == bindparam("id")
)
_SESSION_STATE = (
    select(User.id.label("user_id"), User.role, User.is_operator, Session.second_factor)
    .join(Session, and_(Session.user_id == User.id, Session.tenant_id == User.tenant_id))
    .where(
        Session.id == bindparam("id"),
        Session.revoked_at.is_(None),
        Session.expires_at > bindparam("now"),
        User.status == "active",
    )
)
_OPENED_AT = select(Session.opened_at).where(Session.id == bindparam("id"))
_STORED_SESSION = select(Session.user_id, Session.refresh_hash, Session.expires_at, Session.revoked_at).where(
    Session.id == bindparam("id")
)


class Credentials(Struct, frozen=True):
    """An account and its password, if it has one."""

    id: UUID
    email: str
    password_hash: str | None
    password_key_id: str | None

    @property
    def stored_password(self) -> StoredPassword | None:
        """The password as it is kept; None for an account that signs in by other ways alone."""
        if self.password_hash is None or self.password_key_id is None:
            return None
        return StoredPassword(self.password_hash, self.password_key_id)


class Standing(Struct, frozen=True):
    """Whether an account may sign in."""

    id: UUID
    email: str
    status: Status
    email_verified: bool
    password_hash: str | None


class StoredSession(Struct, frozen=True):
    """A session as it is kept, living or not."""

    user_id: UUID
    refresh_hash: bytes
    expires_at: datetime
    revoked_at: datetime | None


async def credentials_by_email(db: Db, email: str) -> Credentials | None:
    """Return an account's password by its normalised address."""
    return await db.row(Credentials, _CREDENTIALS_BY_EMAIL, email=email)


async def credentials_by_id(db: Db, user_id: UUID) -> Credentials:
    """Return an account's password.

    Raises:
        NotFound: There is no such account.
    """
    account = await db.row(Credentials, _CREDENTIALS_BY_ID, id=user_id)
    if account is None:
        raise NotFound
    return account


async def standing(db: Db, user_id: UUID) -> Standing | None:
    """Return whether an account may sign in; None if it is gone."""
    return await db.row(Standing, _STANDING, id=user_id)


async def opened_at(db: Db, session_id: UUID) -> datetime | None:
    """Return when somebody signed in to a session."""
    found: datetime | None = await db.value(_OPENED_AT, id=session_id)
    return found


async def session_state(db: Db, session_id: UUID) -> SessionState | None:
    """Return a session if it lives and its user may sign in."""
    return await db.row(SessionState, _SESSION_STATE, id=session_id, now=clock.now())


async def stored_session(db: Db, session_id: UUID) -> StoredSession | None:
    """Return a session, living or not."""
    return await db.row(StoredSession, _STORED_SESSION, id=session_id)
