"""What requests about accounts may say, and what is answered."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from kernel.routing import Body
from plugins.auth.permissions import Role

Status = Literal["active", "inactive", "suspended"]
Email = Annotated[str, Meta(max_length=254, pattern=r"^[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+$")]
NewPassword = Annotated[str, Meta(min_length=1, max_length=1000)]
"""The policy says what it must be (`rules`), in words that name each broken rule."""
PersonName = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"\S")]
ShortText = Annotated[str, Meta(min_length=1, max_length=100)]
LongText = Annotated[str, Meta(min_length=1, max_length=2000)]
Phone = Annotated[str, Meta(max_length=20, pattern=r"^\+?[0-9 ()./-]{3,}$")]
RefreshTokenText = Annotated[str, Meta(min_length=1, max_length=4096)]


class RegisterRequest(Body, frozen=True, kw_only=True):
    """Somebody who wants an account of their own."""

    email: Email
    password: NewPassword
    first_name: PersonName
    last_name: PersonName


class LoginRequest(Body, frozen=True):
    """An address and a password as somebody typed them."""

    email: Annotated[str, Meta(max_length=254)]
    password: Annotated[str, Meta(max_length=128)]


class RefreshRequest(Body, frozen=True):
    """The refresh token of a client without cookies."""

    refresh_token: RefreshTokenText | None = None


class CreateUserRequest(Body, frozen=True, kw_only=True):
    """An account that an administrator makes for somebody."""

    email: Email
    role: Role
    first_name: PersonName
    last_name: PersonName
    password: NewPassword


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


class Registered(Struct, frozen=True):
    """The answer to every registration, whether or not the address was free."""

    status: Literal["check_your_mail"] = "check_your_mail"


class SignedIn(Struct, frozen=True, kw_only=True):
    """Who has signed in, and their tokens."""

    user: UserDetails
    access_token: str
    refresh_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - a scheme, no password
    expires_in: int


class Refreshed(Struct, frozen=True, kw_only=True):
    """New tokens; where they came by cookie, they go by cookie and stand not here."""

    access_token: str | UnsetType = UNSET
    refresh_token: str | UnsetType = UNSET
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - a scheme, no password
    expires_in: int
