"""The large demonstration at a small scale: what was loaded agrees with a recount, and a second run adds nothing."""

import pytest
from sqlalchemy import text

from kernel.testing import School
from plugins.auth.demo import students
from plugins.courses.demo import large as large_demo
from plugins.courses.demo import steps
from tests.plugins.courses.conftest import Deliver
from tests.plugins.courses.test_courses_demo import seed

STUDENTS, COURSES = 60, 25
_WRONG_COUNTERS = text(
    "SELECT count(*) FROM courses.courses AS course WHERE"
    " total_enrolled <> (SELECT count(*) FROM courses.course_enrollments WHERE course_id = course.id)"
    " OR rating_count <> (SELECT count(*) FROM courses.course_reviews WHERE course_id = course.id)"
    " OR (title LIKE '%: %' AND duration_hours <> 2.67)"
)
_WRONG_PROGRESS = text(
    "SELECT count(*) FROM courses.course_enrollments AS place JOIN courses.courses AS course"
    " ON course.id = place.course_id AND course.title LIKE '%: %' WHERE progress <>"
    " (SELECT round(count(*) * 100.0 / 16, 2) FROM courses.video_progress AS seen"
    "  JOIN courses.course_videos AS video ON video.id = seen.video_id"
    "  JOIN courses.course_sections AS section ON section.id = video.section_id"
    "  WHERE section.course_id = place.course_id AND seen.user_id = place.user_id)"
)
_ROWS = text(
    "SELECT concat_ws(' ', (SELECT count(*) FROM auth.users), (SELECT count(*) FROM courses.courses),"
    " (SELECT count(*) FROM courses.course_enrollments), (SELECT count(*) FROM courses.video_progress),"
    " (SELECT count(*) FROM courses.course_reviews))"
)


@pytest.fixture
def small_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make less of everything."""
    monkeypatch.setattr(large_demo, "TITLES", large_demo.TITLES[::40])
    monkeypatch.setattr(large_demo, "_COURSES_AT_ONCE", COURSES)
    monkeypatch.setattr(large_demo, "_STUDENTS_AT_ONCE", STUDENTS)


async def _load(school: School) -> None:
    async with school.db() as db:
        await students.make_students(0, STUDENTS, db)
    for make in (large_demo.make_courses, large_demo.enroll_students, large_demo.count_courses):
        async with school.db() as db:
            await make(0, db)


@pytest.mark.usefixtures("small_scale")
async def test_counters_of_what_was_loaded_are_right_and_nothing_is_loaded_twice(
    school: School, deliver: Deliver
) -> None:
    await seed(school, "auth")
    async with school.db() as db:
        await steps.make_categories(db)
    await deliver()
    await _load(school)
    async with school.db() as db:
        rows = await db.value(_ROWS)
        assert await db.value(_WRONG_COUNTERS) == 0
        assert await db.value(_WRONG_PROGRESS) == 0
        assert await db.value(text("SELECT count(*) FROM courses.course_enrollments WHERE status = 'completed'")) > 0
        found = await db.value(
            text("SELECT count(*) FROM courses.courses WHERE search @@ to_tsquery('english', 'algebra')")
        )
        assert found > 0
    await _load(school)
    async with school.db() as db:
        assert await db.value(_ROWS) == rows


async def test_every_student_is_in_ten_different_courses() -> None:
    for student in (0, 1, 999, 19_999):
        assert len({place.title for place in large_demo.places_of(student)}) == large_demo.PLACES_EACH
