"""A course made out of another one."""

from collections.abc import Callable
from typing import Any

from kernel.testing import Person, School
from tests.plugins.courses.conftest import Course, Deliver, ask, draft, published, refused
from tests.plugins.media.conftest import mp4, upload

ITS_OWN = {"id", "course_id", "section_id", "created_at", "updated_at"}
"""What a copy has of its own, wherever it stands."""


def likeness(thing: Any) -> Any:
    """Return what must be equal in a copy."""
    if isinstance(thing, list):
        return [likeness(each) for each in thing]
    if isinstance(thing, dict):
        return {name: likeness(value) for name, value in thing.items() if name not in ITS_OWN}
    return thing


async def rich_course(author: Person) -> Course:
    """Make a course with two sections, videos of two types, and materials in a section and in none."""
    course = await draft(author, title="Chairs", description="All of them.", price="19.90", max_students=7)
    file_id = (await upload(author, mp4()))["id"]
    await course.add_section(title="One", description="First")
    await course.add_video(video_type="server_upload", video_url=None, file_id=file_id, is_preview=True)
    await course.add_video(seconds=50, requires_code=True)
    section = (await course.add_section(title="Two", is_published=False)).rpartition("/")[2]
    await course.add_video(title="Hidden")
    base = {"course_id": str(course.id)}
    for fields in (
        {"title": "Plan", "section_id": section, "file_id": file_id, "is_downloadable": False},
        {"title": "Links", "external_url": "https://example.com/"},
    ):
        await ask(author, "POST", "/materials", status=201, json=base | fields)
    return await course.publish()


async def parts(person: Person, course_id: str) -> list[Any]:
    """Return the sections and the materials of a course."""
    sections = await ask(person, "GET", f"/courses/{course_id}/sections")
    return [sections["items"], (await ask(person, "GET", f"/materials?course_id={course_id}"))["items"]]


async def test_copy_has_the_same_parts_and_nobody_in_it(
    school: School, instructor: Person, student: Person, deliver: Deliver
) -> None:
    course = await rich_course(instructor)
    await ask(instructor, "PATCH", course.path, json={"requires_code": False, "price": "0"})
    await ask(student, "POST", f"{course.path}/enroll", status=201)
    await ask(instructor, "PATCH", course.path, json={"price": "19.90"})
    await ask(student, "POST", f"{course.path}/reviews", status=201, json={"rating": 5})
    material = (await ask(student, "GET", f"/materials?course_id={course.id}"))["items"][0]
    await ask(student, "GET", f"/materials/{material['id']}/download")
    await deliver()
    before, old = await ask(instructor, "GET", course.path), await parts(instructor, str(course.id))
    assert (before["total_enrolled"], before["rating"], old[1][0]["download_count"]) == (1, 5, 1)

    made = await ask(instructor, "POST", f"{course.path}/duplicate", status=201)
    await deliver()
    copy, new = await ask(instructor, "GET", f"/courses/{made['id']}"), await parts(instructor, made["id"])
    assert likeness(copy) == likeness(before) | {
        "slug": "chairs-2",
        "status": "draft",
        "is_published": False,
        "published_at": None,
        "total_enrolled": 0,
        "rating": 0,
        "rating_count": 0,
    }
    assert copy["duration_hours"] > 0
    old[1][0]["download_count"] = 0
    assert likeness(new) == likeness(old)
    # Nothing is shared but the files, and what is changed here stays the same there.
    ids = [{each["id"] for section in sections for each in (section, *section["videos"])} for sections, _ in (old, new)]
    assert ids[0].isdisjoint(ids[1])
    await ask(instructor, "DELETE", f"/courses/{made['id']}", status=204)
    assert likeness((await parts(instructor, str(course.id)))[0]) == likeness(old[0])


async def test_copy_belongs_to_whoever_makes_it(school: School, instructor: Person, admin: Person) -> None:
    course = await rich_course(instructor)
    made = await ask(admin, "POST", f"{course.path}/duplicate", status=201)
    assert made["instructor"]["id"] == str(admin.id)
    assert (await instructor.get(f"/courses/{made['id']}")).status_code == 404
    colleague = await school.person("instructor")
    assert await refused(colleague, "POST", f"{course.path}/duplicate", status=404) == "courses.not_found"
    video = (await ask(admin, "GET", f"/courses/{made['id']}/videos"))["items"][0]
    assert (await ask(admin, "GET", f"/videos/{video['id']}/stream"))["type"] == "file"


async def test_double_click_makes_one_copy(instructor: Person) -> None:
    course = await published(instructor)
    headers = {"Idempotency-Key": "a-click-on-duplicate"}
    first, second = [
        await ask(instructor, "POST", f"{course.path}/duplicate", status=201, headers=headers) for _ in range(2)
    ]
    assert first == second
    assert (await ask(instructor, "GET", "/courses?mine=true"))["total"] == 2


async def test_large_course_costs_as_many_queries_as_a_small_one(
    instructor: Person, query_count: Callable[[], int]
) -> None:
    async def cost(course: Course) -> int:
        before = query_count()
        await ask(instructor, "POST", f"{course.path}/duplicate", status=201)
        return query_count() - before

    small, large = await published(instructor, title="Small"), await published(instructor, title="Large")
    for _ in range(3):
        await large.add_section()
        for _ in range(10):
            await large.add_video()
    assert await cost(small) == await cost(large)
