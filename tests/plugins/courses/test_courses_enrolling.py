"""Enrolling and leaving: terms, places in a crowd, codes, counters, lists."""

import asyncio
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest

from kernel.errors import DomainError
from kernel.testing import Person, School
from plugins.courses import api
from plugins.courses.errors import CourseFull, CourseNotFound, CourseNotPublished
from tests.plugins.courses.conftest import Course, Deliver, ask, draft, published, refused, watch


async def people(school: School, count: int) -> list[Person]:
    """Return students."""
    return [await school.person("student") for _ in range(count)]


async def enroll_all(students: list[Person], course: Course) -> list[tuple[int, str]]:
    """Let everybody enrol at once; return status and code of each answer, sorted."""
    answers = await asyncio.gather(*(each.post(f"{course.path}/enroll") for each in students))
    return sorted((answer.status_code, answer.json().get("code", "")) for answer in answers)


async def test_enrolling_twice_is_one_enrolment(instructor: Person, student: Person) -> None:
    course = await published(instructor, price="9", is_free=True)
    first = await ask(student, "POST", f"{course.path}/enroll", status=201)
    assert (first["user_id"], first["course_id"]) == (str(student.id), str(course.id))
    assert (first["status"], first["progress"], first["completed_at"]) == ("active", 0.0, None)
    assert await ask(student, "POST", f"{course.path}/enroll") == first
    shown = await ask(student, "GET", course.path)
    assert shown["enrollment"] == {"id": first["id"], "status": "active", "progress": 0.0}


async def test_many_clicks_at_once_are_one_enrolment(instructor: Person, student: Person, deliver: Deliver) -> None:
    course = await published(instructor, max_students=2)
    assert [status for status, _ in await enroll_all([student] * 10, course)] == [200] * 9 + [201]
    await deliver()
    assert (await ask(student, "GET", course.path))["total_enrolled"] == 1


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"price": "0"}, 201, None),
        ({"price": "5"}, 403, "courses.code_required"),
        ({"price": "5", "requires_code": True}, 403, "courses.code_required"),
        ({"price": "0", "requires_code": True}, 403, "courses.code_required"),
    ],
)
async def test_terms(instructor: Person, student: Person, fields: dict[str, object], status: int, code: str) -> None:
    course = await published(instructor, **fields)
    assert (await ask(student, "POST", f"{course.path}/enroll", status=status)).get("code") == code


async def test_draft_and_unknown_courses_are_not_there(instructor: Person, student: Person) -> None:
    course = await draft(instructor)
    for path in (course.path, f"/courses/{uuid4()}"):
        assert await refused(student, "POST", f"{path}/enroll", status=404) == "courses.not_found"
        assert await refused(student, "DELETE", f"{path}/enroll", status=404) == "courses.enrollment_not_found"


async def test_places_hold_in_a_crowd(school: School, instructor: Person, deliver: Deliver) -> None:
    course = await published(instructor, max_students=5)
    students = await people(school, 15)
    assert await enroll_all(students, course) == [(201, "")] * 5 + [(409, "courses.full")] * 10
    assert (await ask(instructor, "GET", f"{course.path}/students"))["total"] == 5
    await deliver()
    assert (await ask(instructor, "GET", course.path))["total_enrolled"] == 5


async def test_whoever_leaves_gives_their_place_to_another(school: School, instructor: Person) -> None:
    course = await published(instructor, max_students=1)
    one, two = await people(school, 2)
    await ask(one, "POST", f"{course.path}/enroll", status=201)
    assert await refused(two, "POST", f"{course.path}/enroll", status=409) == "courses.full"
    await ask(one, "POST", f"{course.path}/enroll")
    await ask(one, "DELETE", f"{course.path}/enroll", status=204)
    await ask(one, "DELETE", f"{course.path}/enroll", status=204)
    await ask(two, "POST", f"{course.path}/enroll", status=201)
    assert await refused(one, "POST", f"{course.path}/enroll", status=409) == "courses.full"


async def test_coming_back_keeps_what_was_watched(instructor: Person, student: Person) -> None:
    course = await published(instructor)
    first = await ask(student, "POST", f"{course.path}/enroll", status=201)
    await watch(student, course.videos[0], (0, 40))
    await ask(student, "DELETE", f"{course.path}/enroll", status=204)
    assert await refused(student, "GET", f"{course.videos[0]}/stream", status=403) == "courses.not_enrolled"
    assert (await ask(student, "GET", "/enrollments"))["total"] == 0
    assert (await ask(student, "GET", "/enrollments", params={"status": "dropped"}))["total"] == 1
    again = await ask(student, "POST", f"{course.path}/enroll", status=201)
    assert (again["id"], again["progress"], again["status"]) == (first["id"], 40.0, "active")


async def test_completed_course_cannot_be_dropped(instructor: Person, student: Person) -> None:
    course = await published(instructor)
    await ask(student, "POST", f"{course.path}/enroll", status=201)
    await watch(student, course.videos[0], (0, 100))
    assert await refused(student, "DELETE", f"{course.path}/enroll", status=409) == "courses.enrollment_completed"


async def test_counter_is_a_recount_after_any_comings_and_goings(
    school: School, instructor: Person, deliver: Deliver
) -> None:
    course = await published(instructor)
    students = await people(school, 8)
    await enroll_all(students, course)
    await asyncio.gather(*(each.delete(f"{course.path}/enroll") for each in students[:5]))
    await enroll_all(students[:2], course)
    await deliver()
    total = (await ask(instructor, "GET", f"{course.path}/students"))["total"]
    assert (await ask(instructor, "GET", course.path))["total_enrolled"] == total == 5


async def test_code_enrols_in_one_statement_and_twice_in_none(
    school: School, instructor: Person, student: Person, query_count: Callable[[], int], deliver: Deliver
) -> None:
    course = await published(instructor, price="50", requires_code=True)
    code = uuid4()
    async with school.db() as db:
        before = query_count()
        first = await api.enroll_by_code(db, student.id, course.id, code)
        # The enrolment, and the row of the outbox that tells the counter.
        assert query_count() - before == 2
    async with school.db() as db:
        assert await api.enroll_by_code(db, student.id, course.id, uuid4()) == first
    assert (first.user_id, first.course_id, first.status) == (student.id, course.id, "active")
    assert (await ask(student, "GET", f"{course.videos[0]}/stream"))["type"] == "external"
    await deliver()
    assert (await ask(instructor, "GET", course.path))["total_enrolled"] == 1


async def test_code_respects_places_and_state(school: School, instructor: Person) -> None:
    full = await published(instructor, max_students=1)
    unpublished = await draft(instructor)
    one, two = await people(school, 2)
    await ask(one, "POST", f"{full.path}/enroll", status=201)
    cases: list[tuple[UUID, type[DomainError]]] = [
        (full.id, CourseFull),
        (unpublished.id, CourseNotPublished),
        (uuid4(), CourseNotFound),
    ]
    for course_id, error in cases:
        with pytest.raises(error):
            async with school.db() as db:
                await api.enroll_by_code(db, two.id, course_id, uuid4())
    async with school.db() as db:
        assert (await api.enroll_by_code(db, one.id, full.id, uuid4())).user_id == one.id


async def test_code_for_a_video_opens_that_video(school: School, instructor: Person, student: Person) -> None:
    course = await published(instructor, 100, 100, requires_code=True)
    video = await course.add_video(requires_code=True)
    assert await refused(student, "GET", f"{video}/stream", status=403) == "courses.not_enrolled"
    async with school.db() as db:
        ref = await api.video_ref(db, UUID(video.rpartition("/")[2]))
        assert (ref.course_id, ref.instructor_id, ref.requires_code) == (course.id, instructor.id, True)
        assert [await api.grant_video(db, student.id, ref.id, uuid4()) for _ in range(2)] == [True, False]
    assert (await ask(student, "GET", f"{video}/stream"))["type"] == "external"
    assert (await watch(student, video, (0, 95)))["is_completed"]
    assert await refused(student, "GET", f"{course.videos[0]}/stream", status=403) == "courses.not_enrolled"


async def test_own_list_shows_where_to_go_on(school: School, instructor: Person, student: Person) -> None:
    course = await published(instructor, 100, 100, 100, title="Three")
    other = await published(instructor, title="Other")
    for each in (course, other):
        await ask(student, "POST", f"{each.path}/enroll", status=201)

    async def next_up() -> tuple[str, int]:
        page = await ask(student, "GET", "/enrollments")
        assert (page["total"], [item["course"]["title"] for item in page["items"]]) == (2, ["Other", "Three"])
        found = page["items"][1]["continue"]
        return f"/videos/{found['video_id']}", found["last_position"]

    first, second, third = course.videos
    assert await next_up() == (first, 0)
    await watch(student, second, (0, 10), position=10)
    assert await next_up() == (second, 10)
    await watch(student, first, (0, 20), position=20)
    assert await next_up() == (first, 20)
    await watch(student, first, (0, 100), position=100)
    assert await next_up() == (second, 10)
    await watch(student, second, (0, 100), position=100)
    assert await next_up() == (third, 0)
    await watch(student, third, (0, 100), position=100)
    assert await next_up() == (third, 100)


async def test_lists_of_30_cost_as_many_queries_as_of_1(
    school: School, instructor: Person, query_count: Callable[[], int]
) -> None:
    async def cost(person: Person, path: str) -> int:
        before = query_count()
        await ask(person, "GET", path, params={"limit": 100})
        return query_count() - before

    small, large = await published(instructor), await published(instructor)
    students = await people(school, 30)
    await enroll_all(students[:1], small)
    await enroll_all(students, large)
    assert await cost(instructor, f"{small.path}/students") == await cost(instructor, f"{large.path}/students") == 3
    one = await cost(students[1], "/enrollments")
    for _ in range(29):
        await enroll_all(students[:2], await published(instructor))
    assert one == await cost(students[1], "/enrollments") == 2
    page = await ask(students[1], "GET", "/enrollments", params={"limit": 7, "offset": 28})
    assert (len(page["items"]), page["total"]) == (2, 30)
    assert (await ask(students[1], "GET", "/enrollments", params={"offset": 99}))["total"] == 30
    beyond = await ask(instructor, "GET", f"{large.path}/students", params={"offset": 99})
    assert (beyond["items"], beyond["total"]) == ([], 30)


async def test_other_plugins_find_courses(school: School, other_school: School, instructor: Person) -> None:
    course = await published(instructor, requires_code=True)
    async with school.db() as db:
        ref = await api.course_for_codes(db, course.id)
        assert (ref.id, ref.title, ref.instructor_id, ref.status) == (course.id, "A course", instructor.id, "published")
        assert await api.courses_by_id(db, [course.id, uuid4()]) == {course.id: ref}
        assert await api.courses_by_id(db, []) == {}
        assert await api.course_by_slug(db, "a-course") == ref
        assert await api.course_by_slug(db, "nothing") is None
    async with other_school.db() as db:
        assert await api.courses_by_id(db, [course.id]) == {}
        with pytest.raises(CourseNotFound):
            await api.course_for_codes(db, course.id)
