"""Counting a course anew in the background: after the plugin was off for a while its counters may be wrong."""

from uuid import UUID

from msgspec import Struct
from sqlalchemy import select

from kernel.db import Db
from kernel.tasks import Task, enqueue
from plugins.courses.actions.recounts import count_curriculum, count_places, count_rating
from plugins.courses.tables import Course

_ALL = select(Course.id).order_by(Course.id)


class OneCourse(Struct, frozen=True):
    """Which one."""

    course_id: UUID


async def _recount(db: Db, payload: OneCourse) -> None:
    await count_places(db, payload.course_id)
    await count_curriculum(db, payload.course_id)
    await count_rating(db, payload.course_id)


RECOUNT = Task(name="courses.recount", payload=OneCourse, handle=_recount)
TASKS = (RECOUNT,)


async def rebuild(db: Db) -> None:
    """Count every course anew, each in a transaction of its own, because each holds locks."""
    for course_id in await db.values(_ALL):
        await enqueue(db, RECOUNT, OneCourse(course_id))
