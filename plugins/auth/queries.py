"""Reads of accounts and sessions."""

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from uuid import UUID

from msgspec import Struct
from sqlalchemy import ARRAY, Executable, Text, Uuid, and_, any_, bindparam, func, select

from kernel import clock
from kernel.auth import Actor
from kernel.db import Db
from kernel.errors import NotFound
from kernel.identity import SessionState
from kernel.routing import Page, rows_for
from kernel.tables import normalised
from plugins.auth.permissions import READ_USER, Role
from plugins.auth.schemas import Status, UserCard, UserDetails, UserRef
from plugins.auth.tables import Session, User, UserProfile

_WITH_PROFILE = and_(UserProfile.user_id == User.id, UserProfile.tenant_id == User.tenant_id)
_CARD = (
    User.id,
    User.email,
    User.role,
    User.status,
    User.email_verified,
    User.last_login,
    User.created_at,
    UserProfile.first_name,
    UserProfile.last_name,
    UserProfile.avatar_url,
)
_DETAILS = (
    select(
        *_CARD,
        UserProfile.phone,
        UserProfile.bio,
        UserProfile.date_of_birth,
        UserProfile.address,
        UserProfile.city,
        UserProfile.country,
        UserProfile.timezone,
    )
    .join(UserProfile, _WITH_PROFILE)
    .where(User.id == bindparam("id"))
)
_REFERENCES = select(
    UserProfile.user_id.label("id"), UserProfile.first_name, UserProfile.last_name, UserProfile.avatar_url
).where(UserProfile.user_id == any_(bindparam("ids", type_=ARRAY(Uuid))))
_IDS_BY_EMAIL = select(User.id, User.email).where(User.email == any_(bindparam("emails", type_=ARRAY(Text))))
_EMAILS = select(User.id, User.email).where(User.id == any_(bindparam("ids", type_=ARRAY(Uuid))))
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


class Addressed(Struct, frozen=True):
    """An account and its address."""

    id: UUID
    email: str


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


async def user_details(db: Db, user_id: UUID) -> UserDetails:
    """Return an account.

    Raises:
        NotFound: There is none.
    """
    user = await db.row(UserDetails, _DETAILS, id=user_id)
    if user is None:
        raise NotFound
    return user


async def visible_user(db: Db, actor: Actor, user_id: UUID) -> UserDetails:
    """Return an account that the actor may see.

    Needs: auth.user.read

    Raises:
        NotFound: There is none, or not for this actor.
    """
    if actor.limited_to(READ_USER) not in (None, user_id):
        raise NotFound
    return await user_details(db, user_id)


async def users_page(
    db: Db, *, role: Role | None, status: Status | None, q: str | None, limit: int, offset: int
) -> Page[UserCard]:
    """Return accounts by name; `q` is looked for in names and addresses.

    Needs: auth.user.list
    """
    wanted = {"role": role, "status": status, "q": q and f"%{_literally(q)}%"}
    given = {name: value for name, value in wanted.items() if value is not None}
    page, total = _list_statements(frozenset(given))
    items = await db.rows(UserCard, page, most=rows_for(limit), skip=offset, **given)
    return Page(items, await db.value(total, **given), rows_for(limit), offset)


@cache
def _list_statements(filters: frozenset[str]) -> tuple[Executable, Executable]:
    """Return the statements for a page and its total, for the filters with these names."""
    text = UserProfile.first_name + " " + UserProfile.last_name + " " + User.email
    conditions = {
        "role": User.role == bindparam("role"),
        "status": User.status == bindparam("status"),
        "q": text.ilike(bindparam("q"), escape="\\"),
    }
    chosen = [conditions[name] for name in sorted(filters)]
    page = select(*_CARD).join(UserProfile, _WITH_PROFILE).where(*chosen)
    total = select(func.count()).select_from(User).join(UserProfile, _WITH_PROFILE).where(*chosen)
    in_order = page.order_by(UserProfile.last_name, UserProfile.first_name, User.id)
    return in_order.limit(bindparam("most")).offset(bindparam("skip")), total


def _literally(text: str) -> str:
    """Return a text without the wildcards of LIKE."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


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


async def credentials_by_email(db: Db, email: str) -> Credentials | None:
    """Return what signing in needs, by the normalised address."""
    return await db.row(Credentials, _CREDENTIALS, email=email)


async def session_state(db: Db, session_id: UUID) -> SessionState | None:
    """Return a session if it lives and its user may sign in."""
    return await db.row(SessionState, _SESSION_STATE, id=session_id, now=clock.now())


async def stored_session(db: Db, session_id: UUID) -> StoredSession | None:
    """Return a session, living or not."""
    return await db.row(StoredSession, _STORED_SESSION, id=session_id)
