"""Reactions to our own events."""

from kernel.db import Db
from kernel.events import Listener
from plugins.auth.events import SessionsChanged


async def forget_sessions(db: Db, event: SessionsChanged) -> None:
    """Make Redis forget the sessions, should it not have answered when they changed."""
    await db.deployment.gate.forget_sessions(db.tenant_id, event.session_ids)


LISTENERS = (Listener(SessionsChanged, "auth.forget_sessions", forget_sessions),)
