"""Tells reviewers that a course waits, and its author what they decided; nobody is told what they did themselves."""

from uuid import UUID

from msgspec import Struct
from sqlalchemy import Uuid, bindparam, select

from kernel.db import Db
from plugins.auth import api as auth
from plugins.courses.events import CourseApproved, CourseRejected, CourseSubmitted
from plugins.courses.mails import COURSE_APPROVED, COURSE_SENT_BACK, COURSE_SUBMITTED
from plugins.courses.permissions import REVIEW
from plugins.courses.schemas.texts import CourseStatus
from plugins.courses.tables import Course, CourseVerdict

_MOST_REVIEWERS = 50
_MOST_NOTES = 50
_COURSE = select(Course.title, Course.status).where(Course.id == bindparam("course", type_=Uuid))
_VERDICT = (
    select(Course.title, CourseVerdict.reviewer_id, CourseVerdict.reason, CourseVerdict.notes)
    .join(Course, Course.id == CourseVerdict.course_id)
    .where(CourseVerdict.id == bindparam("verdict", type_=Uuid))
)


class _Waiting(Struct, frozen=True):
    title: str
    status: CourseStatus


class _Decided(Struct, frozen=True):
    title: str
    reviewer_id: UUID | None
    reason: str | None
    notes: list[dict[str, str]]


async def tell_reviewers(db: Db, event: CourseSubmitted) -> None:
    """Mail those who may review it that a course waits, if it still does."""
    course = await db.row(_Waiting, _COURSE, course=event.course_id)
    if course is None or course.status != "submitted":
        return
    roles = [role for role in auth.ROLES if db.tenant.grants(role).get(REVIEW.name) == "any"]
    reviewers = await auth.user_ids_by_role(db, roles, most=_MOST_REVIEWERS)
    author = (await auth.users_by_id(db, [event.instructor_id])).get(event.instructor_id)
    name = f"{author.first_name} {author.last_name}".strip() if author else ""
    for reviewer in reviewers:
        if reviewer != event.instructor_id:
            link = _page(db, event.course_id)
            await auth.tell(db, reviewer, COURSE_SUBMITTED, course=course.title, author=name, link=link)


async def tell_author(db: Db, event: CourseApproved | CourseRejected) -> None:
    """Mail the author of a course what was decided about it."""
    verdict = await db.row(_Decided, _VERDICT, verdict=event.verdict_id)
    if verdict is None or verdict.reviewer_id == event.instructor_id:
        return
    values = {"course": verdict.title, "link": _page(db, event.course_id)}
    if isinstance(event, CourseApproved):
        await auth.tell(db, event.instructor_id, COURSE_APPROVED, **values)
        return
    # All of them stand with the course.
    notes = "\n".join(f"- {note['text']}" for note in verdict.notes[:_MOST_NOTES])
    await auth.tell(db, event.instructor_id, COURSE_SENT_BACK, reason=verdict.reason or "", notes=notes, **values)


def _page(db: Db, course_id: UUID) -> str:
    return db.tenant.url(f"/courses/{course_id}")
