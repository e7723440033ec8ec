"""Enrolling, leaving, and who is enrolled."""

from uuid import UUID

from litestar import Response, delete, get, post
from litestar.handlers import HTTPRouteHandler

from kernel.auth import Actor, requires, signed_in
from kernel.db import Db
from kernel.replicas import reads_only
from kernel.routing import Limit, Offset, Page
from plugins.courses.actions import enrollments
from plugins.courses.actions.student_lists import student_list
from plugins.courses.permissions import ENROLL, VIEW_STUDENTS
from plugins.courses.queries.enrollments import enrollment_page, student_page
from plugins.courses.schemas.enrollments import Enrollment, EnrollmentCard, StudentCard
from plugins.courses.schemas.texts import EnrollmentStatus


@post("/courses/{course_id:uuid}/enroll", guards=[requires(ENROLL)], operation_id="courses_enroll")
async def enroll(db: Db, actor: Actor, course_id: UUID) -> Response[Enrollment]:
    """Enrol in a free course; 200 for who is enrolled already."""
    enrollment, is_new = await db.retrying(lambda: enrollments.enroll(db, actor, course_id))
    return Response(enrollment, status_code=201 if is_new else 200)


@delete("/courses/{course_id:uuid}/enroll", guards=[requires(ENROLL)], operation_id="courses_drop")
async def drop(db: Db, actor: Actor, course_id: UUID) -> None:
    """Leave a course; what was watched is kept."""
    await enrollments.drop(db, actor, course_id)


@get("/enrollments", guards=[signed_in], opt=reads_only(), operation_id="enrollments_list")
async def list_enrollments(
    db: Db, actor: Actor, limit: Limit = 20, offset: Offset = 0, status: EnrollmentStatus | None = None
) -> Page[EnrollmentCard]:
    """List one's own courses, with progress and the video to go on with; dropped ones only if asked for."""
    return await enrollment_page(db, actor, status=status, limit=limit, offset=offset)


@get(
    "/courses/{course_id:uuid}/students",
    guards=[requires(VIEW_STUDENTS)],
    opt=reads_only(),
    operation_id="courses_students",
)
async def list_students(
    db: Db,
    actor: Actor,
    course_id: UUID,
    limit: Limit = 20,
    offset: Offset = 0,
    status: EnrollmentStatus | None = None,
) -> Page[StudentCard]:
    """List who is enrolled in a course; those who left only if asked for."""
    return await student_page(db, actor, course_id, status=status, limit=limit, offset=offset)


@get(
    "/courses/{course_id:uuid}/students/export",
    guards=[requires(VIEW_STUDENTS)],
    media_type="text/csv",
    operation_id="courses_students_export",
)
async def export_students(db: Db, actor: Actor, course_id: UUID) -> Response[bytes]:
    """Return all of them as CSV, with their progress and when they last watched; that it was made is recorded."""
    headers = {"Content-Disposition": 'attachment; filename="students.csv"'}
    return Response(await student_list(db, actor, course_id), media_type="text/csv", headers=headers)


HANDLERS: tuple[HTTPRouteHandler, ...] = (enroll, drop, list_enrollments, list_students, export_students)
