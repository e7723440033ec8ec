"""Accounts and profiles."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from kernel.routing import Body
from plugins.auth.permissions import Role
from plugins.auth.schemas.texts import BulkAction, Email, LongText, NewPassword, PersonName, Phone, ShortText, Status


class CreateUserRequest(Body, frozen=True, kw_only=True):
    """An account that an administrator makes for somebody; without a password they are invited by mail."""

    email: Email
    role: Role
    first_name: PersonName
    last_name: PersonName
    password: NewPassword | None = None


class UpdateUserRequest(Body, frozen=True, kw_only=True):
    """What may change about an account; an absent field stays as it is. Role and status are for administrators."""

    role: Role | UnsetType = UNSET
    status: Status | UnsetType = UNSET
    first_name: PersonName | UnsetType = UNSET
    last_name: PersonName | UnsetType = UNSET
    phone: Phone | None | UnsetType = UNSET
    bio: LongText | None | UnsetType = UNSET
    date_of_birth: date | None | UnsetType = UNSET
    address: LongText | None | UnsetType = UNSET
    city: ShortText | None | UnsetType = UNSET
    country: ShortText | None | UnsetType = UNSET
    timezone: Annotated[str, Meta(min_length=1, max_length=50)] | UnsetType = UNSET


class BulkRequest(Body, frozen=True):
    """The same for many accounts: all of them, or none."""

    ids: Annotated[tuple[UUID, ...], Meta(min_length=1, max_length=100)]
    action: BulkAction


class BulkResult(Struct, frozen=True):
    """The accounts as they are now, each once."""

    status: Status
    ids: list[UUID]


class UserRef(Struct, frozen=True):
    """As much of a person as everybody in the tenant may see."""

    id: UUID
    first_name: str
    last_name: str
    avatar_url: str | None


class UserCard(Struct, frozen=True):
    """An account in the administrators' list."""

    id: UUID
    email: str
    role: Role
    status: Status
    email_verified: bool
    last_login: datetime | None
    created_at: datetime
    first_name: str
    last_name: str
    avatar_url: str | None


class UserDetails(UserCard, frozen=True):
    """An account for its owner and for administrators."""

    phone: str | None
    bio: str | None
    date_of_birth: date | None
    address: str | None
    city: str | None
    country: str | None
    timezone: str
