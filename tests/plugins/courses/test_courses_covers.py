"""The picture on a course's card, for everyone who may see the course."""

from io import BytesIO
from uuid import uuid4

from PIL import Image

from kernel.testing import Person, School
from tests.plugins.courses.conftest import Course, ask, draft, published, refused
from tests.plugins.media.conftest import mp4, picture, upload


async def cover_of(person: Person, width: int = 60, height: int = 40) -> str:
    """Upload a picture and return its id."""
    return str((await upload(person, picture(width, height), "cover.png", kind="image"))["id"])


async def with_cover(instructor: Person) -> Course:
    """Make a published course with a cover of 1000 x 500 pixels."""
    return await published(instructor, cover_file_id=await cover_of(instructor, width=1000, height=500))


async def test_cover_has_the_width_that_is_asked_for(instructor: Person, student: Person) -> None:
    course = await with_cover(instructor)
    url = (await ask(student, "GET", course.path))["thumbnail_url"]
    assert url == f"/api/v1{course.path}/cover"
    assert [each["thumbnail_url"] for each in (await ask(student, "GET", "/courses"))["items"]] == [url]
    for query, size in (("", (640, 320)), ("?width=640", (640, 320)), ("?width=320", (320, 160))):
        answer = await student.get(f"{course.path}/cover{query}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/webp")
        assert Image.open(BytesIO(answer.content)).size == size
    assert await refused(student, "GET", f"{course.path}/cover?width=641", status=400) == "kernel.invalid"


async def test_cover_is_asked_for_again_and_not_sent_again(instructor: Person, student: Person) -> None:
    course = await with_cover(instructor)
    first = await student.get(f"{course.path}/cover")
    assert first.headers["cache-control"] == "private, no-cache"
    for known in (first.headers["etag"], f'"other", W/{first.headers["etag"]}', "*"):
        again = await student.get(f"{course.path}/cover", headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    small = await student.get(f"{course.path}/cover?width=320", headers={"If-None-Match": first.headers["etag"]})
    assert small.status_code == 200
    await ask(instructor, "PATCH", course.path, json={"cover_file_id": await cover_of(instructor)})
    changed = await student.get(f"{course.path}/cover", headers={"If-None-Match": first.headers["etag"]})
    assert (changed.status_code, changed.headers["etag"] == first.headers["etag"]) == (200, False)


async def test_cover_goes_with_the_right_to_see_the_course(
    school: School, instructor: Person, student: Person, admin: Person
) -> None:
    course = await with_cover(instructor)
    etag = {"If-None-Match": (await student.get(f"{course.path}/cover")).headers["etag"]}
    stranger = await school.client()
    assert (await stranger.get(f"{course.path}/cover")).status_code == 401
    await ask(admin, "PATCH", "/settings", json={"courses": {"public_catalogue": True}})
    assert (await stranger.get(f"{course.path}/cover")).status_code == 200
    await ask(instructor, "POST", f"{course.path}/archive")
    for client in (stranger, student):
        answer = await client.get(f"{course.path}/cover", headers=etag)
        assert (answer.status_code, answer.json()["code"]) == (404, "courses.cover_not_found")
    assert (await instructor.get(f"{course.path}/cover")).status_code == 200


async def test_course_without_a_cover_says_so(instructor: Person) -> None:
    course = await draft(instructor)
    assert course.made["thumbnail_url"] is None
    assert await refused(instructor, "GET", f"{course.path}/cover", status=404) == "courses.cover_not_found"
    await ask(instructor, "PATCH", course.path, json={"cover_file_id": await cover_of(instructor)})
    await ask(instructor, "PATCH", course.path, json={"cover_file_id": None})
    assert await refused(instructor, "GET", f"{course.path}/cover", status=404) == "courses.cover_not_found"


async def test_cover_is_a_picture_of_ones_own(school: School, instructor: Person, admin: Person) -> None:
    course = await draft(instructor)
    foreign = await cover_of(await school.person("instructor"))
    video = (await upload(instructor, mp4()))["id"]
    for wrong in (foreign, video, str(uuid4())):
        body = {"cover_file_id": wrong}
        assert await refused(instructor, "PATCH", course.path, status=404, json=body) == "media.file_not_found"
        made = {"title": "C", **body}
        assert await refused(instructor, "POST", "/courses", status=404, json=made) == "media.file_not_found"
    # An administrator may choose anybody's.
    await ask(admin, "PATCH", course.path, json={"cover_file_id": foreign})


async def test_card_of_an_enrolment_and_a_copy_have_the_cover(instructor: Person, student: Person) -> None:
    course = await with_cover(instructor)
    await ask(student, "POST", f"{course.path}/enroll", status=201)
    enrolled = (await ask(student, "GET", "/enrollments"))["items"][0]["course"]
    assert enrolled["thumbnail_url"] == f"/api/v1{course.path}/cover"
    copy = await ask(instructor, "POST", f"{course.path}/duplicate", status=201)
    assert (await instructor.get(f"/courses/{copy['id']}/cover")).status_code == 200
