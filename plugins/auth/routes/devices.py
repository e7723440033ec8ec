"""Where one is signed in, and signing out there; the same for administrators about others."""

from uuid import UUID

from litestar import delete, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from kernel.auth import Actor, requires, signed_in
from kernel.db import Db
from kernel.replicas import reads_only
from kernel.routing import Limit, Offset, Page
from plugins.auth.actions import sessions, standing
from plugins.auth.permissions import MANAGE_USER
from plugins.auth.queries.devices import devices_of, devices_page
from plugins.auth.queries.users import reached_user
from plugins.auth.schemas.sessions import Device


@get("/users/me/sessions", guards=[signed_in], opt=reads_only(), operation_id="users_sessions")
async def list_sessions(db: Db, actor: Actor, limit: Limit = 20, offset: Offset = 0) -> Page[Device]:
    """Return where one is signed in, the place seen last first."""
    return await devices_page(db, actor, limit=limit, offset=offset)


@delete("/users/me/sessions", guards=[signed_in], operation_id="users_end_other_sessions")
async def end_other_sessions(db: Db, actor: Actor) -> None:
    """Sign out everywhere but here."""
    await sessions.end_other_sessions(db, actor)


@delete("/users/me/sessions/{session_id:uuid}", guards=[signed_in], operation_id="users_end_session")
async def end_session(db: Db, actor: Actor, session_id: FromPath[UUID]) -> None:
    """Sign out in one place."""
    await sessions.end_own_session(db, actor, session_id)


@get(
    "/users/{user_id:uuid}/sessions",
    guards=[requires(MANAGE_USER)],
    opt=reads_only(),
    operation_id="users_sessions_of",
)
async def list_sessions_of(
    db: Db, actor: Actor, user_id: FromPath[UUID], limit: Limit = 20, offset: Offset = 0
) -> Page[Device]:
    """Return where somebody is signed in."""
    await reached_user(db, actor, MANAGE_USER, user_id)
    return await devices_of(db, actor, user_id, limit=limit, offset=offset)


@delete("/users/{user_id:uuid}/sessions", guards=[requires(MANAGE_USER)], operation_id="users_end_sessions_of")
async def end_sessions_of(db: Db, actor: Actor, user_id: FromPath[UUID]) -> None:
    """Sign somebody out everywhere; nothing else of the account changes."""
    await standing.end_sessions_of(db, actor, user_id)


HANDLERS: tuple[HTTPRouteHandler, ...] = (
    list_sessions,
    end_other_sessions,
    end_session,
    list_sessions_of,
    end_sessions_of,
)
