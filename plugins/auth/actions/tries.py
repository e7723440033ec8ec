"""Counting tries against an account, from wherever they come; the caller's address is counted at the kernel's door.

What can be guessed is counted by itself: whoever guesses somebody's password must not thereby shut the other ways in.
"""

from typing import Literal

from kernel.categories import SECURITY, SecuritySettings
from kernel.db import Db
from kernel.gate import Limit
from kernel.tables import normalised

Proof = Literal["password", "code", "passkey", "oauth"]


async def count_try(db: Db, account: str, proof: Proof) -> None:
    """Count one try against an account's own limit, whether or not there is such an account.

    Args:
        db: Of the tenant.
        account: Its e-mail address. Redis gets a keyed hash of it.
        proof: What was tried; at whichever door, it counts together.

    Raises:
        RateLimited: It was tried too often.
        RedisUnavailable: Tries cannot be counted, so none is allowed.
    """
    await _count(db, proof, account)


async def count_mail(db: Db, account: str) -> None:
    """Count that a mail was asked for, whether or not there is such an account; apart from tries to sign in.

    Raises:
        RateLimited: It was asked for too often.
        RedisUnavailable: It cannot be counted, so none is sent.
    """
    await _count(db, "mail", account)


async def _count(db: Db, what: str, account: str) -> None:
    rates = db.tenant.setting(SECURITY, SecuritySettings).rate_limits
    _, digest = db.deployment.keyring.mac("password", b"account" + normalised(account).encode())
    limit = Limit(f"{what}:account:{digest.hex()}", "log", rates.login_per_minute)
    await db.deployment.gate.count(db.tenant_id, limit)
