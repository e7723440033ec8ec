"""Materials: files and links of a course or a section, who may open them, and how downloads are counted."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from kernel.testing import FakeClock, Person, School
from tests.plugins.courses.conftest import Course, ask, draft, published, refused
from tests.plugins.media.conftest import mp4, read, upload

LINK = {"title": "A link", "external_url": "https://example.com/paper"}


def id_of(path: str) -> str:
    """Return the id at the end of a path."""
    return path.rpartition("/")[2]


async def add(course: Course, **fields: Any) -> dict[str, Any]:
    """Add a material to a course, a link unless it is said otherwise."""
    body = {"course_id": str(course.id)} | ({} if "file_id" in fields else LINK) | {"title": "A material"} | fields
    made: dict[str, Any] = await ask(course.author, "POST", "/materials", status=201, json=body)
    return made


async def file_of(person: Person, name: str = "lesson.mp4") -> str:
    """Upload a file and return its id."""
    return str((await upload(person, mp4(), name))["id"])


async def titles(person: Person, query: str) -> list[str]:
    """Return the titles of a list of materials."""
    return [each["title"] for each in (await ask(person, "GET", f"/materials?{query}"))["items"]]


async def test_material_is_a_file_or_a_link(instructor: Person) -> None:
    course = await draft(instructor)
    section = id_of(await course.add_section())
    file_id = await file_of(instructor)
    made = await add(course, title="Plans", section_id=section, description="All of them", file_id=file_id)
    assert made == await ask(instructor, "GET", f"/materials/{made['id']}")
    assert {name: made[name] for name in made.keys() - {"id", "created_at"}} == {
        "course_id": str(course.id),
        "section_id": section,
        "title": "Plans",
        "description": "All of them",
        "file_id": file_id,
        "external_url": None,
        "file_type": "video/mp4",
        "file_size": 5000,
        "is_downloadable": True,
        "sort_order": 0,
        "is_locked": False,
        "download_count": 0,
    }
    path = f"/materials/{made['id']}"
    linked = await ask(instructor, "PATCH", path, json={"external_url": "https://example.com/", "section_id": None})
    names = ("file_id", "external_url", "file_type", "file_size", "section_id")
    assert [linked[name] for name in names] == [None, "https://example.com/", None, None, None]
    filed = await ask(instructor, "PATCH", path, json={"file_id": file_id})
    assert [filed[name] for name in names] == [file_id, None, "video/mp4", 5000, None]
    assert await ask(instructor, "PATCH", path, json={}) == filed
    await ask(instructor, "DELETE", path, status=204)
    assert await refused(instructor, "GET", path, status=404) == "courses.material_not_found"


async def test_what_a_material_cannot_be_is_refused(school: School, instructor: Person, admin: Person) -> None:
    colleague = await school.person("instructor")
    course, other = await draft(instructor), await draft(instructor)
    foreign_section = id_of(await other.add_section())
    own, foreign = await file_of(instructor), await file_of(colleague)
    base = {"course_id": str(course.id), "title": "M"}
    cases: tuple[tuple[dict[str, Any], int, str], ...] = (
        ({}, 400, "courses.source_invalid"),
        ({"file_id": own, "external_url": "https://example.com/"}, 400, "courses.source_invalid"),
        ({"external_url": "http://example.com/"}, 400, "kernel.invalid"),
        ({"external_url": "javascript:alert(1)"}, 400, "kernel.invalid"),
        ({"file_id": foreign}, 404, "media.file_not_found"),
        ({"file_id": str(uuid4())}, 404, "media.file_not_found"),
        ({"file_id": own, "section_id": foreign_section}, 404, "courses.section_not_found"),
        ({"file_id": own, "section_id": str(uuid4())}, 404, "courses.section_not_found"),
        ({"file_id": own, "course_id": str(uuid4())}, 404, "courses.not_found"),
    )
    found = []
    for fields, status, _ in cases:
        found.append(
            (fields, status, await refused(instructor, "POST", "/materials", status=status, json=base | fields))
        )
    assert found == list(cases)
    path = f"/materials/{(await add(course))['id']}"
    for fields, status, code in (
        ({"file_id": own, "external_url": "https://example.com/"}, 400, "courses.source_invalid"),
        ({"file_id": foreign}, 404, "media.file_not_found"),
        ({"section_id": foreign_section}, 404, "courses.section_not_found"),
    ):
        assert await refused(instructor, "PATCH", path, status=status, json=fields) == code
    # An administrator may put anybody's file into any course.
    await ask(admin, "POST", "/materials", status=201, json=base | {"file_id": foreign})


async def test_what_no_browser_shows_must_be_downloadable(school: School, instructor: Person) -> None:
    course = await draft(instructor)
    file_id = await file_of(instructor)
    async with school.db() as db:
        driver = await db.driver()
        await driver.execute("UPDATE media.files SET content_type = 'application/zip', kind = 'file'")
    body = {"course_id": str(course.id), "title": "M", "file_id": file_id, "is_downloadable": False}
    assert await refused(instructor, "POST", "/materials", status=400, json=body) == "courses.material_not_showable"
    made = await add(course, file_id=file_id)
    refusal = await refused(
        instructor, "PATCH", f"/materials/{made['id']}", status=400, json={"is_downloadable": False}
    )
    assert refusal == "courses.material_not_showable"
    linked = {"is_downloadable": False, "external_url": "https://example.com/"}
    await ask(instructor, "PATCH", f"/materials/{made['id']}", json=linked)
    refusal = await refused(instructor, "PATCH", f"/materials/{made['id']}", status=400, json={"file_id": file_id})
    assert refusal == "courses.material_not_showable"


async def test_lists_are_in_the_order_of_the_curriculum(instructor: Person, student: Person) -> None:
    course = await published(instructor)
    second = await course.add_section(title="Second")
    first = course.sections[0]
    for title, section in (("C", second), ("A", first), ("B", first), ("Whole", None)):
        await add(course, title=title, section_id=section and id_of(section))
    assert await titles(student, f"course_id={course.id}") == ["Whole", "A", "B", "C"]
    assert await titles(student, f"section_id={id_of(first)}") == ["A", "B"]
    assert await titles(student, f"course_id={course.id}&section_id={id_of(second)}") == ["C"]
    moved = (await ask(student, "GET", f"/materials?section_id={id_of(first)}"))["items"][0]
    await ask(instructor, "PATCH", f"/materials/{moved['id']}", json={"sort_order": 5})
    assert await titles(student, f"section_id={id_of(first)}&limit=1&offset=1") == ["A"]
    sections = (await ask(student, "GET", f"{course.path}/sections"))["items"]
    assert [[each["title"] for each in section["materials"]] for section in sections] == [["B", "A"], ["C"]]
    shown = await ask(student, "GET", first)
    assert shown == sections[0]
    for wrong in (f"section_id={uuid4()}", f"course_id={(await published(instructor)).id}&section_id={id_of(first)}"):
        assert await refused(student, "GET", f"/materials?{wrong}", status=404) == "courses.section_not_found"
    assert await refused(student, "GET", f"/materials?course_id={uuid4()}", status=404) == "courses.not_found"


async def test_locked_materials_show_no_source(school: School, instructor: Person, student: Person) -> None:
    course = await published(instructor)
    made = await add(course, section_id=id_of(course.sections[0]), file_id=await file_of(instructor))
    await add(course, title="Whole")
    locked = {**made, "file_id": None, "is_locked": True, "download_count": None}
    for path in (f"{course.path}/sections", course.sections[0]):
        answer = await ask(student, "GET", path)
        assert answer.get("items", [answer])[0]["materials"] == [locked]
    assert await ask(student, "GET", f"/materials/{made['id']}") == locked
    assert [
        each["external_url"] for each in (await ask(student, "GET", f"/materials?course_id={course.id}"))["items"]
    ] == [
        None,
        None,
    ]
    # Without a course, only what one may open.
    assert await titles(student, "") == []
    await ask(student, "POST", f"{course.path}/enroll", status=201)
    assert await ask(student, "GET", f"/materials/{made['id']}") == {**made, "download_count": None}
    assert sorted(await titles(student, "")) == ["A material", "Whole"]
    assert sorted(await titles(instructor, "")) == ["A material", "Whole"]
    assert await titles(await school.person("instructor"), "") == []
    await ask(student, "DELETE", f"{course.path}/enroll", status=204)
    assert await titles(student, "") == []


async def test_materials_of_hidden_sections_are_their_authors(instructor: Person, student: Person) -> None:
    course = await published(instructor)
    hidden = await course.add_section(is_published=False)
    made = await add(course, section_id=id_of(hidden))
    await ask(student, "POST", f"{course.path}/enroll", status=201)
    for path in ("", "/download"):
        refusal = await refused(student, "GET", f"/materials/{made['id']}{path}", status=404)
        assert refusal == "courses.material_not_found"
    assert await titles(student, f"course_id={course.id}") == await titles(student, "") == []
    assert await titles(instructor, f"course_id={course.id}") == ["A material"]
    # With its section it goes.
    await ask(instructor, "DELETE", hidden, status=204)
    assert await refused(instructor, "GET", f"/materials/{made['id']}", status=404) == "courses.material_not_found"


async def test_download_is_for_the_enrolled_the_owner_and_admins(
    school: School, other_school: School, instructor: Person, student: Person, admin: Person
) -> None:
    course = await published(instructor)
    made = await add(course, file_id=await file_of(instructor, "plan.mp4"))
    download = f"/materials/{made['id']}/download"
    stranger, colleague = await school.person("student"), await school.person("instructor")
    await ask(student, "POST", f"{course.path}/enroll", status=201)
    answer: dict[str, Any] = {}
    for person in (student, instructor, admin):
        answer = await ask(person, "GET", download)
        assert sorted(answer) == ["expires_at", "url"]
        got = await read(person, school, answer["url"])
        assert (got.status_code, got.content) == (200, mp4())
        assert got.headers["content-disposition"].startswith("attachment; ")
        # Another one's address, and one that was altered.
        assert (await read(stranger, school, answer["url"])).json()["code"] == "media.address_of_another"
        assert (await read(person, school, answer["url"] + "x")).status_code == 403
        assert (await (await school.client()).get(f"http://{school.host}{answer['url']}")).status_code == 401
    for person in (stranger, colleague):
        assert await refused(person, "GET", download, status=403) == "courses.not_enrolled"
    foreigner = await other_school.person("admin")
    assert await refused(foreigner, "GET", download, status=404) == "courses.material_not_found"
    assert (await read(foreigner, other_school, answer["url"])).status_code == 404
    await ask(student, "DELETE", f"{course.path}/enroll", status=204)
    assert await refused(student, "GET", download, status=403) == "courses.not_enrolled"


async def test_address_of_a_material_ends(school: School, instructor: Person, fake_clock: FakeClock) -> None:
    course = await draft(instructor)
    made = await add(course, file_id=await file_of(instructor))
    answer = await ask(instructor, "GET", f"/materials/{made['id']}/download")
    tokens = school.deployment.tokens
    claims = tokens.verify(instructor.client.headers["Authorization"].removeprefix("Bearer "))
    fake_clock.advance(minutes=241)
    token, _ = tokens.issue(
        user_id=claims.user_id, tenant_id=school.id, session_id=claims.session, role="instructor", patterns=[]
    )
    late = await read(instructor, school, answer["url"], Authorization=f"Bearer {token}")
    assert (late.status_code, late.json()["code"]) == (403, "kernel.media_url_expired")


async def test_what_is_not_downloadable_opens_in_place(school: School, instructor: Person, student: Person) -> None:
    course = await published(instructor)
    await ask(student, "POST", f"{course.path}/enroll", status=201)
    shown = await add(course, file_id=await file_of(instructor), is_downloadable=False)
    answer = await ask(student, "GET", f"/materials/{shown['id']}/download")
    assert (await read(student, school, answer["url"])).headers["content-disposition"].startswith("inline; ")
    linked = await add(course)
    expected = {"url": LINK["external_url"], "expires_at": None}
    assert await ask(student, "GET", f"/materials/{linked['id']}/download") == expected


async def test_downloads_count_each_person_once(school: School, instructor: Person, student: Person) -> None:
    course = await published(instructor)
    made = await add(course)
    other = await school.person("student")
    for person in (student, other):
        await ask(person, "POST", f"{course.path}/enroll", status=201)
        answers = await asyncio.gather(*[person.get(f"/materials/{made['id']}/download") for _ in range(3)])
        assert [answer.status_code for answer in answers] == [200] * 3
    assert (await ask(instructor, "GET", f"/materials/{made['id']}"))["download_count"] == 2
    # Refusals count nothing.
    await refused(await school.person("student"), "GET", f"/materials/{made['id']}/download", status=403)
    assert (await ask(instructor, "GET", "/materials"))["items"][0]["download_count"] == 2


@pytest.mark.parametrize("path", ["/materials?course_id={id}", "/materials", "/courses/{id}/sections"])
async def test_materials_of_30_cost_as_many_queries_as_of_1(
    school: School, instructor: Person, student: Person, query_count: Callable[[], int], path: str
) -> None:
    course = await published(instructor)
    await ask(student, "POST", f"{course.path}/enroll", status=201)

    async def cost() -> int:
        before = query_count()
        await ask(student, "GET", path.format(id=course.id))
        return query_count() - before

    await add(course, section_id=id_of(course.sections[0]))
    one = await cost()
    for _ in range(29):
        await add(course, section_id=id_of(course.sections[0]))
    assert await cost() == one
