"""The states of a course, and what is featured."""

from uuid import UUID

from litestar import delete, post, put
from litestar.handlers import HTTPRouteHandler

from kernel.auth import Actor, requires
from kernel.db import Db
from plugins.courses.actions import publishing
from plugins.courses.permissions import ARCHIVE, FEATURE, PUBLISH, REVIEW, SUBMIT
from plugins.courses.schemas.courses import CourseDetails
from plugins.courses.schemas.reviewing import RejectRequest


@post("/courses/{course_id:uuid}/publish", status_code=200, guards=[requires(PUBLISH)], operation_id="courses_publish")
async def publish_course(db: Db, actor: Actor, course_id: UUID) -> CourseDetails:
    """Show a course to everyone."""
    return await publishing.publish_course(db, actor, course_id)


@post("/courses/{course_id:uuid}/submit", status_code=200, guards=[requires(SUBMIT)], operation_id="courses_submit")
async def submit_course(db: Db, actor: Actor, course_id: UUID) -> CourseDetails:
    """Ask for a review of a course."""
    return await publishing.submit_course(db, actor, course_id)


@post("/courses/{course_id:uuid}/withdraw", status_code=200, guards=[requires(SUBMIT)], operation_id="courses_withdraw")
async def withdraw_course(db: Db, actor: Actor, course_id: UUID) -> CourseDetails:
    """Take a course back from review."""
    return await publishing.withdraw_course(db, actor, course_id)


@post("/courses/{course_id:uuid}/approve", status_code=200, guards=[requires(REVIEW)], operation_id="courses_approve")
async def approve_course(db: Db, actor: Actor, course_id: UUID) -> CourseDetails:
    """Publish a course that was submitted."""
    return await publishing.approve_course(db, actor, course_id)


@post("/courses/{course_id:uuid}/reject", status_code=200, guards=[requires(REVIEW)], operation_id="courses_reject")
async def reject_course(db: Db, actor: Actor, course_id: UUID, data: RejectRequest) -> CourseDetails:
    """Send a course back, with a reason and notes to single parts of it."""
    return await publishing.reject_course(db, actor, course_id, data)


@post("/courses/{course_id:uuid}/archive", status_code=200, guards=[requires(ARCHIVE)], operation_id="courses_archive")
async def archive_course(db: Db, actor: Actor, course_id: UUID) -> CourseDetails:
    """Close a course for others; whoever is enrolled goes on."""
    return await publishing.archive_course(db, actor, course_id)


@put("/courses/{course_id:uuid}/feature", guards=[requires(FEATURE)], operation_id="courses_feature")
async def feature_course(db: Db, actor: Actor, course_id: UUID) -> CourseDetails:
    """Put a published course in front of all others."""
    return await publishing.feature_course(db, actor, course_id, featured=True)


@delete(
    "/courses/{course_id:uuid}/feature",
    status_code=200,
    guards=[requires(FEATURE)],
    operation_id="courses_feature_no_more",
)
async def feature_course_no_more(db: Db, actor: Actor, course_id: UUID) -> CourseDetails:
    """Put a course back among all others."""
    return await publishing.feature_course(db, actor, course_id, featured=False)


HANDLERS: tuple[HTTPRouteHandler, ...] = (
    publish_course,
    submit_course,
    withdraw_course,
    approve_course,
    reject_course,
    archive_course,
    feature_course,
    feature_course_no_more,
)
