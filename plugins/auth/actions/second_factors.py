"""Setting up, renewing and removing second factors; using them is `second_step`.

Each change asks again who it is and ends the other sessions (rule 25 of the security design).
"""

from uuid import UUID

from sqlalchemy import bindparam, delete, update
from sqlalchemy.dialects.postgresql import insert as insert_or_update

from kernel import clock
from kernel.auth import Actor
from kernel.db import Db
from kernel.errors import FieldError, Invalid, NotFound
from kernel.keys import DecryptionFailed
from plugins.auth import recovery, totp
from plugins.auth.actions import codes, sessions
from plugins.auth.actions.addresses import check_address_proved
from plugins.auth.actions.notices import tell
from plugins.auth.actions.reauthentication import confirm_password
from plugins.auth.actions.standing import check_account_within_reach, locked_standing
from plugins.auth.errors import OwnAccount, SecondFactorNeeded, SecondFactorOff, TotpNotBegun, TotpOn
from plugins.auth.permissions import MANAGE_USER
from plugins.auth.queries import second_factors, users
from plugins.auth.queries.second_factors import Factors
from plugins.auth.schemas.second_factors import SecondFactors, TotpEnrolment
from plugins.auth.security_mails import (
    RECOVERY_CODES_MADE,
    SECOND_FACTOR_ADDED,
    SECOND_FACTOR_REMOVED,
    SECOND_FACTORS_RESET,
)
from plugins.auth.settings import SETTINGS, AuthSettings
from plugins.auth.tables import Passkey, TotpFactor

_STORE_SECRET = insert_or_update(TotpFactor).values(user_id=bindparam("user"), secret=bindparam("secret"))
_BEGIN = _STORE_SECRET.on_conflict_do_update(
    index_elements=["tenant_id", "user_id"],
    set_={"secret": _STORE_SECRET.excluded.secret},
    where=TotpFactor.confirmed_at.is_(None),
)
_CONFIRM = (
    update(TotpFactor)
    .where(
        TotpFactor.user_id == bindparam("user"),
        TotpFactor.confirmed_at.is_(None),
        TotpFactor.secret == bindparam("expected"),
    )
    .values(confirmed_at=bindparam("now"), last_step=bindparam("step"))
)
_DROP_TOTP = delete(TotpFactor).where(TotpFactor.user_id == bindparam("user"))
_DROP_PASSKEYS = delete(Passkey).where(Passkey.user_id == bindparam("user"))


async def second_factors_of(db: Db, actor: Actor) -> SecondFactors:
    """Return what is on for the actor's account, and whether the tenant asks for it."""
    factors = await second_factors.factors_of(db, actor.id)
    return SecondFactors(
        totp=factors.has_totp,
        passkeys=factors.passkeys,
        recovery_codes_left=factors.recovery_codes_left,
        recovery_codes_low=factors.any and factors.recovery_codes_left <= recovery.FEW,
        required=is_required(db, actor),
        methods=factors.methods,
    )


def is_required(db: Db, actor: Actor) -> bool:
    """Whether the tenant asks the actor's role for a second factor."""
    return actor.role in db.tenant.setting(SETTINGS, AuthSettings).mfa_required_for


async def begin_totp(db: Db, actor: Actor, *, password: str | None) -> TotpEnrolment:
    """Make a secret for an authenticator app; it counts once `confirm_totp` has seen a code of it.

    Raises:
        WrongPassword: And whatever else `confirm_password` raises.
        EmailNotVerified: The account's address may be somebody else's.
        TotpOn: There is a confirmed one.
    """
    await confirm_password(db, actor, password)
    await check_address_proved(db, actor.id)
    secret = totp.new_secret()
    sealed = totp.seal(db.deployment.keyring, db.tenant_id, actor.id, secret)
    if await db.run(_BEGIN, user=actor.id, secret=sealed) == 0:
        raise TotpOn
    email = (await users.user_details(db, actor.id)).email
    uri = totp.otpauth_uri(secret, school=db.tenant.name, email=email)
    return TotpEnrolment(secret=secret, otpauth_uri=uri, qr_svg=totp.qr_svg(uri))


async def confirm_totp(db: Db, actor: Actor, *, code: str) -> list[str]:
    """Switch the authenticator app on; return the account's recovery codes if this is its first second factor.

    Emits: auth.sessions.changed

    Raises:
        TotpNotBegun: No secret waits for its first code.
        Invalid: The code is not one of the secret's.
    """
    stored = await second_factors.stored_totp(db, actor.id)
    if stored is None or stored.confirmed_at is not None:
        raise TotpNotBegun
    try:
        secret = totp.unseal(db.deployment.keyring, db.tenant_id, actor.id, stored.secret)
    except DecryptionFailed:
        raise TotpNotBegun from None
    step = totp.matching_step(secret, code.replace(" ", ""), clock.now())
    if step is None:
        raise Invalid(errors=[FieldError("code", "This is not the app's present code. Check the clock of the device.")])
    before = await second_factors.locked_factors(db, actor.id)
    if await db.run(_CONFIRM, user=actor.id, expected=stored.secret, now=clock.now(), step=step) == 0:
        raise TotpNotBegun
    return await welcome_factor(db, actor, before)


async def welcome_factor(db: Db, actor: Actor, before: Factors) -> list[str]:
    """Do what a new second factor brings with it; return recovery codes if it is the account's first."""
    await sessions.note_second_factor(db, actor, proved=True)
    await sessions.end_other_sessions(db, actor)
    await tell(db, actor.id, SECOND_FACTOR_ADDED)
    return [] if before.any else await codes.make_recovery_codes(db, actor.id)


async def remove_totp(db: Db, actor: Actor, *, password: str | None, code: str | None) -> None:
    """Switch the authenticator app off.

    Emits: auth.sessions.changed

    Raises:
        WrongPassword: And whatever else `confirm_password` raises.
        Invalid: A code was sent and does not count.
        NotFound: There is no authenticator app.
        SecondFactorNeeded: The tenant asks for a second factor, and this is the last one.
    """
    await confirm_password(db, actor, password)
    if code is not None and await codes.use_code(db, actor.id, code) is None:
        raise Invalid(errors=[FieldError("code", "This code does not count. Wait for the next one.")])
    was_on = (await second_factors.locked_factors(db, actor.id)).has_totp
    if await db.run(_DROP_TOTP, user=actor.id) == 0:
        raise NotFound
    if was_on:
        await miss_factor(db, actor)


async def miss_factor(db: Db, actor: Actor) -> None:
    """Do what follows from the removal of a second factor.

    Raises:
        SecondFactorNeeded: The tenant asks for a second factor, and that was the last one.
    """
    if not (await second_factors.factors_of(db, actor.id)).any:
        if is_required(db, actor):
            raise SecondFactorNeeded
        await codes.drop_recovery_codes(db, actor.id)
        await sessions.note_second_factor(db, actor, proved=False)
    await sessions.end_other_sessions(db, actor)
    await tell(db, actor.id, SECOND_FACTOR_REMOVED)


async def renew_recovery_codes(db: Db, actor: Actor, *, password: str | None) -> list[str]:
    """Replace the actor's recovery codes.

    Emits: auth.sessions.changed

    Raises:
        WrongPassword: And whatever else `confirm_password` raises.
        SecondFactorOff: There is no second factor that they could stand in for.
    """
    await confirm_password(db, actor, password)
    if not (await second_factors.locked_factors(db, actor.id)).any:
        raise SecondFactorOff
    await sessions.end_other_sessions(db, actor)
    await tell(db, actor.id, RECOVERY_CODES_MADE)
    return await codes.make_recovery_codes(db, actor.id)


async def reset_second_factors(db: Db, actor: Actor, user_id: UUID) -> None:
    """Take every second factor from somebody who has lost them, and end all their sessions.

    Needs: auth.user.manage
    Emits: auth.sessions.changed

    Raises:
        NotFound: There is no such account.
        OwnAccount: One's own is removed with the password.
        Forbidden: Operators' accounts are for operators.
        BeyondOwnRole: The account's role is above the actor's.
    """
    if user_id == actor.id:
        raise OwnAccount("Remove your own second factor with your password.")
    if actor.limited_to(MANAGE_USER) is not None:
        raise NotFound
    owner, _ = await locked_standing(db, user_id)
    check_account_within_reach(actor, owner)
    await end_second_factors(db, user_id)


async def end_second_factors(db: Db, user_id: UUID) -> None:
    """Remove every second factor of an account, end its sessions and tell its owner.

    Emits: auth.sessions.changed
    """
    await drop_second_factors(db, user_id)
    await sessions.end_sessions_of(db, user_id)
    await tell(db, user_id, SECOND_FACTORS_RESET)


async def drop_second_factors(db: Db, user_id: UUID) -> None:
    """Remove every second factor of an account."""
    await db.run(_DROP_TOTP, user=user_id)
    await db.run(_DROP_PASSKEYS, user=user_id)
    await codes.drop_recovery_codes(db, user_id)
