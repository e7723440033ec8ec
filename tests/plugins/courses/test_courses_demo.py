"""The demonstration's courses: all that a school has is among them, and running twice does nothing twice."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import text

from kernel import clock
from kernel.registry import Registry
from kernel.testing import School
from plugins.courses.demo import files, steps
from plugins.courses.demo.plans import SCHOOL
from tests.plugins.courses.conftest import Deliver

_ROWS = text(
    "SELECT concat_ws(' ', (SELECT count(*) FROM courses.courses), (SELECT count(*) FROM courses.course_categories),"
    " (SELECT count(*) FROM courses.course_enrollments), (SELECT count(*) FROM courses.video_progress),"
    " (SELECT count(*) FROM courses.course_reviews), (SELECT count(*) FROM media.files))"
)
_STATES = text("SELECT DISTINCT status FROM courses.course_enrollments")
_OUT_OF_ORDER = text(
    "SELECT count(*) FROM courses.course_enrollments AS place JOIN courses.courses AS course"
    " ON course.id = place.course_id LEFT JOIN courses.course_reviews AS review"
    " ON (review.course_id, review.user_id) = (place.course_id, place.user_id)"
    " WHERE NOT (course.created_at < course.published_at AND course.published_at < place.enrolled_at)"
    " OR place.enrolled_at > coalesce(place.completed_at, review.created_at, now())"
    " OR greatest(place.completed_at, review.created_at, review.replied_at) > now()"
)


async def seed(school: School, *plugins: str) -> None:
    """Run the demonstration's steps of these plugins."""
    registry: Registry = school.deployment.registry
    for step in registry.demo_steps:
        if step.size == "small" and step.plugin in plugins:
            async with school.db() as db:
                await step.run(db)


async def _signed_in(school: School, name: str) -> Any:
    client = await school.client()
    credentials = {"email": f"{name}@example.com", "password": "Collegium-demo-1!"}
    answer = await client.post("/auth/login", json=credentials)
    client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    return client


async def _items(client: Any, path: str) -> list[dict[str, Any]]:
    return list((await client.get(path)).raise_for_status().json()["items"])


async def test_demonstration_is_a_school_and_is_made_once(
    school: School, deliver: Deliver, query_count: Callable[[], int]
) -> None:
    await seed(school, "auth", "courses")
    await deliver()
    async with school.db() as db:
        rows = await db.value(_ROWS)
        assert await db.value(_OUT_OF_ORDER) == 0
    before = query_count()
    await seed(school, "courses")
    assert query_count() - before <= len(SCHOOL.courses) + 5
    async with school.db() as db:
        assert await db.value(_ROWS) == rows

    admin = await _signed_in(school, "admin")
    courses = await _items(admin, "/courses?limit=100")
    for state in ("draft", "submitted", "rejected", "archived"):
        courses += await _items(admin, f"/courses?status={state}")
    states = Counter(course["status"] for course in courses)
    assert states == {"published": 20, "draft": 1, "submitted": 1, "rejected": 1, "archived": 1}
    assert len({course["category"]["id"] for course in courses}) == 6
    assert {course["slug"]: course["total_enrolled"] for course in courses} == {
        plan.own_slug: plan.students - sum(each.left is not None for each in SCHOOL.attendances(plan))
        for plan in SCHOOL.courses
    }
    async with school.db() as db:
        assert set(await db.values(_STATES)) == {"active", "completed", "dropped", "expired"}
    assert {course["language"] for course in courses} == {"en", "ar", "de", "es"}
    assert {course["slug"] for course in courses if course["thumbnail_url"]} == {
        plan.own_slug for plan in SCHOOL.courses if plan.has_cover
    }
    url = next(course["thumbnail_url"] for course in courses if course["thumbnail_url"])
    cover = await admin.get(f"http://{school.host}{url}")
    assert (cover.status_code, cover.headers["content-type"]) == (200, "image/webp")
    await _check_student(school)


async def _check_student(school: School) -> None:
    """The printed student has begun, has finished, may download, and can watch."""
    student = await _signed_in(school, "student")
    mine = await _items(student, "/enrollments")
    assert {each["status"] for each in mine} == {"active", "completed"}
    begun = next(each for each in mine if each["course"]["slug"] == "python-from-the-first-line")
    assert begun["continue"]["last_position"] == 16
    assert datetime.fromisoformat(begun["enrolled_at"]) < clock.now() - timedelta(days=60)
    videos = await _items(student, f"/courses/{begun['course_id']}/videos")
    assert {each["video_type"] for each in videos} == {"server_upload", "youtube_private", "external"}
    stream = (await student.get(f"/videos/{begun['continue']['video_id']}/stream")).json()
    video = await student.get(f"http://{school.host}{stream['url']}")
    assert (video.headers["content-type"], video.content[4:8]) == ("video/mp4", b"ftyp")
    assert [each["language"] for each in stream["captions"]] == ["ar", "en"]
    sheet, table, link = await _items(student, f"/materials?course_id={begun['course_id']}")
    assert (sheet["file_type"], table["file_type"]) == ("application/pdf", "text/plain")
    assert link["external_url"].startswith("https://")
    full = next(each for each in await _items(student, "/courses?limit=100") if each["slug"].startswith("the-first-h"))
    refusal = await student.post(f"/courses/{full['id']}/enroll")
    assert (refusal.status_code, refusal.json()["code"]) == (409, "courses.full")


async def test_an_interrupted_demonstration_goes_on(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    await seed(school, "auth")
    plan = next(plan for plan in SCHOOL.courses if plan.has_cover)
    async with school.db() as db:
        await steps.make_categories(db)

    async def store_nothing(*_: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as patched:
        patched.setattr(files, "_store_cover", store_nothing)
        async with school.db() as db:
            with pytest.raises(ConnectionError):
                await steps.make_course(plan, db)
    for _ in range(2):
        async with school.db() as db:
            await steps.make_course(plan, db)
    author = await _signed_in(school, plan.instructor.partition("@")[0])
    assert [each["title"] for each in await _items(author, "/courses?mine=true")] == [plan.title]


def test_students_come_one_after_the_other_and_the_printed_one_keeps_courses_to_redeem_codes_for() -> None:
    for plan in SCHOOL.courses:
        spoken = [lesson.seconds for lesson in plan.lessons if lesson.said]
        assert len(spoken) == len(set(spoken))
        attendances = list(SCHOOL.attendances(plan))
        assert len({each.email for each in attendances}) == plan.students
        assert all(earlier.days_ago > later.days_ago for earlier, later in pairwise(attendances))
        assert not (plan.requires_code and SCHOOL.students[0] in {each.email for each in attendances})
        eager = sum(each.seconds * 2 >= plan.film_seconds for each in attendances)
        assert len(plan.reviews) <= eager
