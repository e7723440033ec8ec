"""The page of a course: who sees it, the one way in that each person has, its tabs, and what it costs."""

import re
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import quote

import pytest
from sqlalchemy import bindparam, update

from kernel import clock
from kernel.ids import new_id
from kernel.testing import Person, School, SchoolFactory
from plugins.courses.tables import CourseEnrollment
from tests.plugins.courses.conftest import Course, Deliver, ask, draft, published, watch
from tests.plugins.portal.test_portal_pages import open_page

TABS = ("", "/curriculum", "/instructor", "/reviews")
_END = update(CourseEnrollment).where(CourseEnrollment.user_id == bindparam("who")).values(expires_at=bindparam("when"))


async def seen(person: Person, path: str, status: int = 200) -> str:
    answer = await open_page(person.client, path)
    assert answer.status_code == status, answer.text
    return answer.text


def way_in(page: str) -> str:
    """Return the one way in that a page shows."""
    (way,) = re.findall(r'data-way="(\w+)"', page)
    shown = {
        "go_on": ">Continue<" in page,
        "done": ">Watch again<" in page,
        "enroll": ">Enrol for free<" in page,
        "code": ">Use this code<" in page and "is over" not in page,
        "ended": ">Use this code<" in page and "is over" in page,
        "full": "places are taken." in page,
        "sign_in": ">Sign in to enrol<" in page,
        "edit": ">Edit this course<" in page,
        "closed": "takes nobody at present" in page,
    }
    assert [name for name, is_there in shown.items() if is_there] == ([] if way == "none" else [way])
    return str(way)


async def test_everybody_has_one_way_in(
    school: School, instructor: Person, student: Person, admin: Person, deliver: Deliver
) -> None:
    free = await published(instructor, title="Free for all", is_free=True)
    coded = await published(instructor, title="With code", requires_code=True)
    dear = await published(instructor, title="Dear", price="19.90")
    small = await published(instructor, title="Small", is_free=True, max_students=1)
    await ask(await school.person("student"), "POST", f"{small.path}/enroll", status=201)
    await deliver()
    expected = {"/courses/free-for-all": "enroll", "/courses/with-code": "code", "/courses/dear": "code",
                "/courses/small": "full"}  # fmt: skip
    assert {path: way_in(await seen(student, path)) for path in expected} == expected
    assert "$19.90" in await seen(student, "/courses/dear")
    assert "1 of 1 places are taken." in await seen(student, "/courses/small")
    for person, way in ((instructor, "edit"), (admin, "edit"), (await school.person("instructor"), "none")):
        assert way_in(await seen(person, "/courses/free-for-all")) == way
    await ask(student, "POST", f"{free.path}/enroll", status=201)
    assert way_in(await seen(student, "/courses/free-for-all")) == "go_on"
    await watch(student, free.videos[0], (0, 100), position=100)
    assert way_in(await seen(student, "/courses/free-for-all")) == "done"
    made = {"course_id": str(coded.id), "type": "single_use", "count": 1}
    code = (await ask(instructor, "POST", "/access-codes/generate", status=201, json=made))["items"][0]["code"]
    await ask(student, "POST", "/access-codes/redeem", json={"code": code})
    assert way_in(await seen(student, "/courses/with-code")) == "go_on"
    async with school.db() as db:
        await db.run(_END, who=student.id, when=clock.now() - timedelta(days=1))
    assert way_in(await seen(student, "/courses/with-code")) == "ended"
    assert dear.made["slug"] == "dear"


async def test_visitors_are_asked_to_sign_in_and_come_back(new_school: SchoolFactory) -> None:
    school = await new_school(settings={"courses": {"public_catalogue": True}})
    await published(await school.person("instructor"), title="Open", is_free=True)
    client = await school.client()
    for tab in TABS:
        page = (await open_page(client, f"/courses/open{tab}")).text
        assert way_in(page) == "sign_in"
        assert 'href="/sign-in?next=/courses/open"' in page
    await published(await school.person("instructor"), title="دورة", is_free=True)
    page = (await open_page(client, "/courses/دورة")).text
    (address,) = re.findall(r'href="(/sign-in\?next=[^"]+)"', page)
    assert f'data-next="/courses/{quote("دورة")}"' in (await open_page(client, address)).text


@pytest.mark.parametrize("tab", TABS)
async def test_who_may_not_see_a_course_finds_nothing(
    school: School, other_school: School, instructor: Person, student: Person, tab: str
) -> None:
    await draft(instructor, title="Not yet")
    await published(instructor, title="Ours", is_free=True)
    hidden = await open_page(await school.client(), f"/courses/ours{tab}")
    assert (hidden.status_code, hidden.headers["location"]) == (302, f"/sign-in?next=/courses/ours{tab}")
    stranger, colleague = await other_school.person("admin"), await school.person("instructor")
    for person, path in ((student, "not-yet"), (colleague, "not-yet"), (stranger, "ours"), (student, "none")):
        await seen(person, f"/courses/{path}{tab}", 404)
    await seen(student, f"/courses/ours{tab}")
    assert "Students do not see this page yet." in await seen(instructor, f"/courses/not-yet{tab}")


async def test_curriculum_says_what_keeps_each_lesson_locked(instructor: Person, student: Person) -> None:
    course = await draft(instructor, title="Lessons", is_free=True)
    await course.add_section(title="First <part>")
    for fields in ({"is_preview": True}, {}, {"requires_code": True}, {"is_published": False, "title": "Hidden one"}):
        await course.add_video(seconds=446, **fields)
    await course.publish()
    path = "/courses/lessons/curriculum"
    page = await seen(student, path)
    assert "1 section · 3 lessons · 22 min" in page
    assert "First &lt;part&gt;" in page
    assert page.count("7:26") == 3
    assert (page.count(">Preview<"), page.count("Opens when you enrol"), page.count("Opens with a code")) == (1, 1, 1)
    assert page.count(f'href="/learn/lessons/{course.videos[0].rpartition("/")[2]}"') == 2
    assert course.videos[1].rpartition("/")[2] not in page
    assert "Hidden one" not in page
    assert "Hidden one" in await seen(instructor, path)
    await ask(student, "POST", f"{course.path}/enroll", status=201)
    await watch(student, course.videos[1], (0, 446), position=446, total=446)
    own = await seen(student, path)
    assert (own.count(">Preview<"), own.count("Opens when"), own.count("Opens with a code")) == (0, 0, 1)
    assert own.count('<span class="about">Watched to the end</span>') == 1


async def test_reviews_are_read_written_and_changed(
    school: School, instructor: Person, student: Person, deliver: Deliver
) -> None:
    course = await published(instructor, title="Told", is_free=True)
    path = "/courses/told/reviews"
    assert "Finish a lesson and write the first." in await seen(student, path)
    assert "What do you think of it?" not in await seen(student, path)
    writers = [student, *[await school.person("student") for _ in range(2)]]
    for number, person in enumerate(writers):
        await ask(person, "POST", f"{course.path}/enroll", status=201)
        assert "What do you think of it?" in await seen(person, path)
        said = {"rating": 5 - number, "comment": f"<i>Number {number}</i>"}
        await ask(person, "POST", f"{course.path}/reviews", status=201, json=said)
    await deliver()
    page = await seen(student, path)
    assert "What do you think of it?" not in page
    assert "Your review" in page
    assert re.search(r'data-api="PATCH /api/v1/reviews/[\w-]+"', page)
    assert page.count("&lt;i&gt;Number 1&lt;/i&gt;") == 1
    assert "3 reviews" in page
    few = await seen(student, f"{path}?rating=3")
    assert "Number 2" in few
    assert "Number 1" not in few
    assert "No review with so many stars." in await seen(student, f"{path}?rating=1")
    assert "Your review" not in await seen(instructor, path)


async def test_teachers_show_their_work_and_students_do_not(
    school: School, instructor: Person, student: Person, admin: Person, other_school: School
) -> None:
    await published(instructor, title="Taught", is_free=True)
    await draft(instructor, title="Untold")
    about = {"specialization": "Weaving <b>", "qualification": "Master", "experience_years": 2}
    await ask(instructor, "PATCH", f"/users/{instructor.id}/instructor-profile", json=about)
    for path in ("/courses/taught/instructor", f"/instructors/{instructor.id}"):
        page = await seen(student, path)
        assert "Weaving &lt;b&gt;" in page
        assert "2 years" in page
        assert instructor.email not in page
    page = await seen(student, f"/instructors/{instructor.id}")
    assert "Taught" in page
    assert "Untold" not in page
    colleague = await school.person("instructor")
    assert "No published course yet." in await seen(student, f"/instructors/{colleague.id}")
    stranger = await other_school.person("admin")
    for reader, who in ((instructor, student.id), (student, admin.id), (student, new_id()), (stranger, instructor.id)):
        await seen(reader, f"/instructors/{who}", 404)


async def test_tabs_cost_no_more_than_three_queries_beside_their_twins(
    school: School, instructor: Person, student: Person, query_count: Callable[[], int]
) -> None:
    async def cost(course: Course, tab: str, twins: list[str]) -> tuple[int, int]:
        before = query_count()
        for each in twins:
            await ask(student, "GET", course.path + each)
        between = query_count()
        await seen(student, f"/courses/{course.made['slug']}{tab}")
        return between - before, query_count() - between

    short = await published(instructor, title="Short", is_free=True)
    long = await published(instructor, *[60] * 30, title="Long", is_free=True)
    for course in (short, long):
        await ask(student, "POST", f"{course.path}/enroll", status=201)
    for course in (short, long, long):
        reader = await school.person("student")
        await ask(reader, "POST", f"{course.path}/enroll", status=201)
        await ask(reader, "POST", f"{course.path}/reviews", status=201, json={"rating": 4, "comment": "Fine."})
    more = {"": [""], "/curriculum": ["", "/sections"], "/instructor": [""], "/reviews": ["", "/reviews"]}
    for tab, twins in more.items():
        few, many = [await cost(course, tab, twins) for course in (short, long)]
        assert few == many, tab
        assert many[1] <= many[0] + 3, tab
