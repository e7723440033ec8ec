"""The students of a course, and of all courses in somebody's care: how far they are, and who has gone quiet."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from uuid import UUID

from litestar.params import QueryParameter

from kernel.auth import Actor
from kernel.db import Db
from kernel.routing import Offset
from plugins.courses.pages.course_tabs import SLOT, framed
from plugins.courses.permissions import VIEW_STUDENTS
from plugins.courses.queries.students_in_care import (
    QUIET_DAYS,
    StudentSort,
    StudentState,
    courses_to_choose,
    student_counts,
    students_in_care,
)

_ROWS = 25
Search = Annotated[str, QueryParameter(max_length=100)]
Shown = tuple[str, Mapping[str, Any]]


async def all_students(
    db: Db,
    actor: Actor,
    course: UUID | None = None,
    show: StudentState | None = None,
    sort: StudentSort = "risk",
    offset: Offset = 0,
    q: Search = "",
) -> Shown:
    """Show the students of all courses in one's care, those first who have gone quiet."""
    values = await _listed(db, actor, course, show, sort, offset, q.strip())
    return "courses/students.html", {**values, "courses": await courses_to_choose(db, actor)}


async def course_students(
    db: Db,
    actor: Actor,
    course_id: UUID,
    show: StudentState | None = None,
    sort: StudentSort = "risk",
    offset: Offset = 0,
    q: Search = "",
) -> Shown:
    """Show the students of a course."""
    frame = await framed(db, actor, course_id, "students")
    values = await _listed(db, actor, course_id, show, sort, offset, q.strip())
    return "courses/course_students.html", {**frame, **values}


async def _listed(
    db: Db, actor: Actor, course_id: UUID | None, state: StudentState | None, sort: StudentSort, offset: int, named: str
) -> Mapping[str, Any]:
    page = await students_in_care(
        db, actor, course_id=course_id, state=state, sort=sort, limit=_ROWS, offset=offset, named=named
    )
    return {
        "page": page,
        "named": named,
        "state": state,
        "sort": sort,
        "course_id": course_id,
        "quiet_days": QUIET_DAYS,
    }


async def quiet_need(db: Db, actor: Actor, _subject: object) -> Shown | None:
    """Tell a teacher on the dashboard that students have gone quiet."""
    quiet = (await student_counts(db, actor)).quiet
    return ("courses/quiet_need.html", {"quiet": quiet, "days": QUIET_DAYS}) if quiet else None


PAGES: Sequence[Mapping[str, Any]] = (
    {"path": "/teach/students", "handler": all_students, "access": VIEW_STUDENTS},
    {
        "path": "/teach/courses/{course_id:uuid}/students",
        "handler": course_students,
        "access": VIEW_STUDENTS,
        "slots": (SLOT,),
    },
)
NAVIGATION: Sequence[Mapping[str, Any]] = (
    {
        "id": "courses.students",
        "area": "teach",
        "group": "Teach",
        "label": "Students",
        "icon": "people",
        "path": "/teach/students",
        "order": 30,
        "access": VIEW_STUDENTS,
        "scope": "own",
    },
)
SLOTS: Sequence[Mapping[str, Any]] = (
    {"slot": "dashboard.needs", "fill": quiet_need, "access": VIEW_STUDENTS, "order": 40, "scope": "own"},
)
