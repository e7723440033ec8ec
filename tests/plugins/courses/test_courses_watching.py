"""Who may watch: streams, locks, previews, archives."""

from collections.abc import Callable
from uuid import uuid4

import pytest

from kernel.testing import Person, School
from tests.plugins.courses.conftest import Course, ask, draft, published, refused, watch


async def archive(school: School, course: Course) -> None:
    """Archive a course, for which there is no route yet."""
    async with school.db() as db:
        driver = await db.driver()
        await driver.execute("UPDATE courses.courses SET status = 'archived' WHERE id = $1", course.id)


async def test_stream_is_for_the_enrolled_the_owner_and_admins(
    school: School, instructor: Person, student: Person, admin: Person
) -> None:
    course = await published(instructor)
    colleague, enrolled = await school.person("instructor"), await school.person("student")
    await ask(enrolled, "POST", f"{course.path}/enroll", status=201)
    stream = f"{course.videos[0]}/stream"
    expected = {"url": "https://videos.example.com/1", "expires_at": None, "type": "external"}
    for person in (enrolled, instructor, admin):
        assert await ask(person, "GET", stream) == expected
        shown = await ask(person, "GET", course.videos[0])
        assert (shown["is_locked"], shown["video_url"]) == (False, expected["url"])
    for person in (student, colleague):
        assert await refused(person, "GET", stream, status=403) == "courses.not_enrolled"
        assert (await ask(person, "GET", course.videos[0]))["is_locked"] is True


async def test_preview_is_for_everybody_signed_in(school: School, instructor: Person, student: Person) -> None:
    course = await published(instructor, requires_code=True)
    preview = await course.add_video(
        is_preview=True, video_type="youtube_private", video_url=None, youtube_id="abc_-123"
    )
    for person in (student, await school.person("instructor")):
        assert await ask(person, "GET", f"{preview}/stream") == {
            "url": "https://www.youtube-nocookie.com/embed/abc_-123",
            "expires_at": None,
            "type": "youtube",
        }
    answer = await watch(student, preview, (0, 50), position=50)
    assert (answer["watched_seconds"], answer["enrollment"]) == (50, None)
    assert (await ask(student, "GET", preview))["progress"]["last_position"] == 50


async def test_video_with_a_code_of_its_own_is_locked_to_the_enrolled(instructor: Person, student: Person) -> None:
    course = await published(instructor)
    special = await course.add_video(requires_code=True)
    await ask(student, "POST", f"{course.path}/enroll", status=201)
    assert await refused(student, "GET", f"{special}/stream", status=403) == "courses.code_required"
    body = {"position": 0, "ranges": [], "total_seconds": 100}
    refusal = await refused(student, "POST", f"{special}/progress", status=403, json=body)
    assert refusal == "courses.code_required"


async def test_locked_videos_show_no_source(instructor: Person, student: Person) -> None:
    course = await published(instructor)
    await course.add_video(is_preview=True, title="Preview")
    for path in (f"{course.path}/sections", course.sections[0], f"{course.path}/videos"):
        answer = await ask(student, "GET", path)
        videos = (
            answer["items"][0]["videos"] if path.endswith("/sections") else answer.get("videos", answer.get("items"))
        )
        assert [(each["is_locked"], each["video_url"] is None) for each in videos] == [(True, True), (False, False)]


@pytest.mark.parametrize("what", ["stream", "progress"])
async def test_what_is_not_published_is_not_there(instructor: Person, student: Person, what: str) -> None:
    course = await draft(instructor)
    await course.add_section()
    video = await course.add_video(is_preview=True)
    method = "GET" if what == "stream" else "POST"
    body = {"position": 0, "ranges": [], "total_seconds": 100}
    for path in (video, f"/videos/{uuid4()}"):
        refusal = await refused(student, method, f"{path}/{what}", status=404, json=body)
        assert refusal == "courses.video_not_found"
    assert (await instructor.request(method, f"{video}/{what}", json=body)).status_code == 200


async def test_archived_course_stays_open_to_who_has_begun(school: School, instructor: Person, student: Person) -> None:
    course = await published(instructor)
    stranger = await school.person("student")
    await ask(student, "POST", f"{course.path}/enroll", status=201)
    await archive(school, course)
    assert (await ask(student, "GET", course.path))["status"] == "archived"
    assert (await ask(student, "GET", f"{course.path}/sections"))["total"] == 1
    await ask(student, "GET", f"{course.videos[0]}/stream")
    await watch(student, course.videos[0], (0, 10))
    for path in (course.path, f"{course.path}/sections", course.videos[0], f"{course.videos[0]}/stream"):
        assert (await stranger.get(path)).status_code == 404
    assert await refused(stranger, "POST", f"{course.path}/enroll", status=404) == "courses.not_found"
    assert (await ask(stranger, "GET", "/courses"))["total"] == 0


async def test_former_instructor_manages_nothing(school: School, instructor: Person) -> None:
    """The course stays theirs in name; what they may do follows from the role that they have now."""
    course = await draft(instructor)
    async with school.db() as db:
        driver = await db.driver()
        await driver.execute("UPDATE auth.users SET role = 'student' WHERE id = $1", instructor.id)
    answer = await (await school.client()).post(
        "/auth/login", json={"email": instructor.email, "password": "A-good-Password-1"}
    )
    instructor.client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    assert (await instructor.get(course.path)).status_code == 404


async def test_watching_takes_few_queries(instructor: Person, student: Person, query_count: Callable[[], int]) -> None:
    course = await published(instructor, 100, 100)
    await ask(student, "POST", f"{course.path}/enroll", status=201)

    async def cost(method: str, path: str, body: object = None) -> int:
        before = query_count()
        await ask(student, method, path, json=body)
        return query_count() - before

    assert await cost("GET", f"{course.videos[0]}/stream") == 1
    report = {"position": 10, "ranges": [[0, 10]], "total_seconds": 100}
    assert [await cost("POST", f"{course.videos[0]}/progress", report) for _ in range(2)] == [2, 2]
