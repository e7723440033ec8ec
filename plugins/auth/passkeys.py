"""Passkeys by WebAuthn: who we are to a browser, what it is asked for, and whether its answer is genuine.

Challenges are kept for five minutes and used once. What an answer then does is decided in `actions.passkeys`.
"""

import binascii
import secrets
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
import webauthn
from cryptography.exceptions import UnsupportedAlgorithm
from webauthn.authentication.verify_authentication_response import VerifiedAuthentication
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, parse_client_data_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.options_to_json_dict import options_to_json_dict
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)
from webauthn.registration.verify_registration_response import VerifiedRegistration

from kernel.db import Db
from kernel.tenancy import Tenant
from plugins.auth.errors import PasskeyRefused

TTL_S = 300
MOST_ID_BYTES = 1023
_TICKET = "auth.passkey"
_CHALLENGE_BYTES = 32
_TIMEOUT_MS = TTL_S * 1000
_MALFORMED = (
    WebAuthnException,
    UnsupportedAlgorithm,
    binascii.Error,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    RecursionError,
)
"""What the library raises for what somebody made up; its text is for nobody."""
Credential = dict[str, Any]


class Ceremony(msgspec.Struct, frozen=True):
    """What a challenge was made for.

    Args:
        what: Registering or signing in.
        user_id: Whose, where that is known.
        session_id: From which session, when registering.
    """

    what: str
    user_id: UUID | None = None
    session_id: UUID | None = None


class RelyingParty(msgspec.Struct, frozen=True):
    """What a tenant is to browsers: passkeys of one work at no other."""

    id: str
    origin: str


def relying_party(tenant: Tenant) -> RelyingParty:
    """Return a tenant's own; browsers take no number for a host, so loopback is called `localhost`."""
    address = urlsplit(tenant.url(""))
    host = address.hostname or ""
    if host in ("127.0.0.1", "::1"):
        host = "localhost"
    port = f":{address.port}" if address.port else ""
    return RelyingParty(host, f"{address.scheme}://{host}{port}")


async def registration_options(
    db: Db, ceremony: Ceremony, *, user_id: UUID, email: str, display_name: str, known: Sequence[bytes]
) -> dict[str, Any]:
    """Return what the browser needs to make a passkey, and keep the challenge.

    Args:
        db: Of the tenant.
        ceremony: What the challenge is for.
        user_id: Goes into the passkey, by which it finds the account.
        email: What the browser shows.
        display_name: What else it shows.
        known: Ids of passkeys that the account has, of which none is made twice.
    """
    options = webauthn.generate_registration_options(
        rp_id=relying_party(db.tenant).id,
        rp_name=db.tenant.name,
        user_id=user_id.bytes,
        user_name=email,
        user_display_name=display_name,
        challenge=await _new_challenge(db, ceremony),
        timeout=_TIMEOUT_MS,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=each) for each in known],
    )
    return options_to_json_dict(options)


async def sign_in_options(db: Db, ceremony: Ceremony, *, allowed: Sequence[bytes] = ()) -> dict[str, Any]:
    """Return what the browser needs to use a passkey, and keep the challenge.

    Args:
        db: Of the tenant.
        ceremony: What the challenge is for.
        allowed: Ids of the passkeys that count; any of this tenant when empty.
    """
    options = webauthn.generate_authentication_options(
        rp_id=relying_party(db.tenant).id,
        challenge=await _new_challenge(db, ceremony),
        timeout=_TIMEOUT_MS,
        allow_credentials=[PublicKeyCredentialDescriptor(id=each) for each in allowed],
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json_dict(options)


async def _new_challenge(db: Db, ceremony: Ceremony) -> bytes:
    challenge = secrets.token_bytes(_CHALLENGE_BYTES)
    content = msgspec.json.encode(ceremony)
    await db.deployment.tickets.keep(db.tenant_id, _TICKET, bytes_to_base64url(challenge), content, ttl_s=TTL_S)
    return challenge


async def take_challenge(db: Db, credential: Credential, what: str) -> tuple[bytes, Ceremony]:
    """Return the challenge that an answer is about and what it was made for; nobody gets it a second time.

    Raises:
        PasskeyRefused: We never made it, it is used, its time is over, or it was made for something else.
    """
    try:
        client_data = parse_client_data_json(base64url_to_bytes(credential["response"]["clientDataJSON"]))
        name = bytes_to_base64url(client_data.challenge)
    except _MALFORMED as error:
        raise PasskeyRefused from error
    # Our pages are in nobody's frame, and our challenges have one length.
    if client_data.cross_origin or len(client_data.challenge) != _CHALLENGE_BYTES:
        raise PasskeyRefused
    kept = await db.deployment.tickets.take(db.tenant_id, _TICKET, name)
    ceremony = msgspec.json.decode(kept, type=Ceremony) if kept is not None else None
    if ceremony is None or ceremony.what != what:
        raise PasskeyRefused
    return client_data.challenge, ceremony


def credential_id(credential: Credential) -> bytes:
    """Return which passkey an answer claims to come from.

    Raises:
        PasskeyRefused: It says nothing that could be one.
    """
    try:
        return base64url_to_bytes(credential["id"])[: MOST_ID_BYTES + 1]
    except _MALFORMED as error:
        raise PasskeyRefused from error


def user_handle(credential: Credential) -> bytes | None:
    """Return the account that a passkey says it belongs to; None if it does not say.

    Raises:
        PasskeyRefused: It says so in no form that could be right.
    """
    handle = credential["response"].get("userHandle")
    try:
        return base64url_to_bytes(handle) if handle is not None else None
    except _MALFORMED as error:
        raise PasskeyRefused from error


def verified_registration(tenant: Tenant, credential: Credential, challenge: bytes) -> VerifiedRegistration:
    """Return the passkey that a browser has made.

    Raises:
        PasskeyRefused: The answer is not genuine, from elsewhere, or its owner was not verified.
    """
    party = relying_party(tenant)
    try:
        made = webauthn.verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            require_user_verification=True,
        )
    except _MALFORMED as error:
        raise PasskeyRefused from error
    if len(made.credential_id) > MOST_ID_BYTES:
        raise PasskeyRefused
    return made


def verified_assertion(
    tenant: Tenant, credential: Credential, challenge: bytes, public_key: bytes
) -> VerifiedAuthentication:
    """Return what a passkey has signed; its counter is compared by the statement that keeps it.

    Raises:
        PasskeyRefused: The answer is not genuine, from elsewhere, or its owner was not verified.
    """
    party = relying_party(tenant)
    try:
        return webauthn.verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=public_key,
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    except _MALFORMED as error:
        raise PasskeyRefused from error
