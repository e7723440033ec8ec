"""The pages on which courses are built, as their HTML: who may see them, and that they say what the API says."""

from collections.abc import Callable

import pytest

from kernel.testing import Person, School, SchoolFactory
from tests.plugins.courses.conftest import Course, ask, draft, published
from tests.plugins.portal.test_portal_pages import open_page

BUILDER = tuple(f"/teach/courses/{{course}}/{name}" for name in ("curriculum", "details", "materials", "access"))
# The page, and what each gets: stranger, student, owner, another instructor, administrator, administrator elsewhere.
DOORS = (
    ("/teach/courses", "302 403 200 200 200 200"),
    ("/teach/courses/new", "302 403 200 200 200 200"),
    *((path, "302 403 200 404 200 404") for path in BUILDER),
)


async def filled(author: Person, **fields: str) -> Course:
    course = await draft(author, **fields)
    await course.add_section(title="Section one")
    await course.add_video(title="Lesson one", seconds=372)
    return course


@pytest.mark.parametrize(("path", "expected"), DOORS, ids=[path for path, _ in DOORS])
async def test_who_may_build(
    school: School, other_school: School, student: Person, instructor: Person, path: str, expected: str
) -> None:
    course = await filled(instructor)
    people = [
        student,
        instructor,
        await school.person("instructor"),
        await school.person("admin"),
        await other_school.person("admin"),
    ]
    clients = [await school.client(), *[person.client for person in people]]
    found = [(await open_page(client, path.format(course=course.id))).status_code for client in clients]
    assert " ".join(str(each) for each in found) == expected


async def test_own_courses_stand_by_what_is_still_to_be_done(school: School, instructor: Person) -> None:
    admin = await school.person("admin")
    assert "Your first course starts with a title." in (await open_page(instructor.client, "/teach/courses")).text
    await published(instructor, title="Open one")
    for title, answer in (("Waiting one", None), ("Returned one", {"reason": "Too <quiet>."})):
        course = await filled(instructor, title=title)
        await ask(instructor, "POST", f"{course.path}/submit")
        if answer:
            await ask(admin, "POST", f"{course.path}/reject", json=answer)
    await draft(instructor, title="Empty one")
    await draft(await school.person("instructor"), title="Somebody else's")

    text = (await open_page(instructor.client, "/teach/courses")).text
    places = [text.index(title) for title in ("Empty one", "Returned one", "Waiting one", "Open one")]
    assert places == sorted(places)
    assert "Somebody else" not in text
    assert "It has no section yet." in text
    assert "Too &lt;quiet&gt;." in text
    assert "Show what to change" in text
    returned = (await open_page(instructor.client, "/teach/courses?status=rejected")).text
    assert "Returned one" in returned
    assert "Open one" not in returned
    found = (await open_page(instructor.client, "/teach/courses?q=waiting")).text
    assert "Waiting one" in found
    assert "Empty one" not in found
    assert "No course fits" in (await open_page(instructor.client, "/teach/courses?q=nothing-like-it")).text


async def test_the_curriculum_shows_each_part_and_the_chosen_one(school: School, instructor: Person) -> None:
    course = await draft(instructor, title="Chairs <b>")
    path = f"/teach/courses/{course.id}/curriculum"
    empty = (await open_page(instructor.client, path)).text
    assert "Add a section, then a video." in empty
    assert "0 of 8" in empty
    section = await course.add_section(title="Why <i>chairs</i>")
    video = await course.add_video(title="One leg", seconds=372, is_preview=True)
    await ask(
        instructor,
        "POST",
        "/materials",
        status=201,
        json={
            "course_id": str(course.id),
            "section_id": section.rpartition("/")[2],
            "title": "Sheet",
            "external_url": "https://example.com/",
        },
    )
    text = (await open_page(instructor.client, path)).text
    assert "Why &lt;i&gt;chairs&lt;/i&gt;" in text
    assert "6:12" in text
    assert "Free preview" in text
    assert "data-chosen" not in text
    opened = (await open_page(instructor.client, f"{path}?open=video:{video.rpartition('/')[2]}")).text
    assert f'data-api="PATCH /api/v1{video}"' in opened
    assert 'value="https://videos.example.com/1"' in opened
    strange = (await open_page(instructor.client, f"{path}?open=video:nothing")).text
    assert "data-chosen" not in strange


async def test_what_can_be_done_follows_the_state(new_school: SchoolFactory) -> None:
    school = await new_school(settings={"courses": {"review_required": True}})
    author, admin = await school.person("instructor"), await school.person("admin")
    course = await filled(author)
    video = course.videos[0].rpartition("/")[2]
    path = f"/teach/courses/{course.id}/curriculum"

    async def page(person: Person = author) -> str:
        return (await open_page(person.client, path)).text

    assert f"/courses/{course.id}/publish" not in await page()
    assert f"/courses/{course.id}/publish" in await page(admin)
    await ask(author, "POST", f"{course.path}/submit")
    waiting = await page()
    assert f'data-api="POST /api/v1/courses/{course.id}/withdraw"' in waiting
    assert "data-grip" not in waiting
    assert "data-add" not in waiting
    notes = [{"target": f"video:{video}", "text": "Too quiet"}, {"target": "short_description", "text": "Missing"}]
    await ask(admin, "POST", f"{course.path}/reject", json={"reason": "Two things.", "notes": notes})
    for name in ("curriculum", "details"):
        text = (await open_page(author.client, f"/teach/courses/{course.id}/{name}")).text
        assert "Two things." in text
        assert f'href="/teach/courses/{course.id}/curriculum?open=video:{video}"' in text
        assert f'href="/teach/courses/{course.id}/details#short_description"' in text
    await ask(author, "POST", f"{course.path}/submit")
    await ask(admin, "POST", f"{course.path}/approve")
    assert "Students see each change at once." in await page()


async def test_free_schools_let_instructors_publish(instructor: Person) -> None:
    course = await filled(instructor)
    text = (await open_page(instructor.client, f"/teach/courses/{course.id}/details")).text
    assert f'data-api="POST /api/v1/courses/{course.id}/publish"' in text


async def test_pages_ask_as_much_for_thirty_lessons_as_for_one(
    instructor: Person, query_count: Callable[[], int]
) -> None:
    course = await filled(instructor)
    other = await filled(instructor, title="Other")
    await ask(
        instructor,
        "POST",
        "/materials",
        status=201,
        json={"course_id": str(course.id), "title": "Sheet", "external_url": "https://example.com/"},
    )
    paths = ["/teach/courses", *[path.format(course=course.id) for path in BUILDER]]

    async def asked() -> list[int]:
        counts = []
        for path in paths:
            before = query_count()
            assert (await open_page(instructor.client, path)).status_code == 200
            counts.append(query_count() - before)
        return counts

    await asked()
    few = await asked()
    for number in range(30):
        await course.add_video(title=f"Lesson {number}")
        if number % 3 == 0:
            await other.add_section(title=f"Section {number}")
    for number in range(10):
        await draft(instructor, title=f"Course {number}")
    assert await asked() == few
    before = query_count()
    await ask(instructor, "GET", course.path)
    await ask(instructor, "GET", f"{course.path}/sections")
    assert few[1] <= query_count() - before + 3
