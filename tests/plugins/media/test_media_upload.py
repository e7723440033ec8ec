"""Uploads: streamed whole or not at all, known by content, refused by name of what is wrong."""

import asyncio
import hashlib
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from litestar import Litestar

from kernel.app import served
from kernel.settings import Settings
from kernel.tasks import NoPayload
from kernel.testing import FakeClock, Person, School, SchoolFactory
from plugins.media.actions.uploads import remove_abandoned_uploads
from plugins.media.tasks import REMOVE_ABANDONED_UPLOADS
from tests.plugins.media.conftest import Leftovers, archive, form, mp4, picture, read, upload

BOUNDARY = "a-boundary"
MULTIPART = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def part(content: bytes, disposition: str = 'form-data; name="file"; filename="a.mp4"') -> bytes:
    """Return one part of a form, with the boundary before it."""
    return f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n\r\n".encode() + content + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()


async def in_pieces(content: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def test_upload_is_described_and_read_back(school: School, instructor: Person, leftovers: Leftovers) -> None:
    content = mp4(300_000)
    file = await upload(instructor, content, "Über uns.mp4")
    assert {name: value for name, value in file.items() if name not in ("id", "url", "processing")} == {
        "kind": "video",
        "filename": "Über uns.mp4",
        "content_type": "video/mp4",
        "size": 300_000,
        "sha256": hashlib.sha256(content).hexdigest(),
        "thumbnails": {},
    }
    assert file["url"].startswith(f"/media/{school.id}/{file['id']}.mp4?")
    assert (await read(instructor, school, file["url"])).content == content
    assert await leftovers(school) == (1, 1, 0)


NAMES: tuple[tuple[str, str], ...] = (
    ("../../etc/passwd", "_.._etc_passwd"),
    ("C:\\videos\\a.mp4", "a.mp4"),
    ("a\r\nSet-Cookie: x=1.mp4", "aSet-Cookie: x=1.mp4"),
    ("...", "video.mp4"),
    ("x" * 300 + ".mp4", "x" * 196 + ".mp4"),
)


async def test_names_are_made_harmless(instructor: Person) -> None:
    for sent, kept in NAMES:
        assert (await upload(instructor, mp4(), sent))["filename"] == kept


async def test_any_pieces_make_the_same_file(instructor: Person) -> None:
    content = mp4(6000) + f"\r\n--{BOUNDARY}".encode()[:-1] + b"\r\n--"
    for size in (1, 7, 4096, 100_000):
        body = in_pieces(part(content) + END, size)
        answer = await instructor.post("/upload/video", content=body, headers=MULTIPART)
        assert (answer.status_code, answer.json()["sha256"]) == (201, hashlib.sha256(content).hexdigest())


async def test_large_file_is_not_held_in_memory(school: School, instructor: Person) -> None:
    block = bytes(64 * 1024)
    blocks = 32 * 16

    async def body() -> AsyncIterator[bytes]:
        yield part(mp4())[:-2]
        for _ in range(blocks):
            yield block
        yield b"\r\n" + END

    tracemalloc.start()
    answer = await instructor.post("/upload/video", content=body(), headers=MULTIPART)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (answer.status_code, answer.json()["size"]) == (201, 5000 + len(block) * blocks)
    assert peak < 8_000_000


NO_VIDEOS: tuple[tuple[bytes, str], ...] = (
    (b"<!doctype html><script>alert(document.cookie)</script>" + bytes(5000), "lesson.mp4"),
    (b"#EXTM3U\n" + bytes(5000), "lesson.mp4"),
    (b"", "empty.mp4"),
)


async def test_content_decides_and_not_the_name(school: School, instructor: Person, leftovers: Leftovers) -> None:
    for content, name in NO_VIDEOS:
        answer = await instructor.post("/upload/video", files=form(content, name))
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (415, "media.not_a_video")
        assert [each["field"] for each in problem["errors"]] == ["file"]
    assert await leftovers(school) == (0, 0, 0)


OTHER_FORMS: tuple[tuple[bytes, str | None], ...] = (
    (part(mp4(), 'form-data; name="video"; filename="a.mp4"') + END, "video"),
    (part(mp4(), 'form-data; name="file"') + END, "file"),
    (part(mp4(), 'form-data; name="owner_id"') + part(mp4()) + END, "owner_id"),
    (part(mp4()) + part(mp4()) + END, "file"),
    (part(mp4()) + part(b"x", 'form-data; name="kind"') + END, "kind"),
    (END, "file"),
    (part(mp4()), None),
    (part(mp4())[:3000], None),
    (b"no form at all", None),
    (part(mp4(), "attachment") + END, None),
    (b"", None),
)


async def test_other_forms_are_refused(school: School, instructor: Person, leftovers: Leftovers) -> None:
    for body, field in OTHER_FORMS:
        answer = await instructor.post("/upload/video", content=body, headers=MULTIPART)
        problem = answer.json()
        assert (body[:60], answer.status_code, problem["code"]) == (body[:60], 400, "kernel.invalid")
        assert [each["field"] for each in problem["errors"]] == ([] if field is None else [field])
    assert await leftovers(school) == (0, 0, 0)


async def test_only_forms_are_read(instructor: Person) -> None:
    for kind in ("application/json", "multipart/form-data", "text/plain", "multipart/mixed; boundary=x"):
        answer = await instructor.post("/upload/video", content=b"{}", headers={"Content-Type": kind})
        assert (kind, answer.status_code, answer.json()["code"]) == (kind, 415, "kernel.unsupported_media_type")


async def test_tenant_limits_the_size(new_school: SchoolFactory, leftovers: Leftovers) -> None:
    school = await new_school(settings={"media": {"max_video_bytes": 100_000}})
    person = await school.person("instructor")
    await upload(person, mp4(100_000))
    for body in (part(mp4(100_001)) + END, part(mp4(200_000)) + END):
        answers = [
            await person.post("/upload/video", content=body, headers=MULTIPART),
            await person.post("/upload/video", content=in_pieces(body, 50_000), headers=MULTIPART),
        ]
        assert [(each.status_code, each.json()["code"]) for each in answers] == [(413, "kernel.too_large")] * 2
    assert await leftovers(school) == (1, 1, 0)


async def test_uploads_have_a_limit_of_their_own(new_school: SchoolFactory) -> None:
    limits = {"upload_per_minute": 2, "api_per_minute": 1000, "login_per_minute": 1000}
    school = await new_school(settings={"security": {"rate_limits": limits}})
    person = await school.person("instructor")
    answers = [await person.post("/upload/video", files=form(mp4())) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 429]


async def test_form_is_described(litestar_app: Litestar) -> None:
    operation = litestar_app.openapi_schema.to_schema()["paths"]["/api/v1/upload/video"]["post"]
    schema = operation["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert schema == {
        "type": "object",
        "properties": {"file": {"type": "string", "format": "binary"}},
        "required": ["file"],
    }


DOORS: tuple[tuple[str, bytes, str], ...] = (
    # For a stranger, a student, an instructor, an administrator.
    ("video", mp4(), "401 403 201 201"),
    ("image", picture(), "401 201 201 201"),
    ("file", b"Read me.", "401 403 201 201"),
    ("archive", archive("a"), "401 403 201 201"),
)


async def test_who_may_upload(school: School, other_school: School) -> None:
    people: list[Any] = [
        await school.client(),
        *[await school.person(role) for role in ("student", "instructor", "admin")],
    ]
    foreigner = await other_school.person("admin")
    crossing = await school.client(Authorization=foreigner.client.headers["Authorization"])
    for kind, content, expected in DOORS:
        answers = [await person.post(f"/upload/{kind}", files=form(content)) for person in people]
        assert (kind, " ".join(str(answer.status_code) for answer in answers)) == (kind, expected)
        assert (await crossing.post(f"/upload/{kind}", files=form(content))).status_code == 401


async def test_aborted_upload_leaves_nothing(
    school: School, instructor: Person, litestar_app: Litestar, leftovers: Leftovers
) -> None:
    body = part(mp4(200_000))[:150_000]
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": body, "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = _scope(school, instructor)
    await served(litestar_app)(scope, receive, send)
    assert sent[0]["status"] == 400
    assert await leftovers(school) == (0, 0, 0)


async def test_cancelled_upload_leaves_nothing(
    school: School, instructor: Person, litestar_app: Litestar, leftovers: Leftovers
) -> None:
    waiting = asyncio.Event()
    messages = [{"type": "http.request", "body": part(mp4(2_000_000))[:1_900_000], "more_body": True}]

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        waiting.set()
        return await asyncio.Future()

    async def send(_message: dict[str, Any]) -> None:
        raise AssertionError("nothing is answered")

    task = asyncio.create_task(served(litestar_app)(_scope(school, instructor), receive, send))
    await asyncio.wait_for(waiting.wait(), 20)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await leftovers(school) == (0, 0, 0)


async def test_failed_commit_leaves_nothing(
    school: School, instructor: Person, settings: Settings, leftovers: Leftovers
) -> None:
    owner = await asyncpg.connect(settings.owner_database_url.replace("+asyncpg", ""))
    try:
        await owner.execute("""
            CREATE FUNCTION media.refuse() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN RAISE EXCEPTION 'refused at commit'; END $$;
            CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON media.files DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW WHEN (NEW.filename = 'refused-at-commit.mp4') EXECUTE FUNCTION media.refuse();
        """)
        answer = await instructor.post("/upload/video", files=form(mp4(), "refused-at-commit.mp4"))
    finally:
        await owner.execute("DROP TRIGGER IF EXISTS refuse ON media.files; DROP FUNCTION media.refuse()")
        await owner.close()
    assert (answer.status_code, answer.json()["code"]) == (500, "kernel.internal")
    assert await leftovers(school) == (0, 0, 0)


async def test_what_a_dead_process_left_is_swept(
    school: School, instructor: Person, fake_clock: FakeClock, leftovers: Leftovers
) -> None:
    """As if the process had died between the object and its row."""
    file = await upload(instructor, mp4())
    key = file["url"].partition("?")[0].removeprefix("/media/")
    async with school.db() as db:
        driver = await db.driver()
        await driver.execute(
            "INSERT INTO media.uploads (id, owner_id, storage_key) SELECT id, owner_id, storage_key FROM media.files"
        )
        await driver.execute("DELETE FROM media.files")
    assert key.startswith(str(school.id))
    async with school.db() as db:
        assert await remove_abandoned_uploads(db) == 0
    assert await leftovers(school) == (1, 0, 1)
    fake_clock.advance(hours=25)
    async with school.db() as db:
        assert REMOVE_ABANDONED_UPLOADS.handle is not None
        await REMOVE_ABANDONED_UPLOADS.handle(db, NoPayload())
    assert await leftovers(school) == (0, 0, 0)


async def test_upload_that_was_swept_meanwhile_is_refused(
    school: School, instructor: Person, leftovers: Leftovers
) -> None:
    async def body() -> AsyncIterator[bytes]:
        content = part(mp4(1_500_000)) + END
        yield content[:1_200_000]
        async with school.db() as db:
            await (await db.driver()).execute("DELETE FROM media.uploads")
        yield content[1_200_000:]

    answer = await instructor.post("/upload/video", content=body(), headers=MULTIPART)
    assert (answer.status_code, answer.json()["code"]) == (400, "media.upload_aborted")
    assert await leftovers(school) == (0, 0, 0)


def _scope(school: School, person: Person) -> dict[str, Any]:
    """Return what a server says of an upload by this person."""
    headers = {"host": school.host, "authorization": person.client.headers["Authorization"], **MULTIPART}
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/api/v1/upload/video",
        "raw_path": b"/api/v1/upload/video",
        "root_path": "",
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 50_000),
        "server": (school.host, 80),
    }
