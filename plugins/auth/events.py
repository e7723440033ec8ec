"""What has happened to accounts and sessions."""

from typing import ClassVar
from uuid import UUID

from msgspec import Struct

from kernel.events import Event


class RegisteredPerson(Struct, frozen=True):
    """Who registered, for the mail that greets them."""

    email: str
    first_name: str
    last_name: str


class UserRegistered(Event, frozen=True, kw_only=True):
    """Somebody made an account of their own."""

    name: ClassVar[str] = "auth.user.registered"
    user_id: UUID
    personal: RegisteredPerson


class SessionsChanged(Event, frozen=True, kw_only=True):
    """Sessions ended, or the role of their user changed: whoever keeps a copy of them asks anew."""

    name: ClassVar[str] = "auth.sessions.changed"
    user_id: UUID
    session_ids: tuple[UUID, ...]


EVENTS = (UserRegistered, SessionsChanged)
