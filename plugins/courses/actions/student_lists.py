"""The students of a course as a table for spreadsheets; that it was made stands in the audit log."""

from datetime import UTC, datetime
from uuid import UUID

from kernel.audit import note
from kernel.auth import Actor
from kernel.db import Db
from kernel.errors import TooLarge
from kernel.spreadsheets import csv_lines
from plugins.courses.permissions import VIEW_STUDENTS
from plugins.courses.queries.care import course_in_care
from plugins.courses.queries.students_in_care import StudentInCare, students_listed

MOST_STUDENTS = 10_000
_COLUMNS = (
    "first_name", "last_name", "status", "progress", "lessons_done", "enrolled_at", "last_seen_at", "completed_at",
    "expires_at",
)  # fmt: skip


async def student_list(db: Db, actor: Actor, course_id: UUID) -> bytes:
    """Return who is in a course, as CSV, in the order of their coming; those who have left are left out.

    Needs: courses.enrollment.view

    Raises:
        CourseNotFound: There is none, or it is not the actor's.
        TooLarge: The course has more students than a table holds.
    """
    await course_in_care(db, actor, course_id, VIEW_STUDENTS)
    students = await students_listed(db, actor, course_id, most=MOST_STUDENTS + 1)
    if len(students) > MOST_STUDENTS:
        raise TooLarge(f"A table holds {MOST_STUDENTS} students.")
    new = {"count": str(len(students))}
    await note(db, "courses.students.exported", entity_type="courses.courses", entity_id=course_id, new=new)
    return csv_lines([_COLUMNS, *[_cells(student) for student in students]])


def _cells(student: StudentInCare) -> list[str]:
    user, row = student.user, student.row
    names = (user.first_name, user.last_name) if user is not None else ("", "")
    return [*names, *[_text(getattr(row, name)) for name in _COLUMNS[2:]]]


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    return "" if value is None else str(value)
