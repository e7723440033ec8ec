"""Reads of single courses: for whoever looks at one, and for other plugins."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct, structs
from sqlalchemy import ARRAY, Select, Uuid, and_, any_, bindparam, select

from kernel.auth import Actor
from kernel.categories import PAYMENT, PaymentSettings
from kernel.db import Db
from plugins.auth import api as auth
from plugins.auth.api import UserRef
from plugins.courses.errors import CourseNotFound
from plugins.courses.queries.cards import CARD_COLUMNS, CARD_FROM, CardRow, card
from plugins.courses.queries.covers import COVER_URL
from plugins.courses.queries.viewing import IS_VISIBLE, VIEWER, Standing, check_may_browse, status_now, viewer_of
from plugins.courses.schemas.courses import CourseDetails, CourseRef, OwnEnrollment
from plugins.courses.schemas.reviewing import ReviewNote, Verdict
from plugins.courses.schemas.texts import EnrollmentStatus
from plugins.courses.tables import Course, CourseEnrollment, CourseVerdict

OWN_ENROLLMENT = and_(CourseEnrollment.course_id == Course.id, CourseEnrollment.user_id == VIEWER)
_OWN_COLUMNS = (
    CourseEnrollment.id.label("enrollment_id"),
    status_now().label("enrollment_status"),
    CourseEnrollment.progress.label("enrollment_progress"),
)
_DETAILS_OF = (
    select(
        *CARD_COLUMNS,
        Course.description,
        Course.max_students,
        Course.is_published,
        Course.created_at,
        Course.updated_at,
        Course.submitted_at,
        *_OWN_COLUMNS,
    )
    .select_from(CARD_FROM.outerjoin(CourseEnrollment.__table__, OWN_ENROLLMENT))
    .where(IS_VISIBLE)
)
_DETAILS = _DETAILS_OF.where(Course.id == bindparam("course"))
_DETAILS_BY_SLUG = _DETAILS_OF.where(Course.slug == bindparam("slug"))
_VERDICT = (
    select(
        CourseVerdict.decision,
        CourseVerdict.reason,
        CourseVerdict.notes,
        CourseVerdict.created_at.label("decided_at"),
        CourseVerdict.reviewer_id,
    )
    .where(CourseVerdict.course_id == bindparam("course"))
    .order_by(CourseVerdict.id.desc())
    .limit(1)
)
_SEEN = (
    select(
        Course.id,
        Course.instructor_id,
        status_now().label("enrollment_status"),
    )
    .select_from(Course.__table__.outerjoin(CourseEnrollment.__table__, OWN_ENROLLMENT))
    .where(Course.id == bindparam("course"), IS_VISIBLE)
)
_REFERENCE_COLUMNS = (
    Course.id,
    Course.title,
    Course.slug,
    Course.instructor_id,
    Course.status,
    Course.requires_code,
    COVER_URL,
)
_REFERENCES = select(*_REFERENCE_COLUMNS).where(Course.id == any_(bindparam("ids", type_=ARRAY(Uuid))))
_REFERENCE = select(*_REFERENCE_COLUMNS).where(Course.id == bindparam("id"))
_REFERENCE_BY_SLUG = select(*_REFERENCE_COLUMNS).where(Course.slug == bindparam("slug"))


class DetailsRow(CardRow, frozen=True):
    """The selected columns of a course's page."""

    description: str | None
    max_students: int | None
    is_published: bool
    created_at: datetime
    updated_at: datetime
    submitted_at: datetime | None
    enrollment_id: UUID | None
    enrollment_status: EnrollmentStatus
    enrollment_progress: float


class VerdictRow(Struct, frozen=True):
    """The selected columns of what was decided about a course."""

    decision: Literal["approved", "rejected"]
    reason: str | None
    notes: list[ReviewNote]
    decided_at: datetime
    reviewer_id: UUID | None


class SeenCourse(Struct, frozen=True):
    """The selected columns of a course that somebody may see."""

    id: UUID
    instructor_id: UUID
    enrollment_status: EnrollmentStatus | None


async def course_details(db: Db, actor: Actor, course_id: UUID) -> CourseDetails:
    """Return a course as this person sees it.

    Raises:
        CourseNotFound: There is none, or not for this person.
    """
    return await _details(db, actor, _DETAILS, course=course_id)


async def course_details_by_slug(db: Db, actor: Actor, slug: str) -> CourseDetails:
    """Return a course as this person sees it, by the slug in its address.

    Raises:
        CourseNotFound: There is none, or not for this person.
    """
    return await _details(db, actor, _DETAILS_BY_SLUG, slug=slug)


async def _details(db: Db, actor: Actor, statement: Select[Any], **which: Any) -> CourseDetails:
    check_may_browse(db, actor)
    viewer = viewer_of(actor)
    row = await db.row(DetailsRow, statement, **which, **viewer.parameters)
    if row is None:
        raise CourseNotFound
    said = await db.row(VerdictRow, _VERDICT, course=row.id) if viewer.manages(row.instructor_id) else None
    reviewer = {said.reviewer_id} if said is not None and said.reviewer_id is not None else set()
    people = await auth.users_by_id(db, {row.instructor_id} | reviewer)
    enrollment = None
    if row.enrollment_id is not None:
        enrollment = OwnEnrollment(row.enrollment_id, row.enrollment_status, row.enrollment_progress)
    shown = card(row, people, db.tenant.setting(PAYMENT, PaymentSettings).currency)
    return CourseDetails(
        **structs.asdict(shown),
        description=row.description,
        max_students=row.max_students,
        is_published=row.is_published,
        created_at=row.created_at,
        updated_at=row.updated_at,
        submitted_at=row.submitted_at,
        verdict=_verdict(said, people) if said is not None else None,
        enrollment=enrollment,
    )


def _verdict(said: VerdictRow, people: Mapping[UUID, UserRef]) -> Verdict:
    reviewer = people.get(said.reviewer_id) if said.reviewer_id is not None else None
    return Verdict(said.decision, said.reason, said.notes, said.decided_at, reviewer)


async def standing(db: Db, actor: Actor, course_id: UUID) -> Standing:
    """Return how somebody stands in a course.

    Raises:
        CourseNotFound: There is none, or not for this person.
    """
    check_may_browse(db, actor)
    viewer = viewer_of(actor)
    course = await db.row(SeenCourse, _SEEN, course=course_id, **viewer.parameters)
    if course is None:
        raise CourseNotFound
    return Standing(
        manages=viewer.manages(course.instructor_id),
        is_enrolled=course.enrollment_status in ("active", "completed"),
        is_signed_in=actor.user_id is not None,
    )


async def course_ref(db: Db, course_id: UUID) -> CourseRef:
    """Return a course of any state, for a plugin that asks for the right itself.

    Raises:
        CourseNotFound: There is none in this tenant.
    """
    course = await db.row(CourseRef, _REFERENCE, id=course_id)
    if course is None:
        raise CourseNotFound
    return course


async def course_by_slug(db: Db, slug: str) -> CourseRef | None:
    """Return the course with this slug, in any state."""
    return await db.row(CourseRef, _REFERENCE_BY_SLUG, slug=slug)


async def courses_by_id(db: Db, ids: Iterable[UUID]) -> dict[UUID, CourseRef]:
    """Return courses of any state; those that are not there are left out."""
    wanted = list(ids)
    if not wanted:
        return {}
    return {course.id: course for course in await db.rows(CourseRef, _REFERENCES, ids=wanted)}
