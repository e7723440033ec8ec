"""The courses of the demonstration, made through the plugin's own actions, each with all that happened in it.

What is needed of files stands in `files`. Actions know no time but now, so the days on which it all is said to have
happened are set behind them, in the same transaction.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from sqlalchemy import ColumnElement, DateTime, Uuid, bindparam, case, text, update
from sqlalchemy.orm import InstrumentedAttribute

from kernel import clock
from kernel.auth import Actor
from kernel.db import Db
from kernel.demo import DemoStep
from plugins.auth import api as auth
from plugins.courses.actions import (
    categories,
    courses,
    enrollments,
    expiry,
    materials,
    progress,
    publishing,
    reviews,
    sections,
    videos,
)
from plugins.courses.actions.captions import Sent, put_captions
from plugins.courses.demo.files import CourseFiles, captions_of, make_files
from plugins.courses.demo.plans import SCHOOL, Attendance, CoursePlan
from plugins.courses.queries.categories import category_page
from plugins.courses.queries.courses import course_by_slug
from plugins.courses.queries.curriculum import video_page
from plugins.courses.schemas.courses import CreateCategoryRequest, CreateCourseRequest, UpdateCourseRequest
from plugins.courses.schemas.curriculum import CreateSectionRequest, CreateVideoRequest, ProgressRequest
from plugins.courses.schemas.materials import CreateMaterialRequest
from plugins.courses.schemas.reviewing import RejectRequest, ReviewNote
from plugins.courses.schemas.reviews import CreateReviewRequest, ReplyRequest
from plugins.courses.tables import Course, CourseEnrollment, CourseReview

ADMIN = "admin@example.com"
_BEGAN = bindparam("began", type_=DateTime(timezone=True))
_ENDED = bindparam("ended", type_=DateTime(timezone=True))
_STUDENT, _COURSE = bindparam("student", type_=Uuid), bindparam("course", type_=Uuid)


def _ended(moment: InstrumentedAttribute[datetime | None]) -> ColumnElement[datetime | None]:
    """Return the end where something has ended."""
    return case((moment.is_not(None), _ENDED))


_DATE_COURSE = (
    update(Course)
    .where(Course.id == _COURSE)
    .values(created_at=_BEGAN, published_at=_ended(Course.published_at), submitted_at=_ended(Course.submitted_at))
)
_DATE_STUDENT = (
    update(CourseEnrollment)
    .where(CourseEnrollment.user_id == _STUDENT, CourseEnrollment.course_id == _COURSE)
    .values(created_at=_BEGAN, enrolled_at=_BEGAN, completed_at=_ended(CourseEnrollment.completed_at))
)
# When something was changed last is written by a trigger at each change, so these rows come anew.
_DATE_PROGRESS = text("""
    WITH gone AS (
      DELETE FROM courses.video_progress AS progress
      USING unnest(CAST(:videos AS uuid[]), CAST(:moments AS timestamptz[])) AS seen(video_id, moment)
      WHERE progress.user_id = CAST(:student AS uuid) AND progress.video_id = seen.video_id
      RETURNING progress.*, seen.moment
    )
    INSERT INTO courses.video_progress (tenant_id, id, created_at, updated_at, user_id, video_id, watched,
      total_seconds, is_completed, last_position, completed_at)
    SELECT tenant_id, id, moment, moment, user_id, video_id, watched, total_seconds, is_completed, last_position,
      CASE WHEN is_completed THEN moment END
    FROM gone
""")
_RUN_OUT = (
    update(CourseEnrollment)
    .where(CourseEnrollment.user_id == _STUDENT, CourseEnrollment.course_id == _COURSE)
    .values(expires_at=_ENDED)
)
_DATE_REVIEW = (
    update(CourseReview)
    .where(CourseReview.user_id == _STUDENT, CourseReview.course_id == _COURSE)
    .values(created_at=_ENDED, replied_at=_ended(CourseReview.replied_at))
)


async def make_categories(db: Db) -> None:
    """Make the categories that are not there yet."""
    admin = (await _people(db, [ADMIN], "admin"))[ADMIN]
    present = await _category_ids(db, admin)
    for place, each in enumerate(SCHOOL.categories):
        if each.name not in present:
            order = CreateCategoryRequest(
                name=each.name, description=each.description, icon=each.icon, sort_order=place
            )
            await categories.create_category(db, admin, order)


async def make_course(plan: CoursePlan, db: Db) -> None:
    """Make a course with all that belongs to it, unless there is one at its address."""
    if await course_by_slug(db, plan.own_slug) is not None:
        return
    instructor = (await _people(db, [plan.instructor], "instructor"))[plan.instructor]
    category_id = (await _category_ids(db, instructor))[plan.category]
    files = await make_files(db, instructor, plan)
    order = CreateCourseRequest(
        title=plan.title,
        slug=plan.slug,
        short_description=plan.short_description,
        description=plan.description,
        cover_file_id=files.cover,
        category_id=category_id,
        level=plan.level,
        language=plan.language,
        requires_code=False,
    )
    course_id = (await courses.create_course(db, instructor, order)).id
    await _fill(db, instructor, plan, course_id, files)
    if plan.students:
        await publishing.publish_course(db, instructor, course_id)
        await _attend(db, instructor, plan, course_id)
    # The first students came while it was open to everyone.
    terms = UpdateCourseRequest(price=plan.price, requires_code=plan.requires_code, max_students=plan.max_students)
    await courses.update_course(db, instructor, course_id, terms)
    await _bring_to_state(db, instructor, plan, course_id)
    began = clock.now() - timedelta(days=plan.days_ago, hours=5)
    await db.run(_DATE_COURSE, course=course_id, began=began, ended=began + timedelta(hours=3))


async def _fill(db: Db, instructor: Actor, plan: CoursePlan, course_id: UUID, files: CourseFiles) -> None:
    for chapter in plan.chapters:
        section = await sections.add_section(db, instructor, course_id, CreateSectionRequest(title=chapter.title))
        for lesson in chapter.lessons:
            order = CreateVideoRequest(
                title=lesson.title,
                description=lesson.description,
                video_type=lesson.kind,
                duration_seconds=lesson.seconds,
                file_id=files.films.get(lesson.seconds) if lesson.is_film else None,
                youtube_id=lesson.youtube_id,
                video_url=lesson.video_url,
                is_preview=lesson is plan.lessons[0],
            )
            video = await videos.add_video(db, instructor, section.id, order)
            for language in lesson.said:
                sent = Sent("text/vtt", captions_of(lesson, language))
                await put_captions(db, instructor, video.id, language, sent)
    for material in plan.materials:
        source = CreateMaterialRequest(
            course_id=course_id,
            title=material.title,
            external_url=material.url,
            file_id=files.materials.get(material.title),
        )
        await materials.add_material(db, instructor, source)


async def _attend(db: Db, instructor: Actor, plan: CoursePlan, course_id: UUID) -> None:
    """Let students enrol, watch and review; who has watched less than half says nothing of the course."""
    attendances = list(SCHOOL.attendances(plan))
    students = await _people(db, [each.email for each in attendances], "student")
    remarks = iter(plan.reviews)
    for each in attendances:
        student = students[each.email]
        await enrollments.enroll(db, student, course_id)
        watched = await _watch(db, student, course_id, each.seconds)
        if each.seconds * 2 >= plan.film_seconds and (remark := next(remarks, None)):
            review = await reviews.write_review(
                db, student, course_id, CreateReviewRequest(remark.rating, remark.comment)
            )
            if remark.reply:
                await reviews.reply_to_review(db, instructor, review.id, ReplyRequest(remark.reply))
        await _date(db, student, course_id, each, watched)
        if each.left == "dropped":
            await enrollments.drop(db, student, course_id)
        elif each.left == "expired":
            await _run_out(db, student, course_id, each)


async def _run_out(db: Db, student: Actor, course_id: UUID, attendance: Attendance) -> None:
    """Let a place end that was given for a while."""
    ended = clock.now() - timedelta(days=attendance.days_ago / 3)
    await db.run(_RUN_OUT, student=student.id, course=course_id, ended=ended)
    await expiry.expire_enrollments(db, 1)


async def _watch(db: Db, student: Actor, course_id: UUID, left: int) -> list[UUID]:
    """Report so many seconds, from the first video on; return which videos that were."""
    watched = []
    for video in (await video_page(db, student, course_id, limit=100, offset=0)).items:
        seconds = min(left, video.duration_seconds)
        left -= seconds
        if seconds:
            report = ProgressRequest(position=seconds, ranges=[(0, seconds)], total_seconds=video.duration_seconds)
            await progress.report_progress(db, student, video.id, report)
            watched.append(video.id)
    return watched


async def _date(db: Db, student: Actor, course_id: UUID, attendance: Attendance, watched: list[UUID]) -> None:
    """Set the days: of the enrolment, of the lessons one after the other, of what was said at the end."""
    began = clock.now() - timedelta(days=attendance.days_ago)
    ended = began + timedelta(days=attendance.days)
    await db.run(_DATE_STUDENT, student=student.id, course=course_id, began=began, ended=ended)
    moments = [began + (ended - began) * number / len(watched) for number in range(1, len(watched) + 1)]
    await db.run(_DATE_PROGRESS, student=student.id, videos=watched, moments=moments)
    await db.run(_DATE_REVIEW, student=student.id, course=course_id, ended=ended)


async def _bring_to_state(db: Db, instructor: Actor, plan: CoursePlan, course_id: UUID) -> None:
    admin = (await _people(db, [ADMIN], "admin"))[ADMIN]
    if plan.is_featured:
        await publishing.feature_course(db, admin, course_id, featured=True)
    if plan.state in ("submitted", "rejected"):
        await publishing.submit_course(db, instructor, course_id)
    if plan.state == "rejected":
        notes = tuple(ReviewNote(note.target, note.text) for note in plan.notes)
        await publishing.reject_course(db, admin, course_id, RejectRequest(plan.reason, notes))
    if plan.state == "archived":
        await publishing.archive_course(db, instructor, course_id)


async def _people(db: Db, emails: list[str], role: auth.Role) -> Mapping[str, Actor]:
    ids = await auth.user_ids_by_email(db, emails)
    return {email: Actor(db.tenant_id, user_id, role, grants=db.tenant.grants(role)) for email, user_id in ids.items()}


async def _category_ids(db: Db, actor: Actor) -> dict[str, UUID]:
    page = await category_page(db, actor, limit=100, offset=0)
    return {category.name: category.id for category in page.items}


STEPS = (
    DemoStep("courses.categories", make_categories),
    *(DemoStep(f"courses.{plan.own_slug}", partial(make_course, plan)) for plan in SCHOOL.courses),
)
