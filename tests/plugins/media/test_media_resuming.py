"""Resumable uploads by the tus protocol: what has come stays, whoever asks next, and comes together once."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest
from litestar import Litestar

from kernel.app import served
from kernel.db import Db
from kernel.storage import StorageUnavailable
from kernel.tasks import NoPayload
from kernel.testing import FakeClock, Person, School, SchoolFactory
from plugins.media.actions import resuming
from plugins.media.errors import UploadBusy, UploadNotFound
from plugins.media.tasks import REMOVE_ABANDONED_UPLOADS
from tests.plugins.media.conftest import Leftovers, form, mp4, picture, read, upload

TUS = {"Tus-Resumable": "1.0.0"}
CONTENT = mp4(300_000)


def metadata(purpose: str = "video", filename: str = "Über.mp4") -> str:
    """Return what a client says of a file."""
    pairs = {"purpose": purpose, "filename": filename}
    return ",".join(f"{name} {b64encode(value.encode()).decode()}" for name, value in pairs.items())


async def create(person: Person, length: int = len(CONTENT), purpose: str = "video") -> httpx.Response:
    """Begin an upload."""
    headers = {**TUS, "Upload-Length": str(length), "Upload-Metadata": metadata(purpose)}
    return await person.post("/upload/tus", headers=headers)


async def begun(person: Person, length: int = len(CONTENT), purpose: str = "video") -> str:
    """Begin an upload and return its path below the API."""
    answer = await create(person, length, purpose)
    assert (answer.status_code, answer.headers["upload-offset"]) == (201, "0"), answer.text
    return str(answer.headers["location"]).removeprefix("/api/v1")


async def send(person: Person, path: str, start: int, content: Any, **headers: str) -> httpx.Response:
    """Append bytes."""
    said = {**TUS, "Content-Type": "application/offset+octet-stream", "Upload-Offset": str(start), **headers}
    return await person.patch(path, content=content, headers=said)


async def offset(person: Person, path: str) -> int:
    """Ask how far an upload is."""
    answer = await person.request("HEAD", path, headers=TUS)
    assert (answer.status_code, answer.content, answer.headers["cache-control"]) == (200, b"", "no-store")
    return int(answer.headers["upload-offset"])


async def test_upload_comes_in_pieces_and_becomes_a_file_like_any_other(
    school: School, instructor: Person, leftovers: Leftovers
) -> None:
    path = await begun(instructor)
    assert await offset(instructor, path) == 0
    first = await send(instructor, path, 0, CONTENT[:100_000])
    assert (first.status_code, first.headers["upload-offset"], first.headers["tus-resumable"]) == (
        204,
        "100000",
        "1.0.0",
    )
    assert await offset(instructor, path) == 100_000
    assert (await instructor.get(path)).json()["file"] is None
    for start in (0, 99_999, 100_001):
        wrong = await send(instructor, path, start, CONTENT[start:])
        assert (wrong.status_code, wrong.json()["code"]) == (409, "media.offset_mismatch")
    assert (await send(instructor, path, 100_000, CONTENT[100_000:])).status_code == 204
    state = (await instructor.get(path)).json()
    file, other = state["file"], await upload(instructor, CONTENT, "Über.mp4")
    own = {"id", "url", "processing"}
    assert {name: file[name] for name in file.keys() - own} == {name: other[name] for name in other.keys() - own}
    assert file["processing"]["status"] == "queued"
    assert (await read(instructor, school, file["url"])).content == CONTENT
    assert await leftovers(school) == (2, 2, 0)
    again = await send(instructor, path, len(CONTENT), b"")
    assert (again.status_code, (await instructor.get(path)).json()["file"]["id"]) == (204, file["id"])
    assert await leftovers(school) == (2, 2, 0)


async def test_every_purpose_is_decided_as_ever(school: School, student: Person, instructor: Person) -> None:
    sent = picture(1000, 500)
    path = await begun(student, len(sent), "image")
    assert (await send(student, path, 0, sent)).status_code == 204
    assert set((await student.get(path)).json()["file"]["thumbnails"]) == {"w320.webp", "w640.webp"}
    for purpose in ("video", "file"):
        assert (await create(student, 10, purpose)).status_code == 403
    text = await begun(instructor, 8, "file")
    assert (await send(instructor, text, 0, b"Read me.")).status_code == 204
    assert (await instructor.get(text)).json()["file"]["content_type"] == "text/plain"


async def test_refused_content_ends_the_upload(school: School, instructor: Person, leftovers: Leftovers) -> None:
    page = b"<!doctype html><script>alert(1)</script>"
    path = await begun(instructor, len(page))
    answer = await send(instructor, path, 0, page)
    assert (answer.status_code, answer.json()["code"]) == (415, "media.not_a_video")
    assert (await instructor.get(path)).status_code == 404
    assert await leftovers(school) == (0, 0, 0)


async def test_only_its_owner_finds_an_upload(school: School, other_school: School, instructor: Person) -> None:
    path = await begun(instructor)
    strangers = [await school.person("instructor"), await school.person("admin"), await other_school.person("admin")]
    for stranger in strangers:
        answers = [
            await stranger.get(path),
            await stranger.request("HEAD", path),
            await send(stranger, path, 0, CONTENT),
            await stranger.delete(path),
        ]
        assert [answer.status_code for answer in answers] == [404] * 4
        assert answers[0].json()["code"] == "media.upload_not_found"
    assert await offset(instructor, path) == 0


async def test_sender_that_goes_away_resumes_where_it_stopped(
    school: School, instructor: Person, litestar_app: Litestar, leftovers: Leftovers
) -> None:
    path = await begun(instructor)
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": CONTENT[:150_000], "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    async def answered(_message: dict[str, Any]) -> None:
        """Nobody is there to hear it."""

    await served(litestar_app)(_scope(school, instructor, path), receive, answered)
    assert await offset(instructor, path) == 150_000
    assert (await send(instructor, path, 150_000, CONTENT[150_000:])).status_code == 204
    file = (await instructor.get(path)).json()["file"]
    assert (await read(instructor, school, file["url"])).content == CONTENT
    assert await leftovers(school) == (1, 1, 0)


async def test_pieces_stay_when_the_storage_fails_at_a_later_one(
    school: School, instructor: Person, monkeypatch: pytest.MonkeyPatch, leftovers: Leftovers
) -> None:
    monkeypatch.setattr(resuming, "PIECE_BYTES", 100_000)
    storage, calls = school.deployment.storage, []
    put = storage.put

    async def failing(key: str, chunks: Any, **options: Any) -> Any:
        calls.append(key)
        if len(calls) == 3:
            raise StorageUnavailable
        return await put(key, chunks, **options)

    async def body() -> AsyncIterator[bytes]:
        for start in range(0, len(CONTENT), 50_000):
            yield CONTENT[start : start + 50_000]

    monkeypatch.setattr(storage, "put", failing)
    path = await begun(instructor)
    answer = await send(instructor, path, 0, body())
    assert (answer.status_code, await offset(instructor, path)) == (503, 200_000)
    assert await leftovers(school) == (2, 0, 2)
    assert (await send(instructor, path, 200_000, CONTENT[200_000:])).status_code == 204
    assert await leftovers(school) == (1, 1, 0)


async def test_one_request_at_a_time_holds_an_upload_and_a_dead_one_lets_go(
    school: School, instructor: Person, fake_clock: FakeClock
) -> None:
    path = await begun(instructor)
    upload_id = UUID(path.rpartition("/")[2])
    async with school.db(instructor.id) as db:
        dead = await resuming.hold_upload(db, instructor.actor, upload_id)
        busy = await send(instructor, path, 0, CONTENT)
        assert (busy.status_code, busy.json()["code"], busy.headers["retry-after"]) == (423, "media.upload_busy", "1")
        assert (await instructor.delete(path)).status_code == 423
        fake_clock.advance(seconds=61)
        assert (await send(instructor, path, 0, CONTENT[:1000])).status_code == 204
        with pytest.raises(UploadBusy):
            await resuming.append(db, instructor.actor, dead, 0, _bytes(CONTENT[:5]))
    assert await offset(instructor, path) == 1000


async def test_last_bytes_sent_twice_at_once_make_one_file(
    school: School, instructor: Person, leftovers: Leftovers
) -> None:
    path = await begun(instructor)
    answers = await asyncio.gather(*(send(instructor, path, 0, CONTENT) for _ in range(5)))
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(204), set(statuses) <= {204, 409, 423}) == (1, True)
    assert await leftovers(school) == (1, 1, 0)


async def test_upload_is_given_up(school: School, instructor: Person, leftovers: Leftovers) -> None:
    path = await begun(instructor)
    await send(instructor, path, 0, CONTENT[:1000])
    assert await leftovers(school) == (1, 0, 1)
    assert (await instructor.delete(path, headers=TUS)).status_code == 204
    assert (await instructor.request("HEAD", path)).status_code == 404
    assert await leftovers(school) == (0, 0, 0)


async def test_upload_whose_rest_does_not_come_expires(
    school: School, instructor: Person, fake_clock: FakeClock, leftovers: Leftovers
) -> None:
    path = await begun(instructor)
    fake_clock.advance(hours=23)
    async with school.db(instructor.id) as db:
        holding = await resuming.hold_upload(db, instructor.actor, UUID(path.rpartition("/")[2]))
        await resuming.append(db, instructor.actor, holding, 0, _bytes(CONTENT[:1000]))
        await resuming.release_upload(db, holding)
        fake_clock.advance(hours=23)
        await _sweep(db)
    assert await leftovers(school) == (1, 0, 1)
    fake_clock.advance(hours=2)
    async with school.db(instructor.id) as db:
        with pytest.raises(UploadNotFound):
            await resuming.hold_upload(db, instructor.actor, UUID(path.rpartition("/")[2]))
        await _sweep(db)
    assert await leftovers(school) == (0, 0, 0)


HEADERS: tuple[tuple[dict[str, str], int, list[str]], ...] = (
    ({"Upload-Metadata": metadata()}, 400, ["Upload-Length"]),
    ({"Upload-Length": "-1", "Upload-Metadata": metadata()}, 400, ["Upload-Length"]),
    ({"Upload-Length": "0", "Upload-Metadata": metadata()}, 400, ["Upload-Length"]),
    ({"Upload-Length": "9" * 15, "Upload-Metadata": metadata()}, 400, ["Upload-Length"]),
    ({"Upload-Length": "10"}, 400, ["Upload-Metadata"]),
    ({"Upload-Length": "10", "Upload-Metadata": metadata("avatar")}, 400, ["Upload-Metadata"]),
    ({"Upload-Length": "10", "Upload-Metadata": "purpose ###"}, 400, ["Upload-Metadata"]),
    ({"Upload-Length": "10", "Upload-Metadata": metadata(), "Tus-Resumable": "0.2.2"}, 412, []),
    ({"Upload-Length": str(2**39), "Upload-Metadata": metadata()}, 413, []),
)


async def test_wrong_headers_are_named(instructor: Person) -> None:
    for headers, status, fields in HEADERS:
        answer = await instructor.post("/upload/tus", headers=headers)
        assert (headers, answer.status_code) == (headers, status)
        assert [each["field"] for each in answer.json()["errors"]] == fields
    path = await begun(instructor)
    for changed, status in (
        ({"Content-Type": "video/mp4"}, 415),
        ({"Upload-Offset": "x"}, 400),
        ({"Tus-Resumable": "2.0.0"}, 412),
    ):
        assert (await send(instructor, path, 0, CONTENT, **changed)).status_code == status
    more = await send(instructor, path, 0, CONTENT + b"x")
    assert (more.status_code, more.json()["code"], await offset(instructor, path)) == (413, "kernel.too_large", 0)


async def test_what_is_understood_is_told(instructor: Person) -> None:
    answer = await instructor.request("OPTIONS", "/upload/tus")
    assert (answer.status_code, answer.headers["tus-version"], answer.headers["tus-extension"]) == (
        204,
        "1.0.0",
        "creation,termination,expiration",
    )


async def test_creations_are_limited_and_pieces_are_not(new_school: SchoolFactory) -> None:
    limits = {"upload_per_minute": 2, "api_per_minute": 1000, "login_per_minute": 1000}
    school = await new_school(settings={"security": {"rate_limits": limits}, "media": {"max_bytes_per_user": 400_000}})
    person = await school.person("instructor")
    path = await begun(person)
    for start in range(4):
        assert (await send(person, path, start, CONTENT[start : start + 1])).status_code == 204
    assert (await send(person, path, 4, CONTENT[4:])).status_code == 204
    exceeded = await create(person)
    assert (exceeded.status_code, exceeded.json()["code"]) == (413, "media.quota_exceeded")
    assert (await create(person)).status_code == 429


async def test_few_uploads_may_wait_for_their_rest(instructor: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resuming, "MOST_OPEN", 3)
    answers = await asyncio.gather(*(create(instructor) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [409] * 3
    assert (await instructor.post("/upload/video", files=form(mp4()))).status_code == 201


async def _bytes(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def _sweep(db: Db) -> None:
    assert REMOVE_ABANDONED_UPLOADS.handle is not None
    await REMOVE_ABANDONED_UPLOADS.handle(db, NoPayload())


def _scope(school: School, person: Person, path: str) -> dict[str, Any]:
    """Return what a server says of a piece sent by this person."""
    headers = {
        "host": school.host,
        "authorization": person.client.headers["Authorization"],
        "content-type": "application/offset+octet-stream",
        "upload-offset": "0",
    }
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "PATCH",
        "scheme": "http",
        "path": f"/api/v1{path}",
        "raw_path": f"/api/v1{path}".encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 50_000),
        "server": (school.host, 80),
    }
