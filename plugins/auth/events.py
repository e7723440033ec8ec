"""What has happened to accounts and sessions."""

from typing import ClassVar, Literal
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


class MailAddress(Struct, frozen=True):
    """An address as somebody typed it, normalised; whether an account has it, the listener finds out."""

    email: str


class MailRequested(Event, frozen=True, kw_only=True):
    """Somebody asked for a mail to an address; ours alone, so that asking takes as long whoever has the address."""

    name: ClassVar[str] = "auth.mail.requested"
    reason: Literal["registered_again", "reset", "verification"]
    personal: MailAddress


class AddressChangeRequested(Event, frozen=True, kw_only=True):
    """Somebody wants another address for their account; no more once the session that asked has ended."""

    name: ClassVar[str] = "auth.address_change.requested"
    user_id: UUID
    session_id: UUID | None = None
    personal: MailAddress


class SessionsChanged(Event, frozen=True, kw_only=True):
    """Sessions ended, or the role of their user changed: whoever keeps a copy of them asks anew."""

    name: ClassVar[str] = "auth.sessions.changed"
    user_id: UUID
    session_ids: tuple[UUID, ...]


EVENTS = (UserRegistered, MailRequested, AddressChangeRequested, SessionsChanged)
