"""What changes the state of a course: draft, submitted, published or rejected, archived; and what is featured.

Every change names the state that it begins with in its own statement, so of two that come at once one wins.
"""

from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import Text, Update, Uuid, bindparam, func, null, or_, select, update
from sqlalchemy.dialects.postgresql import JSONB, insert

from kernel.auth import Actor
from kernel.db import Db
from kernel.events import publish
from kernel.ids import new_id
from plugins.courses import rules
from plugins.courses.errors import CourseIncomplete, CourseNotFound, CourseStateWrong, ReviewRequired
from plugins.courses.events import (
    CourseApproved,
    CourseArchived,
    CourseFeatured,
    CoursePublished,
    CourseRejected,
    CourseSubmitted,
    CourseWithdrawn,
)
from plugins.courses.permissions import ARCHIVE, FEATURE, PUBLISH, REVIEW, SUBMIT
from plugins.courses.queries.courses import course_details
from plugins.courses.queries.teaching import SHOWN_SECTIONS, SHOWN_VIDEOS
from plugins.courses.queries.viewing import owned
from plugins.courses.schemas.courses import CourseDetails
from plugins.courses.schemas.reviewing import RejectRequest
from plugins.courses.schemas.texts import CourseStatus
from plugins.courses.settings import SETTINGS, CoursesSettings
from plugins.courses.tables import Course, CourseVerdict

_IS_IT = (Course.id == bindparam("course", type_=Uuid), owned())
_STATE = select(Course.status).where(*_IS_IT)
_READINESS = select(SHOWN_SECTIONS.label("sections"), SHOWN_VIDEOS.label("videos")).where(*_IS_IT)


def _from(*states: CourseStatus, **values: Any) -> Update:
    """Return the statement that changes a course in one of these states and gives its instructor."""
    begins = or_(*[Course.status == state for state in states])
    return update(Course).where(*_IS_IT, begins).values(values).returning(Course.instructor_id)


_FIRST_TIME = func.coalesce(Course.published_at, func.now())
_PUBLISH = _from("draft", "submitted", "rejected", "archived", status="published", published_at=_FIRST_TIME)
_SUBMIT = _from("draft", "rejected", "archived", status="submitted", submitted_at=func.now())
_WITHDRAW = _from("submitted", status="draft", submitted_at=null())
_APPROVE = _from("submitted", status="published", published_at=_FIRST_TIME)
_REJECT = _from("submitted", status="rejected")
_ARCHIVE = _from("published", status="archived", featured_at=null())
_FEATURE = _from("published", featured_at=func.coalesce(Course.featured_at, func.now()))
# That of this transaction alone: a course that stood there already keeps its moment.
_IS_FEATURED_NOW = select(Course.featured_at == func.now()).where(*_IS_IT)
_FEATURE_NO_MORE = update(Course).where(*_IS_IT).values(featured_at=null()).returning(Course.instructor_id)
_ADD_VERDICT = insert(CourseVerdict).values(
    id=bindparam("id"),
    course_id=bindparam("course"),
    reviewer_id=bindparam("reviewer"),
    decision=bindparam("decision"),
    reason=bindparam("reason", type_=Text),
    notes=bindparam("notes", type_=JSONB),
)


class Readiness(Struct, frozen=True):
    """What decides whether a course can be published."""

    sections: int
    videos: int


async def publish_course(db: Db, actor: Actor, course_id: UUID) -> CourseDetails:
    """Show a course to everyone; one that is published already stays so.

    Needs: courses.course.publish
    Emits: courses.course.published

    Raises:
        ReviewRequired: The tenant lets administrators alone publish.
        CourseNotFound: It is not there, or not the actor's.
        CourseIncomplete: Names each thing that is missing.
    """
    owner = actor.limited_to(PUBLISH)
    if owner is not None and db.tenant.setting(SETTINGS, CoursesSettings).review_required:
        raise ReviewRequired
    await _check_ready(db, course_id, owner)
    instructor_id = await db.value(_PUBLISH, course=course_id, owner=owner)
    if instructor_id is not None:
        await publish(db, CoursePublished(course_id=course_id, instructor_id=instructor_id))
    return await course_details(db, actor, course_id)


async def submit_course(db: Db, actor: Actor, course_id: UUID) -> CourseDetails:
    """Ask for a review.

    Needs: courses.course.submit
    Emits: courses.course.submitted

    Raises:
        CourseNotFound: It is not there, or not the actor's.
        CourseIncomplete: Names each thing that is missing.
        CourseStateWrong: It waits already, or is published.
    """
    owner = actor.limited_to(SUBMIT)
    await _check_ready(db, course_id, owner)
    instructor_id = await _change(db, _SUBMIT, course_id, owner)
    await publish(db, CourseSubmitted(course_id=course_id, instructor_id=instructor_id))
    return await course_details(db, actor, course_id)


async def withdraw_course(db: Db, actor: Actor, course_id: UUID) -> CourseDetails:
    """Take a course back from review.

    Needs: courses.course.submit
    Emits: courses.course.withdrawn

    Raises:
        CourseNotFound: It is not there, or not the actor's.
        CourseStateWrong: It does not wait for a review.
    """
    instructor_id = await _change(db, _WITHDRAW, course_id, actor.limited_to(SUBMIT))
    await publish(db, CourseWithdrawn(course_id=course_id, instructor_id=instructor_id))
    return await course_details(db, actor, course_id)


async def approve_course(db: Db, actor: Actor, course_id: UUID) -> CourseDetails:
    """Publish a course that was submitted.

    Needs: courses.course.review
    Emits: courses.course.approved, courses.course.published

    Raises:
        CourseNotFound: It is not there.
        CourseIncomplete: Something was taken out of it since.
        CourseStateWrong: It does not wait for a review.
    """
    owner = actor.limited_to(REVIEW)
    await _check_ready(db, course_id, owner)
    instructor_id = await _change(db, _APPROVE, course_id, owner)
    verdict_id = await _decide(db, actor, course_id, decision="approved", reason=None, notes=[])
    await publish(db, CourseApproved(course_id=course_id, instructor_id=instructor_id, verdict_id=verdict_id))
    await publish(db, CoursePublished(course_id=course_id, instructor_id=instructor_id))
    return await course_details(db, actor, course_id)


async def reject_course(db: Db, actor: Actor, course_id: UUID, order: RejectRequest) -> CourseDetails:
    """Send a course back, with a reason and notes to single parts of it.

    Needs: courses.course.review
    Emits: courses.course.rejected

    Raises:
        CourseNotFound: It is not there.
        CourseStateWrong: It does not wait for a review.
    """
    instructor_id = await _change(db, _REJECT, course_id, actor.limited_to(REVIEW))
    notes = msgspec.to_builtins(order.notes)
    verdict_id = await _decide(db, actor, course_id, decision="rejected", reason=order.reason, notes=notes)
    await publish(db, CourseRejected(course_id=course_id, instructor_id=instructor_id, verdict_id=verdict_id))
    return await course_details(db, actor, course_id)


async def archive_course(db: Db, actor: Actor, course_id: UUID) -> CourseDetails:
    """Close a course for others; whoever is enrolled goes on.

    Needs: courses.course.archive
    Emits: courses.course.archived

    Raises:
        CourseNotFound: It is not there, or not the actor's.
        CourseStateWrong: It is not published.
    """
    instructor_id = await _change(db, _ARCHIVE, course_id, actor.limited_to(ARCHIVE))
    await publish(db, CourseArchived(course_id=course_id, instructor_id=instructor_id))
    return await course_details(db, actor, course_id)


async def feature_course(db: Db, actor: Actor, course_id: UUID, *, featured: bool) -> CourseDetails:
    """Put a published course in front of all others, or back among them.

    Needs: courses.course.feature
    Emits: courses.course.featured

    Raises:
        CourseNotFound: It is not there.
        CourseStateWrong: It is not published.
    """
    owner = actor.limited_to(FEATURE)
    instructor_id = await _change(db, _FEATURE if featured else _FEATURE_NO_MORE, course_id, owner)
    if featured and await db.value(_IS_FEATURED_NOW, course=course_id, owner=owner):
        await publish(db, CourseFeatured(course_id=course_id, instructor_id=instructor_id))
    return await course_details(db, actor, course_id)


async def _check_ready(db: Db, course_id: UUID, owner: UUID | None) -> None:
    course = await db.row(Readiness, _READINESS, course=course_id, owner=owner)
    if course is None:
        raise CourseNotFound
    if missing := rules.missing_items(sections=course.sections, videos=course.videos):
        raise CourseIncomplete(errors=missing)


async def _change(db: Db, statement: Update, course_id: UUID, owner: UUID | None) -> UUID:
    """Run a change of state and return the course's instructor."""
    instructor_id: UUID | None = await db.value(statement, course=course_id, owner=owner)
    if instructor_id is None:
        state = await db.value(_STATE, course=course_id, owner=owner)
        raise CourseNotFound if state is None else CourseStateWrong(f"This cannot be done: the course is {state}.")
    return instructor_id


async def _decide(
    db: Db, actor: Actor, course_id: UUID, *, decision: str, reason: str | None, notes: list[dict[str, str]]
) -> UUID:
    verdict_id = new_id()
    await db.run(
        _ADD_VERDICT,
        id=verdict_id,
        course=course_id,
        reviewer=actor.id,
        decision=decision,
        reason=reason,
        notes=notes,
    )
    return verdict_id
