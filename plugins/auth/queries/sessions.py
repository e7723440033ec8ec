"""Reads of sessions, and of what signing in needs to know."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct
from sqlalchemy import and_, bindparam, select

from kernel import clock
from kernel.db import Db
from kernel.identity import SessionState
from plugins.auth.schemas.texts import Status
from plugins.auth.tables import Session, User

_CREDENTIALS = select(User.id, User.password_hash, User.password_key_id, User.status, User.email_verified).where(
    User.email == bindparam("email")
)
_SESSION_STATE = (
    select(User.id.label("user_id"), User.role, User.is_operator)
    .join(Session, and_(Session.user_id == User.id, Session.tenant_id == User.tenant_id))
    .where(
        Session.id == bindparam("id"),
        Session.revoked_at.is_(None),
        Session.expires_at > bindparam("now"),
        User.status == "active",
    )
)
_STORED_SESSION = select(Session.user_id, Session.refresh_hash, Session.expires_at, Session.revoked_at).where(
    Session.id == bindparam("id")
)


class Credentials(Struct, frozen=True):
    """What signing in needs to know of an account."""

    id: UUID
    password_hash: str
    password_key_id: str
    status: Status
    email_verified: bool


class StoredSession(Struct, frozen=True):
    """A session as it is kept, living or not."""

    user_id: UUID
    refresh_hash: bytes
    expires_at: datetime
    revoked_at: datetime | None


async def credentials_by_email(db: Db, email: str) -> Credentials | None:
    """Return what signing in needs, by the normalised address."""
    return await db.row(Credentials, _CREDENTIALS, email=email)


async def session_state(db: Db, session_id: UUID) -> SessionState | None:
    """Return a session if it lives and its user may sign in."""
    return await db.row(SessionState, _SESSION_STATE, id=session_id, now=clock.now())


async def stored_session(db: Db, session_id: UUID) -> StoredSession | None:
    """Return a session, living or not."""
    return await db.row(StoredSession, _STORED_SESSION, id=session_id)
