"""Reads of second factors."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct
from sqlalchemy import bindparam, func, select

from kernel.db import Db
from plugins.auth.schemas.sessions import SecondFactor
from plugins.auth.tables import Passkey, RecoveryCode, TotpFactor, User

_OF_USER = select(
    select(TotpFactor.id)
    .where(TotpFactor.user_id == User.id, TotpFactor.tenant_id == User.tenant_id, TotpFactor.confirmed_at.is_not(None))
    .exists()
    .label("has_totp"),
    select(func.count())
    .select_from(Passkey)
    .where(Passkey.user_id == User.id, Passkey.tenant_id == User.tenant_id)
    .scalar_subquery()
    .label("passkeys"),
    select(func.count())
    .select_from(RecoveryCode)
    .where(RecoveryCode.user_id == User.id, RecoveryCode.tenant_id == User.tenant_id, RecoveryCode.used_at.is_(None))
    .scalar_subquery()
    .label("recovery_codes_left"),
).where(User.id == bindparam("user"))
_TOTP = select(TotpFactor.secret, TotpFactor.confirmed_at).where(TotpFactor.user_id == bindparam("user"))

_LOCK = select(User.id).where(User.id == bindparam("user")).with_for_update(key_share=True)


class Factors(Struct, frozen=True):
    """Which second factors an account has."""

    has_totp: bool
    passkeys: int
    recovery_codes_left: int

    @property
    def any(self) -> bool:
        """Whether a second factor is owed at sign-in; recovery codes stand in for one and are none."""
        return self.has_totp or self.passkeys > 0

    @property
    def methods(self) -> tuple[SecondFactor, ...]:
        """The ways in which the second factor can be proved."""
        held: dict[SecondFactor, bool] = {
            "totp": self.has_totp,
            "passkey": self.passkeys > 0,
            "recovery_code": self.any and self.recovery_codes_left > 0,
        }
        return tuple(name for name, is_held in held.items() if is_held)


class StoredTotp(Struct, frozen=True):
    """A secret as it is kept."""

    secret: str
    confirmed_at: datetime | None


async def factors_of(db: Db, user_id: UUID) -> Factors:
    """Return which second factors an account has."""
    return await db.row(Factors, _OF_USER, user=user_id) or Factors(has_totp=False, passkeys=0, recovery_codes_left=0)


async def locked_factors(db: Db, user_id: UUID) -> Factors:
    """Return which second factors an account has, and keep it so until the end of the transaction.

    Whoever is being admitted meanwhile waits, and then asks again what they owe.
    """
    await db.value(_LOCK, user=user_id)
    return await factors_of(db, user_id)


async def stored_totp(db: Db, user_id: UUID) -> StoredTotp | None:
    """Return the secret of an account, confirmed or not."""
    return await db.row(StoredTotp, _TOTP, user=user_id)
