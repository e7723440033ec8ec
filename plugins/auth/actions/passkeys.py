"""Making, naming and removing passkeys, and signing in with them, alone or after a password.

A passkey verifies its owner by itself (fingerprint, PIN), so it counts for both factors.
"""

from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import BigInteger, and_, bindparam, delete, or_, update
from sqlalchemy.dialects.postgresql import insert as insert_or_skip

from kernel import clock
from kernel.auth import Actor
from kernel.db import Db
from kernel.errors import NotFound
from plugins.auth.actions.addresses import check_address_proved
from plugins.auth.actions.admission import SignedIn, admit_with_second_factor, record_failure, standing_of
from plugins.auth.actions.reauthentication import confirm_password
from plugins.auth.actions.second_factors import miss_factor, welcome_factor
from plugins.auth.actions.second_step import begin_second_step, finish_second_step, holder_of
from plugins.auth.actions.tries import count_try
from plugins.auth.actions.ways_in import check_another_way_in
from plugins.auth.errors import PasskeyCopied, PasskeyKnown, PasskeyRefused, TooManyPasskeys
from plugins.auth.passkeys import (
    Ceremony,
    Credential,
    credential_id,
    registration_options,
    sign_in_options,
    take_challenge,
    user_handle,
    verified_assertion,
    verified_registration,
)
from plugins.auth.queries import passkeys, second_factors, users
from plugins.auth.queries.passkeys import StoredPasskey
from plugins.auth.schemas.passkeys import Passkey, PasskeyMade
from plugins.auth.tables import Passkey as PasskeyTable

log = structlog.get_logger(__name__)

MOST_PASSKEYS = 20
_REGISTER, _SIGN_IN, _SECOND_STEP = "register", "sign-in", "second-step"
_INSERT = (
    insert_or_skip(PasskeyTable)
    .values(
        user_id=bindparam("user"),
        name=bindparam("name"),
        credential_id=bindparam("credential_id"),
        public_key=bindparam("public_key"),
        sign_count=bindparam("sign_count"),
        backed_up=bindparam("backed_up"),
    )
    .on_conflict_do_nothing(index_elements=["tenant_id", "credential_id"])
    .returning(
        PasskeyTable.id, PasskeyTable.name, PasskeyTable.backed_up, PasskeyTable.created_at, PasskeyTable.last_used_at
    )
)
_RENAME = (
    update(PasskeyTable)
    .where(PasskeyTable.id == bindparam("id"), PasskeyTable.user_id == bindparam("user"))
    .values(name=bindparam("name"))
)
_REMOVE = delete(PasskeyTable).where(PasskeyTable.id == bindparam("id"), PasskeyTable.user_id == bindparam("user"))
_COUNT = bindparam("count", type_=BigInteger)
# A counter that does not grow means that somebody has copied the key; many authenticators keep none and say 0.
_USE = (
    update(PasskeyTable)
    .where(
        PasskeyTable.id == bindparam("id"),
        or_(PasskeyTable.sign_count < _COUNT, and_(PasskeyTable.sign_count == 0, _COUNT == 0)),
    )
    .values(sign_count=_COUNT, backed_up=bindparam("backed_up"), last_used_at=bindparam("now"))
)


async def begin_passkey(db: Db, actor: Actor, *, password: str | None) -> dict[str, Any]:
    """Return what the actor's browser needs to make a passkey.

    Raises:
        WrongPassword: And whatever else `confirm_password` raises.
        EmailNotVerified: The account's address may be somebody else's.
        TooManyPasskeys: The account has as many as it may.
    """
    await confirm_password(db, actor, password)
    await check_address_proved(db, actor.id)
    known = await passkeys.credential_ids_of(db, actor.id)
    if len(known) >= MOST_PASSKEYS:
        raise TooManyPasskeys
    user = await users.user_details(db, actor.id)
    return await registration_options(
        db,
        Ceremony(_REGISTER, actor.id, actor.session_id),
        user_id=user.id,
        email=user.email,
        display_name=f"{user.first_name} {user.last_name}",
        known=known,
    )


async def make_passkey(db: Db, actor: Actor, *, name: str, credential: Credential) -> PasskeyMade:
    """Keep a passkey that the actor's browser has made.

    Emits: auth.sessions.changed

    Raises:
        PasskeyRefused: The browser's answer is not genuine, or was asked for by somebody else.
        PasskeyKnown: Somebody has this passkey already.
    """
    challenge, ceremony = await take_challenge(db, credential, _REGISTER)
    if (ceremony.user_id, ceremony.session_id) != (actor.id, actor.session_id):
        raise PasskeyRefused
    made = verified_registration(db.tenant, credential, challenge)
    before = await second_factors.locked_factors(db, actor.id)
    kept = await db.row(
        Passkey,
        _INSERT,
        user=actor.id,
        name=name.strip(),
        credential_id=made.credential_id,
        public_key=made.credential_public_key,
        sign_count=made.sign_count,
        backed_up=made.credential_backed_up,
    )
    if kept is None:
        raise PasskeyKnown
    return PasskeyMade(kept, await welcome_factor(db, actor, before))


async def rename_passkey(db: Db, actor: Actor, passkey_id: UUID, *, name: str) -> Passkey:
    """Call a passkey of the actor something else.

    Raises:
        NotFound: The actor has no such passkey.
    """
    await db.run(_RENAME, id=passkey_id, user=actor.id, name=name.strip())
    renamed = await passkeys.passkey(db, actor.id, passkey_id)
    if renamed is None:
        raise NotFound
    return renamed


async def remove_passkey(db: Db, actor: Actor, passkey_id: UUID, *, password: str | None) -> None:
    """Remove a passkey of the actor.

    Emits: auth.sessions.changed

    Raises:
        WrongPassword: And whatever else `confirm_password` raises.
        NotFound: The actor has no such passkey.
        LastWayIn: Nothing else opens the account.
        SecondFactorNeeded: The tenant asks for a second factor, and this is the last one.
    """
    if await passkeys.passkey(db, actor.id, passkey_id) is None:
        raise NotFound
    await confirm_password(db, actor, password)
    await second_factors.locked_factors(db, actor.id)
    await check_another_way_in(db, actor.id, without=passkey_id)
    if await db.run(_REMOVE, id=passkey_id, user=actor.id) == 0:
        raise NotFound
    await miss_factor(db, actor)


async def begin_sign_in(db: Db, *, mfa_token: str | None) -> dict[str, Any]:
    """Return what a browser needs to use a passkey: any of this school's or, after the first step, one of the account.

    Raises:
        MfaTokenInvalid: A token was sent and counts no more.
    """
    if mfa_token is None:
        return await sign_in_options(db, Ceremony(_SIGN_IN))
    user_id = await holder_of(db, mfa_token)
    allowed = await passkeys.credential_ids_of(db, user_id)
    return await sign_in_options(db, Ceremony(_SECOND_STEP, user_id), allowed=allowed)


async def sign_in_with_passkey(db: Db, *, credential: Credential, mfa_token: str | None) -> SignedIn:
    """Admit the owner of a passkey.

    Raises:
        PasskeyRefused: Unknown, not genuine, used before, or of somebody else than who took the first step.
        PasskeyCopied: Its counter has not grown.
        MfaTokenInvalid: A token was sent and counts no more.
        AccountSuspended: And its like.
        RateLimited: The account was tried too often, by whichever door.
    """
    if mfa_token is not None:
        claims = await begin_second_step(db, mfa_token, "passkey")
        challenge, ceremony = await take_challenge(db, credential, _SECOND_STEP)
        stored = await _known_passkey(db, credential)
        if not stored.user_id == claims.user_id == ceremony.user_id:
            raise PasskeyRefused
        await _check_signed(db, stored, credential, challenge)
        return await finish_second_step(db, claims)
    challenge, _ = await take_challenge(db, credential, _SIGN_IN)
    stored = await _known_passkey(db, credential)
    await count_try(db, (await standing_of(db, stored.user_id)).email, "passkey")
    await _check_signed(db, stored, credential, challenge)
    return await admit_with_second_factor(db, stored.user_id, method="passkey")


async def _known_passkey(db: Db, credential: Credential) -> StoredPasskey:
    stored = await passkeys.stored_passkey(db, credential_id(credential))
    if stored is None:
        record_failure(db, None, "passkey_refused")
        raise PasskeyRefused
    return stored


async def _check_signed(db: Db, stored: StoredPasskey, credential: Credential, challenge: bytes) -> None:
    """Refuse unless the passkey has signed this challenge, and note that it has."""
    try:
        if user_handle(credential) not in (None, stored.user_id.bytes):
            raise PasskeyRefused
        signed = verified_assertion(db.tenant, credential, challenge, stored.public_key)
    except PasskeyRefused:
        record_failure(db, stored.user_id, "passkey_refused")
        raise
    count, backed_up = signed.new_sign_count, signed.credential_backed_up
    if not await db.run(_USE, id=stored.id, count=count, backed_up=backed_up, now=clock.now()):
        log.warning("passkey.copied", passkey_id=str(stored.id), user_id=str(stored.user_id))
        record_failure(db, stored.user_id, "passkey_copied")
        raise PasskeyCopied
