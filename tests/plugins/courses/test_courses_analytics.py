"""How a course is doing: enrolments by day, completion, watch time, where viewers stop."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from kernel.testing import FakeClock, Person, School, SchoolFactory
from tests.plugins.courses.conftest import Course, ask, draft, published, watch


async def enrolled(school: School, course: Course) -> Person:
    """Return a new student of the course."""
    student = await school.person("student")
    await ask(student, "POST", f"{course.path}/enroll", status=201)
    return student


async def test_analytics_tell_who_came_and_where_they_stopped(school: School, instructor: Person) -> None:
    course = await published(instructor, 100, 10, is_free=True)
    first, second, third, gone = [await enrolled(school, course) for _ in range(4)]
    for student in (first, second):
        await watch(student, course.videos[0], (0, 100))
    await watch(third, course.videos[0], (0, 35))
    await watch(first, course.videos[1], (0, 10), total=10)
    await ask(gone, "DELETE", f"{course.path}/enroll", status=204)

    found = await ask(instructor, "GET", f"{course.path}/analytics")

    assert found["enrollments"] == {
        "active": 2,
        "completed": 1,
        "dropped": 1,
        "expired": 0,
        "average_progress": round((100 + 90.91 + 31.82) / 3, 2),
    }
    assert (found["completion_rate"], found["watched_seconds"]) == (33.33, 245)
    counts = [
        (video["viewers"], video["completed"], video["watched_seconds"], video["drop_off"]) for video in found["videos"]
    ]
    assert counts == [(3, 2, 235, [3, 3, 3, 3, 2, 2, 2, 2, 2, 2]), (1, 1, 10, [1] * 10)]
    days = found["enrolled_by_day"]
    assert (len(days), sum(day["count"] for day in days), days[-1]) == (
        90,
        4,
        {"day": datetime.now(UTC).date().isoformat(), "count": 4},
    )


async def test_days_are_those_of_the_schools_time_zone(new_school: SchoolFactory, fake_clock: FakeClock) -> None:
    school = await new_school(settings={"general": {"timezone": "Pacific/Kiritimati"}})
    course = await published(await school.person("instructor"), is_free=True)
    await enrolled(school, course)
    moment = datetime(2026, 1, 31, 10, 30, tzinfo=UTC)
    async with school.db() as db:
        driver = await db.driver()
        await driver.execute("UPDATE courses.course_enrollments SET enrolled_at = $1", moment)
    found = await ask(course.author, "GET", f"{course.path}/analytics?from=2026-01-31&to=2026-02-01")
    # Fourteen hours ahead of UTC.
    assert found["enrolled_by_day"] == [{"day": "2026-01-31", "count": 0}, {"day": "2026-02-01", "count": 1}]


async def test_wrong_days_are_named(instructor: Person) -> None:
    course = await draft(instructor)
    today = datetime.now(UTC).date()
    for query, field in (
        (f"from={today}&to={today - timedelta(days=1)}", "to"),
        (f"from={today - timedelta(days=400)}", "from"),
        ("from=yesterday", "from"),
        ("since=2026-01-01", "since"),
    ):
        answer = await ask(instructor, "GET", f"{course.path}/analytics?{query}", status=400)
        assert [each["field"] for each in answer["errors"]] == [field]


async def test_empty_course_has_empty_analytics(instructor: Person) -> None:
    course = await draft(instructor)
    found = await ask(instructor, "GET", f"{course.path}/analytics")
    assert (found["completion_rate"], found["videos"], found["enrollments"]["average_progress"]) == (0.0, [], 0.0)


async def test_analytics_of_many_cost_as_many_queries_as_of_one(
    school: School, instructor: Person, query_count: Callable[[], int]
) -> None:
    course = await published(instructor, 10, is_free=True)

    async def cost() -> int:
        before = query_count()
        await ask(instructor, "GET", f"{course.path}/analytics")
        return query_count() - before

    one = await cost()
    for _ in range(3):
        await course.add_video(seconds=10)
        await watch(await enrolled(school, course), course.videos[-1], (0, 5), total=10)
    assert await cost() == one == 4
