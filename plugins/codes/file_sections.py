"""What codes contributes to somebody's file: which codes opened what for them.

A teacher sees the codes for their own courses; what the code reads is told to nobody here.
"""

from datetime import datetime
from uuid import UUID

from msgspec import Struct
from sqlalchemy import Uuid, bindparam, or_, select

from kernel.auth import Actor
from kernel.db import Db
from plugins.auth import api as auth
from plugins.codes.permissions import VIEW
from plugins.codes.tables import AccessCode, CodeRedemption
from plugins.courses import api as courses

_MOST = 100
_OWNER = bindparam("owner", type_=Uuid)
_REDEEMED = (
    select(AccessCode.course_id, AccessCode.video_id, CodeRedemption.redeemed_at)
    .join(AccessCode, AccessCode.id == CodeRedemption.code_id)
    .where(CodeRedemption.user_id == bindparam("user"), or_(_OWNER.is_(None), AccessCode.instructor_id == _OWNER))
    .order_by(CodeRedemption.id.desc())
    .limit(_MOST)
)


class StoredUse(Struct, frozen=True):
    """A redemption as it is stored."""

    course_id: UUID
    video_id: UUID | None
    redeemed_at: datetime


class UsedCode(Struct, frozen=True):
    """What a code opened for somebody, and when."""

    course_id: UUID
    course_title: str
    video_id: UUID | None
    video_title: str | None
    redeemed_at: datetime


async def _used(db: Db, actor: Actor, user_id: UUID) -> list[UsedCode] | None:
    is_own = actor.user_id == user_id
    if not is_own and not actor.may(VIEW):
        return None
    stored = await db.rows(StoredUse, _REDEEMED, user=user_id, owner=None if is_own else actor.limited_to(VIEW))
    titles = await courses.courses_by_id(db, {each.course_id for each in stored})
    videos = await courses.videos_by_id(db, {each.video_id for each in stored if each.video_id is not None})
    used = []
    for each in stored:
        course, video = titles.get(each.course_id), videos.get(each.video_id) if each.video_id else None
        title = course.title if course else ""
        used.append(UsedCode(each.course_id, title, each.video_id, video.title if video else None, each.redeemed_at))
    return used or None


FILE_SECTIONS = (auth.FileSection(name="codes.used", title="Codes", read=_used),)
