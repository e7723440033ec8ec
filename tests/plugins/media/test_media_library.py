"""One's own files: the list, what uses them, and deleting those that nothing uses."""

import asyncio
from collections.abc import Callable
from uuid import UUID

import pytest

from kernel.testing import Person, School, SchoolFactory
from plugins.media.actions.removal import delete_file
from plugins.media.queries import file_to_use
from tests.plugins.courses.conftest import Course, ask, draft, refused
from tests.plugins.media.conftest import Leftovers, form, mp4, picture, read, upload


async def used_by(instructor: Person) -> tuple[Course, dict[str, str]]:
    """Make a course that uses a file in each way, and return their ids by use."""
    ids = {
        "courses.cover": (await upload(instructor, picture(), "cover.png", kind="image"))["id"],
        "courses.material": (await upload(instructor, b"Read me.", "notes.txt", kind="file"))["id"],
        "courses.video": (await upload(instructor, mp4()))["id"],
    }
    course = await draft(instructor, cover_file_id=ids["courses.cover"])
    await course.add_section()
    await course.add_video(video_type="server_upload", file_id=ids["courses.video"], video_url=None)
    material = {"course_id": str(course.id), "title": "Notes", "file_id": ids["courses.material"]}
    await ask(instructor, "POST", "/materials", status=201, json=material)
    return course, ids


async def listed(person: Person, query: str = "") -> list[tuple[str, list[str]]]:
    """Return ids and uses of the files that somebody sees."""
    page = await ask(person, "GET", f"/files{query}")
    assert page["total"] == len(page["items"])
    return [(each["id"], each["used_as"]) for each in page["items"]]


async def test_list_tells_what_uses_a_file(school: School, instructor: Person, admin: Person, student: Person) -> None:
    _, ids = await used_by(instructor)
    spare = await upload(instructor, mp4(6000), "spare.mp4")
    avatar = await upload(student, picture(), "me.png", kind="image")
    used = [(ids[use], [use]) for use in ("courses.video", "courses.material", "courses.cover")]

    assert await listed(instructor) == [(spare["id"], []), *used]
    assert await listed(instructor, "?is_used=true") == used
    assert await listed(instructor, "?is_used=false") == [(spare["id"], [])]
    assert await listed(instructor, "?kind=video&sort=largest") == [(spare["id"], []), used[0]]
    assert await listed(student) == [(avatar["id"], [])]
    assert await listed(student, f"?owner_id={instructor.id}") == []
    assert await listed(admin) == [(avatar["id"], []), (spare["id"], []), *used]
    assert await listed(admin, f"?owner_id={student.id}") == [(avatar["id"], [])]
    first = (await ask(instructor, "GET", "/files?limit=1"))["items"][0]
    assert {name: first[name] for name in ("filename", "size", "content_type", "owner_id", "thumbnails")} == {
        "filename": "spare.mp4", "size": 6000, "content_type": "video/mp4", "owner_id": str(instructor.id),
        "thumbnails": {},
    }  # fmt: skip
    assert (await read(instructor, school, first["url"])).content == mp4(6000)
    shown = (await ask(student, "GET", "/files"))["items"][0]["thumbnails"]
    assert (await read(student, school, shown["w320.webp"])).headers["content-type"] == "image/webp"


async def test_one_and_thirty_files_take_the_same_number_of_statements(
    instructor: Person, query_count: Callable[[], int]
) -> None:
    took = []
    for so_many in (1, 29):
        for _ in range(so_many):
            await upload(instructor, b"Read me.", "notes.txt", kind="file")
        before = query_count()
        assert len((await ask(instructor, "GET", "/files?limit=100"))["items"]) in (1, 30)
        took.append(query_count() - before)
    assert took[0] == took[1]


async def test_unused_file_is_deleted_with_all_that_was_made_of_it(
    school: School, instructor: Person, leftovers: Leftovers
) -> None:
    file = await upload(instructor, picture(1000, 500), kind="image")
    assert await leftovers(school) == (3, 1, 0)
    await ask(instructor, "DELETE", f"/files/{file['id']}", status=204)
    await school.settle()
    assert await leftovers(school) == (0, 0, 0)
    assert (await read(instructor, school, file["url"])).status_code == 404
    assert (await read(instructor, school, file["thumbnails"]["w320.webp"])).status_code == 404
    assert await refused(instructor, "DELETE", f"/files/{file['id']}", status=404) == "media.file_not_found"
    assert [each.action for each in await school.audit_log() if each.action.startswith("media.")] == [
        "media.files.inserted",
        "media.files.deleted",
    ]


async def test_file_in_use_is_not_deleted_and_the_use_is_named(
    school: School, instructor: Person, admin: Person, leftovers: Leftovers
) -> None:
    course, ids = await used_by(instructor)
    for use, file_id in ids.items():
        for person in (instructor, admin):
            answer = await person.delete(f"/files/{file_id}")
            assert (answer.status_code, answer.json()["code"]) == (409, "media.file_in_use")
            assert [each["field"] for each in answer.json()["errors"]] == [use]
    await ask(instructor, "DELETE", course.path, status=204)
    for file_id in ids.values():
        await ask(instructor, "DELETE", f"/files/{file_id}", status=204)
    await school.settle()
    assert await leftovers(school) == (0, 0, 0)


async def test_use_by_a_plugin_that_is_off_counts(school: School, instructor: Person) -> None:
    _, ids = await used_by(instructor)
    await school.switch_off("courses")
    assert await refused(instructor, "DELETE", f"/files/{ids['courses.video']}", status=409) == "media.file_in_use"


async def test_others_delete_nothing(school: School, other_school: School, instructor: Person, student: Person) -> None:
    file_id = (await upload(instructor, mp4()))["id"]
    for person in (student, await school.person("instructor"), await other_school.person("admin")):
        assert await refused(person, "DELETE", f"/files/{file_id}", status=404) == "media.file_not_found"
        assert await listed(person) == []
    assert await listed(instructor) == [(file_id, [])]


async def test_nothing_is_deleted_while_a_plugin_cannot_be_asked(
    school: School, instructor: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = (await upload(instructor, mp4()))["id"]
    monkeypatch.setitem(school.deployment.set_aside, "quizzes", "It is bad.")
    answer = await instructor.delete(f"/files/{file_id}")
    assert (answer.status_code, answer.json()["code"]) == (409, "media.uses_unknown")
    assert "quizzes" in answer.json()["detail"]


async def test_deleting_makes_room(new_school: SchoolFactory) -> None:
    person = await (await new_school(settings={"media": {"max_bytes_per_user": 6000}})).person("instructor")
    file_id = (await upload(person, mp4(5000)))["id"]
    assert (await person.post("/upload/video", files=form(mp4(5000)))).status_code == 413
    await ask(person, "DELETE", f"/files/{file_id}", status=204)
    await upload(person, mp4(5000))


async def test_file_that_is_being_put_to_use_is_not_deleted(school: School, instructor: Person) -> None:
    file_id = (await upload(instructor, mp4()))["id"]
    course = await draft(instructor)
    async with school.db() as db:
        await file_to_use(db, UUID(file_id))
        deleting = asyncio.create_task(instructor.delete(f"/files/{file_id}"))
        await _somebody_waits(school)
        driver = await db.driver()
        await driver.execute("UPDATE courses.courses SET cover_file_id = $1 WHERE id = $2", UUID(file_id), course.id)
    answer = await deleting
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (409, "courses.cover")


async def _somebody_waits(school: School) -> None:
    """Wait until a transaction waits for another one."""
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype IN ('transactionid', 'tuple')"
    async with school.db() as db:
        driver = await db.driver()
        while not await driver.fetchval(waiting):  # noqa: ASYNC110 - of a lock nobody tells
            await asyncio.sleep(0.02)


async def test_file_that_is_deleted_cannot_be_put_to_use(school: School, instructor: Person) -> None:
    file_id = (await upload(instructor, picture(), kind="image"))["id"]
    async with school.db() as db:
        await delete_file(db, instructor.actor, UUID(file_id))
        using = asyncio.create_task(instructor.post("/courses", json={"title": "A course", "cover_file_id": file_id}))
        await _somebody_waits(school)
    made = await using
    assert (made.status_code, made.json()["code"]) == (404, "media.file_not_found")
