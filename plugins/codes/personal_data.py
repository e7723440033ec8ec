"""What codes keeps about people: codes that they redeemed, tried, or that are meant for their address.

A redemption stays as a number, without the address from where; attempts go.
"""

from datetime import datetime
from uuid import UUID

from msgspec import Struct
from sqlalchemy import Text, Uuid, any_, bindparam, func, select, update

from kernel.db import Db
from kernel.personal_data import PersonalData
from plugins.auth import api as auth
from plugins.codes.tables import AccessCode, CodeBatch, CodeRedemption, RedemptionAttempt

_USER = bindparam("user", type_=Uuid)
_EMAIL = bindparam("email", type_=Text)
_REDEMPTIONS = (
    select(
        CodeRedemption.code_id,
        CodeRedemption.code_type,
        AccessCode.course_id,
        AccessCode.video_id,
        CodeRedemption.redeemed_at,
        CodeRedemption.ip_address,
    )
    .join(AccessCode, AccessCode.id == CodeRedemption.code_id)
    .where(CodeRedemption.user_id == _USER)
    .order_by(CodeRedemption.redeemed_at)
)
_FORGET_ADDRESSES = (
    update(CodeRedemption)
    .where(CodeRedemption.user_id == _USER, CodeRedemption.ip_address.is_not(None))
    .values(ip_address=None)
)
_ATTEMPTS = (
    select(RedemptionAttempt.attempted_at, RedemptionAttempt.outcome, RedemptionAttempt.ip_address)
    .where(RedemptionAttempt.user_id == _USER)
    .order_by(RedemptionAttempt.attempted_at)
)
_FORGET_ATTEMPTS = select(func.codes.forget_attempts(bindparam("person", type_=Uuid)))
_MEANT_FOR = select(AccessCode.id.label("code_id"), AccessCode.course_id).where(
    any_(AccessCode.allowed_emails) == _EMAIL
)
# Another address in its place: a code without any would be for everybody.
_MEANT_FOR_NOBODY = (
    update(AccessCode)
    .where(any_(AccessCode.allowed_emails) == _EMAIL)
    .values(allowed_emails=func.array_replace(AccessCode.allowed_emails, _EMAIL, bindparam("nobody", type_=Text)))
)
_GENERATED = (
    select(CodeBatch.id.label("batch_id"), CodeBatch.label, CodeBatch.count, CodeBatch.created_at)
    .where(CodeBatch.created_by == _USER)
    .order_by(CodeBatch.created_at)
)


class KeptRedemption(Struct, frozen=True):
    """A code that somebody redeemed."""

    code_id: UUID
    code_type: str
    course_id: UUID
    video_id: UUID | None
    redeemed_at: datetime
    ip_address: str | None


class KeptAttempt(Struct, frozen=True):
    """An attempt to redeem a code."""

    attempted_at: datetime
    outcome: str
    ip_address: str


class KeptInvitation(Struct, frozen=True):
    """A code that is meant for somebody's address."""

    code_id: UUID
    course_id: UUID


class KeptBatch(Struct, frozen=True):
    """Codes that somebody generated."""

    batch_id: UUID
    label: str | None
    count: int
    created_at: datetime


async def _redemptions(db: Db, user_id: UUID) -> list[KeptRedemption]:
    return await db.rows(KeptRedemption, _REDEMPTIONS, user=user_id)


async def _forget_addresses(db: Db, user_id: UUID) -> None:
    await db.run(_FORGET_ADDRESSES, user=user_id)


async def _attempts(db: Db, user_id: UUID) -> list[KeptAttempt]:
    return await db.rows(KeptAttempt, _ATTEMPTS, user=user_id)


async def _forget_attempts(db: Db, user_id: UUID) -> None:
    await db.value(_FORGET_ATTEMPTS, person=user_id)


async def _meant_for(db: Db, user_id: UUID) -> list[KeptInvitation]:
    email = (await auth.emails_by_id(db, [user_id])).get(user_id)
    return [] if email is None else await db.rows(KeptInvitation, _MEANT_FOR, email=email)


async def _forget_address(db: Db, user_id: UUID) -> None:
    email = (await auth.emails_by_id(db, [user_id])).get(user_id)
    if email is not None:
        await db.run(_MEANT_FOR_NOBODY, email=email, nobody=f"{user_id}@erased.invalid")


async def _generated(db: Db, user_id: UUID) -> list[KeptBatch]:
    return await db.rows(KeptBatch, _GENERATED, user=user_id)


async def _stay_the_schools(_db: Db, _user_id: UUID) -> None:
    """Change nothing: a batch names its maker by an id that means nobody once the account is erased."""


PERSONAL_DATA = (
    PersonalData(name="codes.redemptions", title="Codes you redeemed", export=_redemptions, erase=_forget_addresses),
    PersonalData(name="codes.attempts", title="Codes that you tried", export=_attempts, erase=_forget_attempts),
    PersonalData(name="codes.meant_for", title="Codes for your address", export=_meant_for, erase=_forget_address),
    PersonalData(name="codes.generated", title="Codes that you generated", export=_generated, erase=_stay_the_schools),
)
