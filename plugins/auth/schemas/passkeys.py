"""Passkeys: making, listing, and signing in with them."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta, Struct

from kernel.routing import Body

PasskeyName = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"\S")]
Credential = Annotated[dict[str, Any], Meta(description="What the browser's credential gives with `toJSON()`.")]
MfaToken = Annotated[str, Meta(max_length=2048)]


class MakePasskeyRequest(Body, frozen=True):
    """A passkey that a browser has made, and what its owner calls it."""

    name: PasskeyName
    credential: Credential


class RenamePasskeyRequest(Body, frozen=True):
    """Another name."""

    name: PasskeyName


class PasskeyOptionsRequest(Body, frozen=True):
    """The token of the first step, where a passkey is to be the second factor after a password."""

    mfa_token: MfaToken | None = None


class PasskeySignInRequest(Body, frozen=True):
    """What a passkey has signed; with the token of the first step, if that is how it was asked for."""

    credential: Credential
    mfa_token: MfaToken | None = None


class PasskeyOptions(Struct, frozen=True):
    """What the browser needs, as its `parse...OptionsFromJSON` takes it."""

    public_key: dict[str, Any]


class Passkey(Struct, frozen=True):
    """A passkey of one's own account."""

    id: UUID
    name: str
    backed_up: bool
    created_at: datetime
    last_used_at: datetime | None


class PasskeyMade(Struct, frozen=True):
    """A new passkey and, if it is the account's first second factor, recovery codes, shown this one time."""

    passkey: Passkey
    recovery_codes: list[str]
