"""Signing in, and exchanging a refresh token."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from kernel.routing import Body
from plugins.auth.schemas.texts import RefreshTokenText, TypedPassword
from plugins.auth.schemas.users import UserDetails

Method = Literal["password", "oauth", "invitation", "passkey"]
"""How somebody proved who they are when a session was opened."""
SecondFactor = Literal["totp", "recovery_code", "passkey"]


class LoginRequest(Body, frozen=True):
    """An address and a password as somebody typed them."""

    email: Annotated[str, Meta(max_length=254)]
    password: TypedPassword


class RefreshRequest(Body, frozen=True):
    """The refresh token of a client without cookies."""

    refresh_token: RefreshTokenText | None = None


class SignInAnswer(Struct, frozen=True, kw_only=True):
    """Who has signed in, and their tokens.

    With `mfa_enrolment_required` they can do nothing but set up a second factor, which their school asks for.
    """

    user: UserDetails
    access_token: str
    refresh_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - a scheme, no password
    expires_in: int
    mfa_enrolment_required: Literal[True] | UnsetType = UNSET


class MfaRequired(Struct, frozen=True, kw_only=True):
    """What somebody gets who has proved the first factor and owes a second one: no session yet."""

    mfa_required: Literal[True] = True
    mfa_token: str
    methods: tuple[SecondFactor, ...]
    expires_in: int


class Refreshed(Struct, frozen=True, kw_only=True):
    """New tokens; where they came by cookie, they go by cookie and stand not here."""

    access_token: str | UnsetType = UNSET
    refresh_token: str | UnsetType = UNSET
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - a scheme, no password
    expires_in: int


class Device(Struct, frozen=True, kw_only=True):
    """A place from where somebody is signed in to their own account."""

    id: UUID
    device: str
    """In words, such as `Firefox on Windows`."""
    agent: str
    address: str
    method: Method
    opened_at: datetime
    last_seen_at: datetime
    """When the session was last renewed, which an open one is every quarter of an hour."""
    expires_at: datetime
    is_current: bool
