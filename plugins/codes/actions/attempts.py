"""Write down attempts that were refused; let a code rest on which too many different people have failed.

Only failures on a code that there is count, and only those that a stranger makes: it is bound to others, or it has
expired. They pause it for a while and never deactivate it, so that nobody can switch off a school's codes by failing.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import Text, bindparam, func, insert, literal_column, or_, select, update

from kernel import clock
from kernel.auth import Actor
from kernel.db import Db
from kernel.errors import DomainError
from kernel.events import publish
from plugins.auth import api as auth
from plugins.codes.errors import CodeExpired, CodeNotForYou
from plugins.codes.events import CodeWasPaused
from plugins.codes.mails import CODE_PAUSED
from plugins.codes.tables import AccessCode, RedemptionAttempt
from plugins.courses import api as courses

STRANGERS = 20
"""So many different accounts, or addresses, pause a code."""
WINDOW = timedelta(hours=1)
"""In which they fail."""
PAUSE = timedelta(minutes=30)

_COUNTED = (CodeNotForYou, CodeExpired)
_ATTEMPT = ("code_id", "user_id", "ip_address", "outcome", "attempted_at")
_INSERT = insert(RedemptionAttempt).values({name: bindparam(name) for name in _ATTEMPT})
# The count behind the lock sees every failure that was written before, so that the twentieth pauses and no other.
_LOCK = select(AccessCode.id).where(AccessCode.id == bindparam("code_id")).with_for_update(key_share=True)
# Whoever has one address of the sixth version has 2^64.
_NETWORK = literal_column(
    "CASE WHEN pg_input_is_valid(ip_address, 'inet') AND family(ip_address::inet) = 6"
    " THEN host(network(set_masklen(ip_address::inet, 64))) ELSE ip_address END",
    Text,
)
_strangers: Any = (
    select(func.greatest(func.count(RedemptionAttempt.user_id.distinct()), func.count(_NETWORK.distinct())))
    .where(
        RedemptionAttempt.code_id == bindparam("code_id"),
        or_(*(RedemptionAttempt.outcome == refusal.code for refusal in _COUNTED)),
        RedemptionAttempt.attempted_at > func.greatest(bindparam("since"), AccessCode.failures_from),
    )
    .correlate(AccessCode)
    .scalar_subquery()
)
_PAUSE = (
    update(AccessCode)
    .where(
        AccessCode.id == bindparam("code_id"),
        or_(AccessCode.paused_until.is_(None), AccessCode.paused_until <= bindparam("now")),
        _strangers >= bindparam("strangers"),
    )
    .values(paused_until=bindparam("until"), failures_from=bindparam("until"))
    .returning(AccessCode.course_id, AccessCode.video_id, AccessCode.instructor_id)
)


class Paused(Struct, frozen=True):
    """A code that was just paused: what it opens, and whose it is."""

    course_id: UUID
    video_id: UUID | None
    instructor_id: UUID | None


async def record_refusal(db: Db, actor: Actor, code_id: UUID | None, refusal: DomainError) -> None:
    """Write down an attempt that was refused, and pause the code if that was one too many.

    Emits: codes.access_code.paused

    Args:
        db: A transaction of its own, or one that is not rolled back.
        actor: Who tried.
        code_id: None if no code reads so.
        refusal: Why.
    """
    is_counted = code_id is not None and isinstance(refusal, _COUNTED)
    if is_counted:
        await db.value(_LOCK, code_id=code_id)
    now = clock.now()
    await db.run(
        _INSERT,
        code_id=code_id,
        user_id=actor.id,
        ip_address=actor.address,
        outcome=refusal.code,
        attempted_at=now,
    )
    if is_counted and code_id is not None:
        until = now + PAUSE
        limits = {"since": now - WINDOW, "now": now, "until": until, "strangers": STRANGERS}
        paused = await db.row(Paused, _PAUSE, code_id=code_id, **limits)
        if paused is not None:
            event = CodeWasPaused(
                code_id=code_id,
                course_id=paused.course_id,
                video_id=paused.video_id,
                instructor_id=paused.instructor_id,
                paused_until=until,
            )
            await publish(db, event)


async def tell_owner(db: Db, event: CodeWasPaused) -> None:
    """Mail whoever's course it is that a code of theirs is paused."""
    course = (await courses.courses_by_id(db, [event.course_id])).get(event.course_id)
    if course is None or event.instructor_id is None:
        return
    link = db.tenant.url(f"/teach/codes/{event.code_id}")
    await auth.tell(db, event.instructor_id, CODE_PAUSED, course=course.title, link=link)
