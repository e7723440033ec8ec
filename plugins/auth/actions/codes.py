"""Codes of a second factor: used, each once, and recovery codes made.

What a code looks like stands in `plugins.auth.totp` and `plugins.auth.recovery`; how often one may try, in
`second_step`.
"""

import re
from uuid import UUID

import structlog
from sqlalchemy import ARRAY, LargeBinary, any_, bindparam, delete, insert, or_, update

from kernel import clock
from kernel.db import Db
from kernel.keys import DecryptionFailed
from plugins.auth import recovery, totp
from plugins.auth.queries import second_factors
from plugins.auth.schemas.sessions import SecondFactor
from plugins.auth.tables import RecoveryCode, TotpFactor

log = structlog.get_logger(__name__)

_SIX_DIGITS = re.compile("[0-9]{6}")
# The row's lock puts two who use the same code in a row, and the second finds the step that the first one left.
_USE_STEP = (
    update(TotpFactor)
    .where(
        TotpFactor.user_id == bindparam("user"),
        TotpFactor.confirmed_at.is_not(None),
        or_(TotpFactor.last_step.is_(None), TotpFactor.last_step < bindparam("step")),
    )
    .values(last_step=bindparam("step"), secret=bindparam("secret"))
)
_USE_RECOVERY_CODE = (
    update(RecoveryCode)
    .where(
        RecoveryCode.user_id == bindparam("user"),
        RecoveryCode.used_at.is_(None),
        RecoveryCode.code_hash == any_(bindparam("hashes", type_=ARRAY(LargeBinary))),
    )
    .values(used_at=bindparam("now"))
)
_DROP_RECOVERY_CODES = delete(RecoveryCode).where(RecoveryCode.user_id == bindparam("user"))
_INSERT_RECOVERY_CODE = insert(RecoveryCode).values(
    user_id=bindparam("user"), code_hash=bindparam("code_hash"), code_key_id=bindparam("code_key_id")
)


async def use_code(db: Db, user_id: UUID, code: str) -> SecondFactor | None:
    """Use up a code of the authenticator app or a recovery code; return which it was, None if it does not count."""
    typed = code.replace(" ", "")
    if _SIX_DIGITS.fullmatch(typed):
        return "totp" if await _use_totp(db, user_id, typed) else None
    hashes = recovery.fingerprints(db.deployment.keyring, db.tenant_id, user_id, code)
    used = await db.run(_USE_RECOVERY_CODE, user=user_id, hashes=hashes, now=clock.now())
    return "recovery_code" if used else None


async def _use_totp(db: Db, user_id: UUID, code: str) -> bool:
    stored = await second_factors.stored_totp(db, user_id)
    if stored is None or stored.confirmed_at is None:
        return False
    keyring = db.deployment.keyring
    try:
        secret = totp.unseal(keyring, db.tenant_id, user_id, stored.secret)
    except DecryptionFailed:
        log.warning("totp.unreadable", user_id=str(user_id))
        return False
    step = totp.matching_step(secret, code, clock.now())
    if step is None:
        return False
    kept = stored.secret
    if not keyring.is_newest(kept):
        kept = totp.seal(keyring, db.tenant_id, user_id, secret)
    return await db.run(_USE_STEP, user=user_id, step=step, secret=kept) == 1


async def make_recovery_codes(db: Db, user_id: UUID) -> list[str]:
    """Replace an account's recovery codes and return the new ones, which nobody can read again."""
    await drop_recovery_codes(db, user_id)
    codes = [recovery.new_code() for _ in range(recovery.HOW_MANY)]
    rows = []
    for code in codes:
        key_id, digest = recovery.fingerprint(db.deployment.keyring, db.tenant_id, user_id, code)
        rows.append({"user": user_id, "code_hash": digest, "code_key_id": key_id})
    await db.run_many(_INSERT_RECOVERY_CODE, rows)
    return codes


async def drop_recovery_codes(db: Db, user_id: UUID) -> None:
    """Remove an account's recovery codes, used or not."""
    await db.run(_DROP_RECOVERY_CODES, user=user_id)
