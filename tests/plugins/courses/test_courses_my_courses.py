"""What somebody learns: their list of courses, their parts of the dashboard, and the courses on the school's home."""

import re
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import bindparam, update

from kernel import clock
from kernel.testing import Person, School, SchoolFactory
from plugins.courses.tables import CourseEnrollment
from tests.plugins.courses.conftest import Course, ask, draft, published, watch
from tests.plugins.portal.test_portal_pages import open_page

TITLES = re.compile(r"<h2><a href=\"([^\"]+)\"><bdi>([^<]*)</bdi>")
_END = update(CourseEnrollment).where(CourseEnrollment.course_id == bindparam("id_")).values(expires_at=bindparam("on"))


async def seen(person: Person, path: str, status: int = 200) -> str:
    answer = await open_page(person.client, path)
    assert answer.status_code == status, answer.text
    return answer.text


async def enrolled(student: Person, instructor: Person, title: str, *seconds: int) -> Course:
    course = await published(instructor, *seconds, title=title, is_free=True)
    await ask(student, "POST", f"{course.path}/enroll", status=201)
    return course


async def test_courses_stand_where_they_belong(school: School, instructor: Person, student: Person) -> None:
    begun = await enrolled(student, instructor, "Begun", 100, 100)
    await enrolled(student, instructor, "Fresh")
    done = await enrolled(student, instructor, "All seen")
    left = await enrolled(student, instructor, "Left")
    over = await enrolled(student, instructor, "Over")
    await watch(student, begun.videos[0], (0, 100), position=100)
    await watch(student, begun.videos[1], (0, 20), position=20)
    await watch(student, done.videos[0], (0, 100), position=100)
    await ask(student, "DELETE", f"{left.path}/enroll", status=204)
    async with school.db() as db:
        await db.run(_END, id_=over.id, on=clock.now() - timedelta(days=1))

    active = await seen(student, "/my/courses")
    assert TITLES.findall(active) == [("/learn/begun", "Begun"), ("/learn/fresh", "Fresh")]
    assert re.findall(r'<span class="quiet-text">(\d)</span>', active) == ["2", "1", "2"]
    assert "60%" in active
    assert "Not begun yet" in active
    # Whoever can come back freely is not asked before they leave.
    assert active.count("data-undo=") == 2
    assert TITLES.findall(await seen(student, "/my/courses?show=done")) == [("/learn/all-seen", "All seen")]
    gone = await seen(student, "/my/courses?show=left")
    assert {title for _, title in TITLES.findall(gone)} == {"Left", "Over"}
    assert (gone.count(">Enrol again<"), gone.count("Expired"), gone.count(">Dropped<")) == (2, 1, 1)
    await seen(student, "/my/courses?show=other", 400)


async def test_leaving_what_only_a_code_opens_is_asked_first(instructor: Person, student: Person) -> None:
    course = await published(instructor, title="Coded", requires_code=True)
    made = {"course_id": str(course.id), "type": "single_use", "count": 1}
    code = (await ask(instructor, "POST", "/access-codes/generate", status=201, json=made))["items"][0]["code"]
    await ask(student, "POST", "/access-codes/redeem", json={"code": code})
    page = await seen(student, "/my/courses")
    assert f'data-confirm="#drop-{course.id}"' in page
    assert "You come back only with a new code." in page
    assert "data-undo" not in page


async def test_who_has_no_course_is_told_where_they_are(school: School, student: Person, instructor: Person) -> None:
    for path in ("/my/courses", "/dashboard"):
        page = await seen(student, path)
        assert "You have no course yet." in page
        assert 'href="/courses"><span>Find a course' in page
        assert 'href="/redeem"' in page
    assert "Recent activity" not in await seen(student, "/dashboard")
    await seen(instructor, "/my/courses", 403)
    assert "/my/courses" not in await seen(instructor, "/courses")
    visitor = await open_page(await school.client(), "/my/courses")
    assert (visitor.status_code, visitor.headers["location"]) == (302, "/sign-in?next=/my/courses")


async def test_dashboard_leads_to_the_next_lesson(instructor: Person, student: Person) -> None:
    course = await enrolled(student, instructor, "Going <on>", 100, 100)
    await watch(student, course.videos[0], (0, 100), position=100)
    page = await seen(student, "/dashboard")
    assert "Lesson 2 of 2" in page
    assert f'/learn/going-on/{course.videos[1].rpartition("/")[2]}"' in page
    assert "Going &lt;on&gt;" in page
    assert "Recent activity" in page
    assert "50%" in page
    assert ">Watched<" in page


async def test_what_one_learns_is_nobody_elses(school: School, instructor: Person, student: Person) -> None:
    await enrolled(student, instructor, "Mine alone")
    other = await school.person("student")
    for path in ("/my/courses", "/dashboard"):
        assert "Mine alone" in await seen(student, path)
        assert "Mine alone" not in await seen(other, path)


async def test_lists_cost_the_same_for_one_course_and_for_many(
    instructor: Person, student: Person, query_count: Callable[[], int]
) -> None:
    async def costs() -> list[int]:
        found = []
        for path in ("/my/courses", "/dashboard", "/"):
            before = query_count()
            await seen(student, path)
            found.append(query_count() - before)
        return found

    first = await enrolled(student, instructor, "The first")
    await watch(student, first.videos[0], (0, 50), position=50)
    few = await costs()
    for number in range(8):
        course = await enrolled(student, instructor, f"Number {number}")
        await watch(student, course.videos[0], (0, 50), position=50)
    assert await costs() == few
    before = query_count()
    await ask(student, "GET", "/enrollments")
    assert few[0] <= query_count() - before + 3


async def test_home_shows_courses_to_whoever_may_see_them(new_school: SchoolFactory) -> None:
    for is_public in (True, False):
        school = await new_school(settings={"courses": {"public_catalogue": is_public}})
        instructor, admin = await school.person("instructor"), await school.person("admin")
        shelf = await ask(admin, "POST", "/categories", status=201, json={"name": "Crafts & co"})
        course = await published(instructor, title="In front", is_free=True, category_id=shelf["id"])
        await draft(instructor, title="Not yet")
        await ask(admin, "PUT", f"{course.path}/feature")
        pages = {"visitor": (await open_page(await school.client(), "/")).text, "admin": await seen(admin, "/")}
        for reader, page in pages.items():
            is_shown = is_public or reader == "admin"
            assert (page.count("In front"), "Crafts &amp; co" in page) == ((2, True) if is_shown else (0, False))
            assert "Not yet" not in page
            assert "A part of this page could not be loaded" not in page
