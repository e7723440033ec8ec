"""Sessions: opened, refreshed, ended.

Who may have one is decided in `admission`; what a refresh token is made of, in `refresh_tokens`; how a request finds
its session, in `kernel.door`.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct
from sqlalchemy import ARRAY, DateTime, Uuid, and_, any_, bindparam, case, func, insert, or_, select, update

from kernel import clock
from kernel.auth import AccessClaims, Actor, grant_patterns
from kernel.db import Db
from kernel.errors import DomainError, NotFound, Unauthenticated
from kernel.events import publish
from kernel.identity import SessionState
from kernel.ids import new_id
from plugins.auth import refresh_tokens
from plugins.auth.errors import RefreshInvalid, SessionRevoked
from plugins.auth.events import SessionsChanged
from plugins.auth.queries.sessions import stored_session
from plugins.auth.refresh_tokens import RefreshToken
from plugins.auth.schemas.sessions import Method
from plugins.auth.tables import Session, User

REFRESH_TTL = timedelta(days=7)
ABSOLUTE_TTL = timedelta(days=30)
GRACE = timedelta(seconds=10)
_MOST_OF_AGENT = 300

_NOW = bindparam("now", type_=DateTime(timezone=True))
_INSERT_SESSION = insert(Session).values(
    id=bindparam("id"),
    user_id=bindparam("user_id"),
    refresh_hash=bindparam("refresh_hash"),
    method=bindparam("method"),
    second_factor=bindparam("second_factor"),
    opened_at=_NOW,
    rotated_at=_NOW,
    expires_at=bindparam("expires_at"),
    absolute_expires_at=bindparam("absolute_expires_at"),
    last_seen_at=_NOW,
    address=bindparam("address"),
    agent=bindparam("agent"),
)
# Rotation and the repeated answer to the immediate predecessor are one statement, so that two tabs that come at
# once are put in a row by the row's lock, and the second one finds what the first one made.
_ROTATE = (
    update(Session)
    .where(
        Session.id == bindparam("session"),
        Session.revoked_at.is_(None),
        Session.expires_at > _NOW,
        or_(
            Session.refresh_hash == bindparam("presented"),
            and_(Session.refresh_hash == bindparam("next"), Session.rotated_at > bindparam("grace_since")),
        ),
        User.id == Session.user_id,
        User.tenant_id == Session.tenant_id,
        User.status == "active",
    )
    .values(
        refresh_hash=bindparam("next"),
        rotated_at=case((Session.refresh_hash == bindparam("presented"), _NOW), else_=Session.rotated_at),
        expires_at=func.least(bindparam("expires_at", type_=DateTime(timezone=True)), Session.absolute_expires_at),
        last_seen_at=_NOW,
        address=bindparam("address"),
        agent=bindparam("agent"),
    )
    .returning(User.id.label("user_id"), User.role, Session.expires_at)
)
_END = (
    update(Session)
    .where(Session.id == any_(bindparam("sessions", type_=ARRAY(Uuid))), Session.revoked_at.is_(None))
    .values(revoked_at=_NOW)
    .returning(Session.id, Session.user_id)
)
_END_ALL = (
    update(Session)
    .where(Session.user_id == bindparam("user"), Session.revoked_at.is_(None))
    .values(revoked_at=_NOW)
    .returning(Session.id)
)
_END_OTHERS = (
    update(Session)
    .where(Session.user_id == bindparam("user"), Session.id != bindparam("kept"), Session.revoked_at.is_(None))
    .values(revoked_at=_NOW)
    .returning(Session.id)
)
_END_OWN = (
    update(Session)
    .where(Session.id == bindparam("session"), Session.user_id == bindparam("user"), Session.revoked_at.is_(None))
    .where(Session.expires_at > _NOW)
    .values(revoked_at=_NOW)
    .returning(Session.id)
)
_NOTE_FACTOR = (
    update(Session)
    .where(Session.id == bindparam("session"), Session.revoked_at.is_(None))
    .values(second_factor=bindparam("proved"))
)
_LIVING = select(Session.id).where(Session.user_id == bindparam("user"), Session.revoked_at.is_(None))


class Tokens(Struct, frozen=True):
    """What a signed-in client gets."""

    access_token: str
    refresh_token: str
    expires_in: int
    refresh_expires_in: int


class _Ended(Struct, frozen=True):
    id: UUID
    user_id: UUID


class _Rotated(Struct, frozen=True):
    user_id: UUID
    role: str
    expires_at: datetime


async def open_session(db: Db, state: SessionState, *, method: Method) -> Tokens:
    """Open a session for a user whom `admission` lets in."""
    now, session_id, secret = clock.now(), new_id(), refresh_tokens.new_secret()
    await db.run(
        _INSERT_SESSION,
        id=session_id,
        user_id=state.user_id,
        refresh_hash=refresh_tokens.fingerprint(secret),
        method=method,
        second_factor=state.second_factor,
        now=now,
        expires_at=now + REFRESH_TTL,
        absolute_expires_at=now + ABSOLUTE_TTL,
        address=db.origin.address,
        agent=agent_of(db),
    )
    db.after_commit(lambda: db.deployment.gate.keep_session(db.tenant_id, session_id, state))
    return _tokens(db, session_id, secret, _Rotated(state.user_id, state.role, now + REFRESH_TTL))


def _tokens(db: Db, session_id: UUID, secret: bytes, session: _Rotated) -> Tokens:
    access_token, expires_in = db.deployment.tokens.issue(
        user_id=session.user_id,
        tenant_id=db.tenant_id,
        session_id=session_id,
        role=session.role,
        patterns=grant_patterns(db.tenant.grants(session.role), db.tenant.permissions),
    )
    refresh_token = refresh_tokens.write(db.deployment.keyring, db.tenant_id, session_id, secret)
    left = session.expires_at - clock.now()
    return Tokens(access_token, refresh_token, expires_in, int(left.total_seconds()))


async def refresh(db: Db, text: str) -> Tokens:
    """Exchange a refresh token for its successor; the immediate predecessor gets the same one for ten seconds.

    Raises:
        RefreshInvalid: We never made this token, or its time is over.
        SessionRevoked: The session was ended, or is now, because an older token came again.
    """
    keyring = db.deployment.keyring
    token = refresh_tokens.read(keyring, db.tenant_id, text)
    if token is None:
        raise RefreshInvalid
    secret, now = refresh_tokens.successor(keyring, token), clock.now()
    rotated = await db.row(
        _Rotated,
        _ROTATE,
        session=token.session_id,
        presented=token.fingerprint,
        next=refresh_tokens.fingerprint(secret),
        now=now,
        grace_since=now - GRACE,
        expires_at=now + REFRESH_TTL,
        address=db.origin.address,
        agent=agent_of(db),
    )
    if rotated is None:
        raise await _refusal(db, token)
    return _tokens(db, token.session_id, secret, rotated)


async def _refusal(db: Db, token: RefreshToken) -> DomainError:
    """Return why a token was not exchanged, after ending the session if it came a second time."""
    stored = await stored_session(db, token.session_id)
    await db.release()
    if stored is None or stored.expires_at <= clock.now():
        return RefreshInvalid()
    if stored.revoked_at is not None:
        return SessionRevoked()
    if stored.refresh_hash == token.fingerprint:
        # It is the newest one, so it is the user who may not sign in.
        return RefreshInvalid()
    # The refusal would take this along if it stood in the request's own transaction.
    async with db.deployment.database.transaction(db.origin, db.tenant) as lasting:
        await end_sessions(lasting, [token.session_id])
    return SessionRevoked()


async def sign_out(db: Db, *, access_token: str, refresh_token: str) -> None:
    """End the session of whichever of the two tokens still means one; nothing happens if it has ended before."""
    sessions = set()
    if (claims := _claims(db, access_token)) is not None and claims.tenant == db.tenant_id:
        sessions.add(claims.session)
    if (token := refresh_tokens.read(db.deployment.keyring, db.tenant_id, refresh_token)) is not None:
        sessions.add(token.session_id)
    await end_sessions(db, sessions)


def _claims(db: Db, access_token: str) -> AccessClaims | None:
    try:
        return db.deployment.tokens.verify(access_token)
    except Unauthenticated:
        return None


async def end_sessions(db: Db, session_ids: Collection[UUID]) -> None:
    """End sessions, felt at the next request.

    Emits: auth.sessions.changed
    """
    if session_ids:
        for ended in await db.rows(_Ended, _END, sessions=list(session_ids), now=clock.now()):
            await _tell(db, ended.user_id, [ended.id])


async def end_sessions_of(db: Db, user_id: UUID) -> None:
    """End every session of a user, felt at the next request.

    Emits: auth.sessions.changed
    """
    await _tell(db, user_id, await db.values(_END_ALL, user=user_id, now=clock.now()))


async def end_own_session(db: Db, actor: Actor, session_id: UUID) -> None:
    """End one of the actor's own sessions, felt at its next request; the one that asks may be it.

    Emits: auth.sessions.changed

    Raises:
        NotFound: It is not there, has ended, or is somebody else's.
    """
    ended = await db.values(_END_OWN, session=session_id, user=actor.id, now=clock.now())
    if not ended:
        raise NotFound
    await _tell(db, actor.id, ended)


async def end_other_sessions(db: Db, actor: Actor) -> None:
    """End every session of the actor but the one that asks, felt at the next request.

    Emits: auth.sessions.changed
    """
    if actor.session_id is None:
        raise Unauthenticated
    ended = await db.values(_END_OTHERS, user=actor.id, kept=actor.session_id, now=clock.now())
    await _tell(db, actor.id, ended)


async def note_second_factor(db: Db, actor: Actor, *, proved: bool) -> None:
    """Keep whether the actor's session has proved a second factor, felt at the next request.

    Emits: auth.sessions.changed
    """
    if actor.session_id is not None and await db.run(_NOTE_FACTOR, session=actor.session_id, proved=proved):
        await _tell(db, actor.id, [actor.session_id])


async def renew_sessions_of(db: Db, user_id: UUID) -> None:
    """Make the next request of each of a user's sessions ask who the user is now.

    Emits: auth.sessions.changed
    """
    await _tell(db, user_id, await db.values(_LIVING, user=user_id))


async def _tell(db: Db, user_id: UUID, session_ids: Collection[UUID]) -> None:
    if not session_ids:
        return
    ids = tuple(session_ids)
    db.after_commit(lambda: db.deployment.gate.forget_sessions(db.tenant_id, ids))
    # Once more by a listener, which goes on trying should Redis not answer right now.
    await publish(db, SessionsChanged(user_id=user_id, session_ids=ids))


def agent_of(db: Db) -> str:
    """Return as much of the User-Agent as is kept."""
    return db.origin.agent[:_MOST_OF_AGENT]
