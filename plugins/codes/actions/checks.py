"""Say what a code opens before it is redeemed; whoever is refused here has tried it as much as by redeeming."""

from datetime import datetime
from functools import partial
from uuid import UUID

from msgspec import Struct
from sqlalchemy import Uuid, bindparam, select

from kernel.auth import Actor
from kernel.db import Db
from kernel.errors import Conflict, DomainError, Forbidden
from plugins.codes.actions.attempts import record_refusal
from plugins.codes.actions.redemptions import FoundCode, check_may_redeem, find_code
from plugins.codes.errors import CodeAlreadyRedeemed, CodeExhausted, CodeExpired, CodeUnknown
from plugins.codes.schemas import CodeCheck, OpenedByCode
from plugins.codes.tables import AccessCode, CodeRedemption
from plugins.courses import api as courses

_FACTS = select(
    AccessCode.max_uses,
    select(CodeRedemption.redeemed_at)
    .where(CodeRedemption.code_id == AccessCode.id, CodeRedemption.user_id == bindparam("user_id", type_=Uuid))
    .scalar_subquery()
    .label("redeemed_at"),
).where(AccessCode.id == bindparam("code_id"))


class Facts(Struct, frozen=True):
    """What a refusal is explained by."""

    max_uses: int | None
    redeemed_at: datetime | None


async def check(db: Db, actor: Actor, *, code: str) -> CodeCheck:
    """Return what a code would open for the actor, or why it would not.

    Needs: codes.access_code.redeem

    Raises:
        CodeUnknown: Nothing reads so.
    """
    found = await find_code(db, actor, code)
    if found is None:
        unknown = CodeUnknown()
        db.do_always(partial(record_refusal, actor=actor, code_id=None, refusal=unknown))
        raise unknown
    try:
        await check_may_redeem(db, actor, found)
    except (Conflict, Forbidden) as refusal:
        await record_refusal(db, actor, found.id, refusal)
        return await _refused(db, actor, found, refusal)
    return CodeCheck(refusal=None, opens=await _opens(db, found), access_days=found.access_days)


async def _refused(db: Db, actor: Actor, found: FoundCode, refusal: DomainError) -> CodeCheck:
    """Return a refusal with what explains it, and nothing that only its owner should know."""
    facts = await db.row(Facts, _FACTS, code_id=found.id, user_id=actor.id)
    is_own = isinstance(refusal, CodeAlreadyRedeemed)
    return CodeCheck(
        refusal=refusal.code,
        opens=await _opens(db, found) if is_own else None,
        ended_at=found.expires_at if isinstance(refusal, CodeExpired) else None,
        max_uses=facts.max_uses if facts and isinstance(refusal, CodeExhausted) else None,
        redeemed_at=facts.redeemed_at if facts and is_own else None,
    )


async def _opens(db: Db, found: FoundCode) -> OpenedByCode | None:
    course = (await courses.courses_by_id(db, [found.course_id])).get(found.course_id)
    ids: list[UUID] = [] if found.video_id is None else [found.video_id]
    video = next(iter((await courses.videos_by_id(db, ids)).values()), None)
    if course is None:
        return None
    return OpenedByCode(
        kind=found.kind,
        course_id=course.id,
        course_title=course.title,
        course_slug=course.slug,
        video_id=found.video_id,
        video_title=video.title if video else None,
    )
