"""Reads that pages alone show: the terms of a batch, who used a code, which are attacked, how many were used lately."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct
from sqlalchemy import ARRAY, DateTime, Integer, Uuid, any_, bindparam, func, or_, select

from kernel import clock
from kernel.auth import Actor, Permission
from kernel.db import Db
from plugins.auth import api as auth
from plugins.auth.api import UserRef
from plugins.codes.permissions import GENERATE, VIEW
from plugins.codes.queries.cards import DETAILS, readable
from plugins.codes.schemas import CodeDetails
from plugins.codes.tables import AccessCode, CodeRedemption
from plugins.courses import api as courses

_OWNER = bindparam("owner", type_=Uuid)
_OWN = or_(_OWNER.is_(None), AccessCode.instructor_id == _OWNER)
_FIRST = select(*DETAILS).where(AccessCode.batch_id == bindparam("batch"), _OWN).order_by(AccessCode.id).limit(1)
_USES = select(CodeRedemption.code_id, CodeRedemption.user_id, CodeRedemption.redeemed_at).where(
    CodeRedemption.code_id == any_(bindparam("codes", type_=ARRAY(Uuid)))
)
_PAUSED = AccessCode.paused_until > bindparam("now", type_=DateTime(timezone=True))
_ATTACKED = (
    select(AccessCode.id, AccessCode.course_id, AccessCode.batch_id, AccessCode.label, AccessCode.paused_until)
    .where(_PAUSED, AccessCode.is_active, _OWN)
    .order_by(AccessCode.paused_until)
    .limit(bindparam("most", type_=Integer))
)
_MIDDLE = bindparam("middle", type_=DateTime(timezone=True))
_LATELY = (
    select(
        func.count().filter(CodeRedemption.redeemed_at >= _MIDDLE).label("now"),
        func.count().filter(CodeRedemption.redeemed_at < _MIDDLE).label("before"),
    )
    .join(AccessCode, AccessCode.id == CodeRedemption.code_id)
    .where(_OWN, CodeRedemption.redeemed_at >= bindparam("since", type_=DateTime(timezone=True)))
)


class Use(Struct, frozen=True):
    """Who used a code that can be used once, and when."""

    code_id: UUID
    user_id: UUID
    redeemed_at: datetime


class Attacked(Struct, frozen=True):
    """A code that rests because strangers tried it."""

    id: UUID
    course_id: UUID
    batch_id: UUID
    label: str | None
    paused_until: datetime


class Lately(Struct, frozen=True):
    """How many uses there were in the last days, and in as many before."""

    now: int
    before: int


async def terms_of_batch(db: Db, actor: Actor, batch_id: UUID) -> CodeDetails | None:
    """Return the oldest code of a batch, which says on which terms all were made; None once all are forgotten.

    Needs: codes.access_code.view
    """
    found = await db.row(CodeDetails, _FIRST, batch=batch_id, owner=actor.limited_to(VIEW), now=clock.now())
    return None if found is None else readable(db, found)


async def single_uses(db: Db, codes: Iterable[UUID]) -> Mapping[UUID, tuple[UserRef | None, datetime]]:
    """Return who used codes, for those that were used once, and when.

    Args:
        db: The transaction.
        codes: That the actor may see, each used at most once.
    """
    uses = await db.rows(Use, _USES, codes=list(codes))
    users = await auth.users_by_id(db, {each.user_id for each in uses})
    return {each.code_id: (users.get(each.user_id), each.redeemed_at) for each in uses}


async def files_of(db: Db, actor: Actor, *people: UserRef | None) -> frozenset[UUID]:
    """Return whose files the actor may open, for links that lead somewhere."""
    return await auth.files_reached(db, actor, [each.id for each in people if each is not None])


async def attacked_codes(db: Db, actor: Actor, *, most: int) -> list[tuple[Attacked, str]]:
    """Return codes that rest after an attack, with the titles of their courses, the first to wake first.

    Needs: codes.access_code.view
    """
    found = await db.rows(Attacked, _ATTACKED, owner=actor.limited_to(VIEW), now=clock.now(), most=most)
    titles = await courses.courses_by_id(db, {each.course_id for each in found})
    return [(each, titles[each.course_id].title) for each in found if each.course_id in titles]


async def uses_lately(db: Db, actor: Actor, days: int) -> Lately:
    """Return how often the actor's codes were used in so many days, and in as many before.

    Needs: codes.access_code.view
    """
    now = clock.now()
    middle, since = now - timedelta(days=days), now - timedelta(days=2 * days)
    found = await db.row(Lately, _LATELY, owner=actor.limited_to(VIEW), middle=middle, since=since)
    return found or Lately(0, 0)


async def course_for_codes(
    db: Db, actor: Actor, course_id: UUID, permission: Permission = GENERATE
) -> courses.CourseRef:
    """Return a course that a permission of the actor reaches.

    Raises:
        CourseNotFound: There is none, or the permission does not reach it.
    """
    course = await courses.course_for_codes(db, course_id)
    if actor.limited_to(permission) not in (None, course.instructor_id):
        raise courses.CourseNotFound
    return course
