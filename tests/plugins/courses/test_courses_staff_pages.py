"""The pages of those in whose care courses are: who may see them, and that they say what the API says."""

import pytest

from kernel.testing import Person, School
from tests.plugins.courses.conftest import Course, ask, draft, published
from tests.plugins.portal.test_portal_pages import open_page

# The page, and what each gets: stranger, student, owner, another instructor, administrator, administrator elsewhere.
DOORS = (
    ("/admin/review", "302 403 403 403 200 200"),
    ("/admin/review/{course}", "302 403 403 403 200 404"),
    ("/teach/reviews", "302 403 200 200 200 200"),
    ("/teach/courses/{course}/reviews", "302 403 200 404 200 404"),
)


async def submitted(author: Person, **fields: str) -> Course:
    course = await draft(author, **fields)
    await course.add_section(title="Section one")
    await course.add_video(title="Lesson one")
    await ask(author, "POST", f"{course.path}/submit")
    return course


@pytest.mark.parametrize(("path", "expected"), DOORS, ids=[path for path, _ in DOORS])
async def test_who_may_see_a_page(
    school: School, other_school: School, student: Person, instructor: Person, path: str, expected: str
) -> None:
    course = await submitted(instructor)
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


async def test_a_reviewer_sees_the_queue_and_the_course_as_it_is(school: School, instructor: Person) -> None:
    admin = await school.person("admin")
    assert "No course waits" in (await open_page(admin.client, "/admin/review")).text
    course = await submitted(instructor, title="Chairs <b>& tables")
    queue = (await open_page(admin.client, "/admin/review")).text
    assert "Chairs &lt;b&gt;&amp; tables" in queue
    assert '<span class="number">1</span>' in queue
    page = (await open_page(admin.client, f"/admin/review/{course.id}")).text
    assert f'data-api="POST /api/v1/courses/{course.id}/approve"' in page
    video = course.videos[0].rpartition("/")[2]
    assert f'data-note="video:{video}"' in page
    assert "It has no cover." in page
    assert "waits for your review" in (await open_page(admin.client, "/dashboard")).text

    note = {"target": f"video:{video}", "text": "The sound is missing."}
    await ask(admin, "POST", f"{course.path}/reject", json={"reason": "Not yet.", "notes": [note]})
    decided = (await open_page(admin.client, f"/admin/review/{course.id}")).text
    assert "does not wait for a review any more" in decided
    assert "The sound is missing." in decided
    assert "/approve" not in decided


async def test_reviews_wait_until_they_are_answered(school: School, student: Person, instructor: Person) -> None:
    course = await published(instructor, title="Chairs")
    await ask(student, "POST", f"{course.path}/enroll", status=201)
    said = {"rating": 4, "comment": "Good <i>legs</i>"}
    review = await ask(student, "POST", f"{course.path}/reviews", status=201, json=said)
    for path in ("/teach/reviews", f"/teach/courses/{course.id}/reviews"):
        page = (await open_page(instructor.client, path)).text
        assert "Good &lt;i&gt;legs&lt;/i&gt;" in page
        assert "4 stars of 5" in page
        assert f'data-api="PUT /api/v1/reviews/{review["id"]}/reply"' in page
    await ask(instructor, "PUT", f"/reviews/{review['id']}/reply", json={"text": "Thank you"})
    assert "No review waits" in (await open_page(instructor.client, "/teach/reviews")).text
    assert "Thank you" in (await open_page(instructor.client, "/teach/reviews?waiting=false")).text
    colleague = await school.person("instructor")
    assert "legs" not in (await open_page(colleague.client, "/teach/reviews?waiting=false")).text
