"""Reactions to our own events."""

from kernel.db import Db
from kernel.events import Listener
from plugins.auth.actions import mail_requests
from plugins.auth.events import AddressChangeRequested, MailRequested, SessionsChanged, UserRegistered


async def forget_sessions(db: Db, event: SessionsChanged) -> None:
    """Make Redis forget the sessions, should it not have answered when they changed."""
    await db.deployment.gate.forget_sessions(db.tenant_id, event.session_ids)


async def _confirm_registration(db: Db, event: UserRegistered) -> None:
    await mail_requests.confirm_registration(db, event.user_id)


LISTENERS = (
    Listener(SessionsChanged, "auth.forget_sessions", forget_sessions),
    Listener(UserRegistered, "auth.confirm_registration", _confirm_registration),
    Listener(MailRequested, "auth.answer_mail_request", mail_requests.answer_request),
    Listener(AddressChangeRequested, "auth.answer_address_change", mail_requests.answer_address_change),
)
