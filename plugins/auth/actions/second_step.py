"""The second step of signing in: a code after the first factor. Who owes one, `admission` decides."""

from uuid import UUID

from kernel.db import Db
from plugins.auth import mfa_tokens, recovery
from plugins.auth.actions.admission import SignedIn, admit_with_second_factor, record_failure, standing_of
from plugins.auth.actions.codes import use_code
from plugins.auth.actions.notices import tell
from plugins.auth.actions.tries import Proof, count_try
from plugins.auth.errors import MfaTokenInvalid, WrongCode
from plugins.auth.mfa_tokens import MfaClaims
from plugins.auth.queries.second_factors import factors_of
from plugins.auth.queries.sessions import Standing
from plugins.auth.security_mails import RECOVERY_CODES_LOW

MOST_TRIES = 5
_TRIES, _USED = "auth.mfa-tries", "auth.mfa-used"


async def sign_in_with_code(db: Db, *, mfa_token: str, code: str) -> SignedIn:
    """Admit whoever holds the token of the first step and a code of the second factor.

    Raises:
        MfaTokenInvalid: The token is used, tried too often, or its time is over.
        WrongCode: The code is none of the account's, or was used before.
        RateLimited: The account was tried too often, by whichever door.
    """
    claims = await begin_second_step(db, mfa_token, "code")
    used = await use_code(db, claims.user_id, code)
    if used is None:
        record_failure(db, claims.user_id, "wrong_code")
        raise WrongCode
    if used == "recovery_code":
        await _tell_if_few_are_left(db, claims.user_id)
    return await finish_second_step(db, claims)


async def _tell_if_few_are_left(db: Db, user_id: UUID) -> None:
    left = (await factors_of(db, user_id)).recovery_codes_left
    if left <= recovery.FEW:
        await tell(db, user_id, RECOVERY_CODES_LOW, left=str(left))


async def begin_second_step(db: Db, mfa_token: str, proof: Proof) -> MfaClaims:
    """Count one try of a second factor and return who tries.

    Raises:
        MfaTokenInvalid: The token is used, tried too often, or its time is over, or the password is another by now.
        RateLimited: The account was tried too often, by whichever door.
    """
    claims = mfa_tokens.read(db, mfa_token)
    tries = await db.deployment.tickets.count(db.tenant_id, _TRIES, claims.jti, ttl_s=mfa_tokens.TTL_S)
    if tries > MOST_TRIES:
        raise MfaTokenInvalid
    await count_try(db, (await _standing_of(db, claims)).email, proof)
    return claims


async def holder_of(db: Db, mfa_token: str) -> UUID:
    """Return who took the first step; that counts as no try.

    Raises:
        MfaTokenInvalid: The time of the token is over, or the password is another by now.
    """
    claims = mfa_tokens.read(db, mfa_token)
    return (await _standing_of(db, claims)).id


async def _standing_of(db: Db, claims: MfaClaims) -> Standing:
    account = await standing_of(db, claims.user_id)
    if claims.password != mfa_tokens.mark_of(account.password_hash):
        raise MfaTokenInvalid
    return account


async def finish_second_step(db: Db, claims: MfaClaims) -> SignedIn:
    """Admit whoever has proved the second factor; the token counts no more.

    Raises:
        MfaTokenInvalid: Somebody else was faster with the same token, or has chosen a new password meanwhile.
    """
    if not await db.deployment.tickets.claim(db.tenant_id, _USED, claims.jti, ttl_s=mfa_tokens.TTL_S):
        raise MfaTokenInvalid
    admitted = await admit_with_second_factor(db, claims.user_id, method=claims.method)
    # Only now the account is locked: a new password was set before, or is set afterwards and ends this session too.
    await _standing_of(db, claims)
    return admitted
