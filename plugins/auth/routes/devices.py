"""Where one is signed in, and signing out there."""

from uuid import UUID

from litestar import delete, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from kernel.auth import Actor, signed_in
from kernel.db import Db
from kernel.replicas import reads_only
from kernel.routing import Limit, Offset, Page
from plugins.auth.actions import sessions
from plugins.auth.queries.devices import devices_page
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


HANDLERS: tuple[HTTPRouteHandler, ...] = (list_sessions, end_other_sessions, end_session)
