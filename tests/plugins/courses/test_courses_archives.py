"""Courses as archives: equal where they are imported, refused before anything is unpacked, never half there."""

import json
import warnings
import zipfile
from collections.abc import AsyncIterator
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from kernel.errors import Unavailable
from kernel.ids import new_id
from kernel.storage import StorageUnavailable
from kernel.tasks import NoPayload, enqueue
from kernel.testing import FakeClock, Person, School
from plugins.courses.actions.importing import IMPORT, CourseToImport
from plugins.courses.rules import archive_problems
from plugins.courses.schemas.archived import CourseArchive
from plugins.courses.tasks import REMOVE_FAILED_IMPORTS
from plugins.media.actions import files as media_files
from tests.plugins.courses.archived import FILES, course_archive, manifest, zipped
from tests.plugins.courses.conftest import Course, ask, draft, refused
from tests.plugins.courses.test_courses_duplicating import likeness, parts, rich_course
from tests.plugins.media.conftest import Leftovers, leftovers, mp4, picture, read, upload
from tests.plugins.media.films import facts, film, lines, watched

__all__ = ["leftovers"]

VTT = "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\nThe saw.\n"
DRAFT = {"status": "draft", "is_published": False, "published_at": None, "submitted_at": None}
OTHER_IDS = {"file_id", "thumbnail_url", "instructor", "category", "sha256"}


async def done(school: School, person: Person, task_id: str, **options: Any) -> dict[str, Any]:
    """Run what is due and return how the task stands."""
    await school.settle(**options)
    task: dict[str, Any] = await ask(person, "GET", f"/tasks/{task_id}")
    return task


async def exported(school: School, course: Course, person: Person | None = None) -> dict[str, Any]:
    """Export a course and return the result."""
    who = person or course.author
    begun = await ask(who, "POST", f"{course.path}/export", status=202)
    task = await done(school, who, begun["task_id"])
    assert (task["status"], task["error"]) == ("done", None)
    result: dict[str, Any] = task["result"]
    return result


async def imported(school: School, person: Person, content: bytes) -> str:
    """Import a course from these bytes and return its id."""
    file = await upload(person, content, "course.zip", kind="archive")
    begun = await ask(person, "POST", "/courses/import", status=202, json={"file_id": file["id"]})
    task = await done(school, person, begun["task_id"])
    assert (task["status"], task["error"]) == ("done", None)
    return str(task["result"]["course_id"])


def without(thing: Any, names: set[str]) -> Any:
    """Return a likeness without what points at other things."""
    if isinstance(thing, list):
        return [without(each, names) for each in thing]
    if isinstance(thing, dict):
        return {name: without(value, names) for name, value in thing.items() if name not in names}
    return thing


@pytest.fixture
async def course(instructor: Person, admin: Person) -> Course:
    """A course with a cover, a category, two sections, videos of two types, and materials."""
    made = await rich_course(instructor)
    category = await ask(admin, "POST", "/categories", status=201, json={"name": "Wood"})
    cover = await upload(instructor, picture(), kind="image")
    await ask(instructor, "PATCH", made.path, json={"category_id": category["id"], "cover_file_id": cover["id"]})
    said: dict[str, Any] = {"content": VTT, "headers": {"Content-Type": "text/vtt"}}
    await ask(instructor, "PUT", f"{made.videos[0]}/captions/ar", **said)
    await made.add_video(
        section=made.sections[0], video_type="youtube_private", video_url=None, youtube_id="abcdef-123"
    )
    return made


async def test_a_course_is_equal_in_another_school_and_its_videos_play(
    school: School, other_school: School, course: Course
) -> None:
    author, reader = course.author, await other_school.person("instructor")
    foreign_admin = await other_school.person("admin")
    await ask(foreign_admin, "POST", "/categories", status=201, json={"name": "Timber", "slug": "wood"})
    result = await exported(school, course)
    archive = (await read(author, school, result["url"])).content
    assert (len(archive), result["filename"]) == (result["size"], "chairs.zip")

    made = await imported(other_school, reader, archive)

    before, after = await ask(author, "GET", course.path), await ask(reader, "GET", f"/courses/{made}")
    assert without(likeness(after), OTHER_IDS) == without(likeness(before), OTHER_IDS) | DRAFT
    assert (after["category"]["name"], after["instructor"]["id"]) == ("Timber", str(reader.id))
    old, new = await parts(author, str(course.id)), await parts(reader, made)
    assert without(likeness(new), OTHER_IDS) == without(likeness(old), OTHER_IDS)
    video = new[0][0]["videos"][0]
    stream = await ask(reader, "GET", f"/videos/{video['id']}/stream")
    assert (await read(reader, other_school, stream["url"])).content == mp4()
    assert (await reader.get(f"http://{other_school.host}{after['thumbnail_url']}?width=320")).status_code == 200
    plan = next(each for each in new[1] if each["file_id"])
    address = await ask(reader, "GET", f"/materials/{plan['id']}/download")
    assert (await read(reader, other_school, address["url"])).content == mp4()
    (said,) = stream["captions"]
    assert (said["language"], (await read(reader, other_school, said["url"])).text) == ("ar", VTT)
    # And once more, from there: the archive is the same but for the picture, which each import draws anew.
    again = await exported(other_school, Course(reader, {"id": made}))
    assert _manifest((await read(reader, other_school, again["url"])).content) == _manifest(archive)


async def test_an_imported_video_is_made_ready_there_and_plays(
    school: School, other_school: School, instructor: Person
) -> None:
    reader, made = await other_school.person("instructor"), await draft(instructor)
    file = await upload(instructor, film(size="320x180"), "film.mp4")
    await school.settle()
    await made.add_section()
    await made.add_video(video_type="server_upload", video_url=None, file_id=file["id"])
    result = await exported(school, made)

    course_id = await imported(other_school, reader, (await read(instructor, school, result["url"])).content)

    ((section,), _) = await parts(reader, course_id)
    stream = await ask(reader, "GET", f"/videos/{section['videos'][0]['id']}/stream")
    assert stream["type"] == "hls"
    master = await lines(reader, other_school, stream["url"])
    variant = await lines(reader, other_school, next(line for line in master if line.startswith("/media/")))
    told = facts(await watched(reader, other_school, variant))
    assert (told["codec_id 0"], told["dimensions 0"]) == ("h264", "320x180")


def _manifest(content: bytes) -> Any:
    with zipfile.ZipFile(BytesIO(content)) as archive:
        assert archive.namelist()[0] == "course.json"
        said = json.loads(archive.read("course.json"))
    for file in said["files"]:
        if file["kind"] == "image":
            del file["size"], file["sha256"]
    del said["course"]["category"]["name"]
    return said


async def test_an_archive_has_neither_people_nor_secrets(school: School, course: Course, student: Person) -> None:
    await ask(course.author, "PATCH", course.path, json={"requires_code": False, "price": "0"})
    await ask(student, "POST", f"{course.path}/enroll", status=201)
    await ask(student, "POST", f"{course.path}/reviews", status=201, json={"rating": 5, "comment": "Marker"})
    result = await exported(school, course)
    with zipfile.ZipFile(BytesIO((await read(course.author, school, result["url"])).content)) as archive:
        said = archive.read("course.json").decode()
        assert archive.namelist() == ["course.json", *(file["name"] for file in json.loads(said)["files"])]
    for secret in (str(student.id), str(course.author.id), student.email, "Marker", str(course.id), str(school.id)):
        assert secret not in said


async def test_only_who_asked_may_have_an_export(
    school: School, course: Course, admin: Person, student: Person
) -> None:
    result = await exported(school, course, admin)
    assert (await read(admin, school, result["url"])).status_code == 200
    for other in (course.author, student):
        assert (await read(other, school, result["url"])).status_code == 403
    task_id = (await ask(admin, "POST", f"{course.path}/export", status=202))["task_id"]
    assert (await admin.post(f"{course.path}/export")).json() == {"task_id": task_id}
    assert await refused(course.author, "GET", f"/tasks/{task_id}", status=404) == "kernel.task_unknown"


async def test_an_export_that_is_too_large_says_so(
    school: School, course: Course, admin: Person, leftovers: Leftovers
) -> None:
    await ask(admin, "PATCH", "/settings", json={"media": {"max_archive_bytes": 6000}})
    before = await leftovers(school)
    begun = await ask(course.author, "POST", f"{course.path}/export", status=202)
    task = await done(school, course.author, begun["task_id"], may_fail=True)
    assert (task["status"], task["error"]) == ("failed", "The file is larger than 6000 bytes.")
    assert await leftovers(school) == before


async def test_an_archive_by_other_hands_is_imported_once_however_often_it_is_clicked(
    school: School, instructor: Person
) -> None:
    said = manifest(course={"title": "Chairs"} | {"cover": "files/2.png", "category": {"name": "No", "slug": "no"}})
    file = await upload(instructor, course_archive(said), kind="archive")
    order = {"file_id": file["id"]}
    begun = [await ask(instructor, "POST", "/courses/import", status=202, json=order) for _ in range(3)]
    assert len({each["task_id"] for each in begun}) == 1
    task = await done(school, instructor, begun[0]["task_id"])
    (mine,) = (await ask(instructor, "GET", "/courses?mine=true"))["items"]
    assert (mine["id"], mine["title"], mine["category"]) == (task["result"]["course_id"], "Chairs", None)
    async with school.db() as db:
        await enqueue(db, IMPORT, CourseToImport(UUID(mine["id"]), UUID(file["id"]), instructor.id))
    await school.settle()
    assert (await ask(instructor, "GET", "/courses?mine=true"))["total"] == 1


async def test_a_second_attempt_goes_on_where_the_first_one_broke_off(
    school: School, instructor: Person, leftovers: Leftovers, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = await upload(instructor, course_archive(), kind="archive")
    begun = await ask(instructor, "POST", "/courses/import", status=202, json={"file_id": file["id"]})
    stored: list[str] = []
    real = media_files._store

    async def breaks_off(*arguments: Any) -> Any:
        stored.append(arguments[3])
        if len(stored) == 2:
            raise StorageUnavailable
        return await real(*arguments)

    monkeypatch.setattr(media_files, "_store", breaks_off)
    assert (await done(school, instructor, begun["task_id"], may_fail=True))["status"] == "queued"
    assert issubclass(StorageUnavailable, Unavailable)
    await school.bring_forward()
    task = await done(school, instructor, begun["task_id"], may_fail=True)
    assert (task["status"], stored) == ("done", ["1.mp4", "2.png", "2.png", "3.txt"])
    # The archive, its three files, and two thumbnails.
    assert await leftovers(school) == (6, 4, 0)
    assert (await ask(instructor, "GET", "/courses?mine=true"))["total"] == 1


async def test_files_of_an_import_that_never_ended_are_gone_after_a_day(
    school: School, instructor: Person, leftovers: Leftovers, fake_clock: FakeClock
) -> None:
    file = await upload(instructor, mp4())
    async with school.db() as db:
        driver = await db.driver()
        await driver.execute(
            "INSERT INTO courses.imported_files (tenant_id, id, import_id, name, file_id) VALUES ($1, $2, $2, 'a', $3)",
            school.id,
            new_id(),
            UUID(file["id"]),
        )
    for hours, left in ((23, 1), (2, 0)):
        fake_clock.advance(hours=hours)
        async with school.db() as db:
            await enqueue(db, REMOVE_FAILED_IMPORTS, NoPayload())
        await school.settle()
        assert await leftovers(school) == (left, left, 0)


def files(number: int, **changes: Any) -> dict[str, Any]:
    """Return the manifest with one of its files described in another way."""
    said = manifest()
    said["files"][number] |= changes
    return said


VIDEO = manifest()["sections"][0]["videos"][0]
WRONG: dict[str, tuple[bytes, str]] = {
    "another version": (course_archive(manifest(version=2)), "version"),
    "another format": (course_archive(manifest(format="scorm")), "version"),
    "no manifest": (zipped([("files/1.mp4", mp4())]), "course.json"),
    "no JSON": (course_archive(other={"course.json": b"{"}), "course.json"),
    "NUL": (course_archive(manifest(course={"title": "a\x00b"})), "course.json"),
    "unknown field": (course_archive(manifest(students=[])), "course.json"),
    "title too long": (course_archive(manifest(course={"title": "x" * 256})), "course.json"),
    "manifest too large": (course_archive(other={"course.json": b" " * (16 * 1024**2 + 1)}), "course.json"),
    "missing entry": (course_archive(other={"files/1.mp4": None}), "files[0].name"),
    "unknown entry": (course_archive(other={"files/9.txt": b"x"}), "files/9.txt"),
    "name with dots": (course_archive(files(0, name="files/../1.mp4")), "course.json"),
    "another size": (course_archive(files(0, size=4999)), "files[0].size"),
    "too large": (course_archive(files(1, size=20 * 1024**2)), "files[1].size"),
    "named twice": (course_archive(files(0, name="files/3.txt")), "files[0].name"),
    "file of no use": (course_archive(manifest(materials=[])), "files[2].name"),
    "captions of a picture": (
        course_archive(files(1, captions=[{"language": "en", "content": VTT}])),
        "files[1].captions",
    ),
    "cover is no picture": (
        course_archive(manifest(course={"title": "C", "cover": "files/3.txt"})),
        "course.cover",
    ),
    "video without source": (
        course_archive(manifest(sections=[{"title": "One", "videos": [VIDEO, {**VIDEO, "file": None}]}])),
        "sections[0].videos[1].file",
    ),
    "material with two sources": (
        course_archive(
            manifest(materials=[{"title": "N", "file": "files/3.txt", "external_url": "https://example.com/"}])
        ),
        "materials[0].file",
    ),
}


@pytest.mark.parametrize(("content", "field"), WRONG.values(), ids=WRONG)
async def test_what_is_wrong_is_named_before_anything_is_unpacked(
    school: School, instructor: Person, leftovers: Leftovers, content: bytes, field: str
) -> None:
    file = await upload(instructor, content, kind="archive")
    answer = await instructor.post("/courses/import", json={"file_id": file["id"]})
    assert (answer.status_code, answer.json()["code"]) == (400, "courses.archive_invalid")
    assert field in [error["field"] for error in answer.json()["errors"]]
    assert await leftovers(school) == (1, 1, 0)


async def test_two_entries_of_one_name_are_refused(instructor: Person) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        entries = [
            ("course.json", json.dumps(manifest()).encode()),
            *((name, each) for name, (_, each) in FILES.items()),
        ]
        content = zipped([*entries, ("files/1.mp4", b"x")])
    file = await upload(instructor, content, kind="archive")
    answer = await instructor.post("/courses/import", json={"file_id": file["id"]})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "files/1.mp4")


async def test_encrypted_archives_and_bombs_are_refused(instructor: Person) -> None:
    encrypted = bytearray(course_archive())
    encrypted[encrypted.rfind(b"PK\x01\x02") + 8] |= 1
    file = await upload(instructor, bytes(encrypted), kind="archive")
    order = {"file_id": file["id"]}
    assert await refused(instructor, "POST", "/courses/import", status=400, json=order) == "courses.archive_invalid"
    bomb = bytearray(course_archive())
    start = bomb.rfind(b"PK\x01\x02") + 24
    bomb[start : start + 4] = (2**32 - 2).to_bytes(4, "little")
    answer = await instructor.post("/upload/archive", files={"file": ("course.zip", bytes(bomb))})
    assert (answer.status_code, answer.json()["code"]) == (415, "media.not_an_archive")


HTML = b"<!doctype html><script>alert(1)</script>"
HARMFUL: dict[str, tuple[bytes, str]] = {
    "captions that are none": (course_archive(files(0, captions=[{"language": "en", "content": "<b>"}])), "aptions"),
    "another hash": (course_archive(files(2, sha256="0" * 64)), "Its SHA-256 is another one."),
    "HTML as a file": (
        course_archive(
            manifest(
                files=[*manifest()["files"][:2], files(2, size=len(HTML), sha256=sha256(HTML).hexdigest())["files"][2]]
            ),
            {"files/3.txt": HTML},
        ),
        "HTML, SVG and other XML are not accepted.",
    ),
    "not to be downloaded, nor to be shown": (
        course_archive(manifest(materials=[{"title": "N", "file": "files/3.txt", "is_downloadable": False}])),
        "must be downloadable",
    ),
}


@pytest.mark.parametrize(("content", "message"), HARMFUL.values(), ids=HARMFUL)
async def test_a_failed_import_leaves_nothing_and_says_why(
    school: School, instructor: Person, leftovers: Leftovers, content: bytes, message: str
) -> None:
    file = await upload(instructor, content, kind="archive")
    begun = await ask(instructor, "POST", "/courses/import", status=202, json={"file_id": file["id"]})
    task = await done(school, instructor, begun["task_id"], may_fail=True)
    assert task["status"] == "failed"
    assert message in task["error"]
    assert await leftovers(school) == (1, 1, 0)
    assert (await ask(instructor, "GET", "/courses?mine=true"))["total"] == 0


async def test_quota_and_rights_hold_for_what_is_in_an_archive(
    school: School, instructor: Person, admin: Person, leftovers: Leftovers
) -> None:
    file = await upload(instructor, course_archive(), kind="archive")
    order = {"file_id": file["id"]}
    await ask(admin, "PATCH", "/settings", json={"media": {"max_bytes_per_user": file["size"] + 5100}})
    begun = await ask(instructor, "POST", "/courses/import", status=202, json=order)
    task = await done(school, instructor, begun["task_id"], may_fail=True)
    assert (task["status"], task["error"]) == ("failed", "There is no room left for your uploads.")
    assert await leftovers(school) == (1, 1, 0)
    await ask(admin, "PATCH", "/roles/instructor", json={"permissions": {"media.video.upload": None}})
    assert await refused(instructor, "POST", "/courses/import", status=403, json=order) == "kernel.forbidden"


async def test_another_kind_of_file_or_somebody_elses_is_not_found(
    school: School, instructor: Person, admin: Person
) -> None:
    ordinary = await upload(instructor, course_archive(), kind="file")
    archive = await upload(instructor, course_archive(), kind="archive")
    for person, file in ((instructor, ordinary), (admin, archive)):
        order = {"file_id": file["id"]}
        assert await refused(person, "POST", "/courses/import", status=404, json=order) == "media.file_not_found"


async def test_memory_holds_a_piece_at_a_time(school: School, course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    real = school.deployment.storage.put

    async def put(key: str, chunks: AsyncIterator[bytes], **options: Any) -> Any:
        async def measured() -> AsyncIterator[bytes]:
            async for chunk in chunks:
                sizes.append(len(chunk))
                yield chunk

        return await real(key, measured(), **options)

    large = await upload(course.author, mp4(3 * 1024**2))
    await course.add_video(video_type="server_upload", video_url=None, file_id=large["id"])
    monkeypatch.setattr(school.deployment.storage, "put", put)
    result = await exported(school, course)
    archive = (await read(course.author, school, result["url"])).content
    monkeypatch.undo()
    file = await upload(course.author, archive, kind="archive")
    monkeypatch.setattr(school.deployment.storage, "put", put)
    begun = await ask(course.author, "POST", "/courses/import", status=202, json={"file_id": file["id"]})
    await done(school, course.author, begun["task_id"])
    assert sum(sizes) > 2 * 3 * 1024**2
    assert max(sizes) <= 300 * 1024


def test_the_documented_archive_is_one() -> None:
    text = (Path(__file__).parents[3] / "docs" / "course-archives.md").read_text()
    said = text.partition("```json\n")[2].partition("```")[0].encode()
    archive = msgspec.json.decode(said, type=CourseArchive)
    # Every field of the format stands in it.
    assert msgspec.to_builtins(archive) == json.loads(said)
    entries = [("course.json", len(said)), *((file.name, file.size) for file in archive.files)]
    most = dict.fromkeys(("video", "image", "file", "archive"), 10_000)
    assert archive_problems(archive, entries, most_bytes=most) == []
