"""Counting courses anew after the plugin was off, ending enrolments whose time is over, removing failed imports."""

from uuid import UUID

from msgspec import Struct
from sqlalchemy import select

from kernel.db import Db
from kernel.tasks import NoPayload, Task, TaskContext, enqueue
from plugins.courses.actions.expiry import expire_enrollments
from plugins.courses.actions.exporting import EXPORT
from plugins.courses.actions.importing import IMPORT, remove_failed_imports
from plugins.courses.actions.recounts import count_curriculum, count_places, count_rating
from plugins.courses.tables import Course

MOST_AT_ONCE = 500
_ALL = select(Course.id).order_by(Course.id)


class OneCourse(Struct, frozen=True):
    """Which one."""

    course_id: UUID


async def _recount(db: Db, payload: OneCourse) -> None:
    await count_places(db, payload.course_id)
    await count_curriculum(db, payload.course_id)
    await count_rating(db, payload.course_id)


RECOUNT = Task(name="courses.recount", title="Count a course anew", payload=OneCourse, handle=_recount)


async def _expire(context: TaskContext, _payload: NoPayload) -> None:
    ended = MOST_AT_ONCE
    while ended == MOST_AT_ONCE:
        async with context.transaction() as db:
            ended = await expire_enrollments(db, MOST_AT_ONCE)


EXPIRE = Task(
    name="courses.expire_enrollments",
    title="End enrolments whose time is up",
    payload=NoPayload,
    work=_expire,
    schedule="*/5 * * * *",
)


async def _remove_failed_imports(context: TaskContext, _payload: NoPayload) -> None:
    await remove_failed_imports(context)


REMOVE_FAILED_IMPORTS = Task(
    name="courses.remove_failed_imports",
    title="Remove imports that failed",
    payload=NoPayload,
    work=_remove_failed_imports,
    schedule="40 * * * *",
)
TASKS = (RECOUNT, EXPIRE, EXPORT, IMPORT, REMOVE_FAILED_IMPORTS)


async def rebuild(db: Db) -> None:
    """Count every course anew, each in a transaction of its own, because each holds locks."""
    for course_id in await db.values(_ALL):
        await enqueue(db, RECOUNT, OneCourse(course_id))
