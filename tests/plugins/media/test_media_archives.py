"""Archives: packed and unpacked in pieces, listed before anything is unpacked, and gone after a day."""

import zipfile
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import timedelta
from io import BytesIO
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import DateTime, bindparam, update

from kernel import clock
from kernel.tasks import NoPayload, enqueue
from kernel.testing import Person, School
from plugins.media import api
from plugins.media.rules.archives import TAIL_BYTES, listed
from plugins.media.tables import File
from plugins.media.tasks import REMOVE_ABANDONED_UPLOADS
from tests.plugins.media.conftest import Leftovers, archive, mp4, read, upload

_AGE = update(File).values(created_at=bindparam("then", type_=DateTime(timezone=True)))
TEXT = b"The saw, the plane and the chisel. " * 20_000


async def given(content: bytes, size: int = 1000) -> AsyncGenerator[bytes, None]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def packed(**contents: bytes) -> bytes:
    """Return an archive with these entries."""

    async def entries() -> AsyncIterator[api.ToPack]:
        for name, content in contents.items():
            yield api.ToPack(name, len(content), given(content))

    async with aclosing(api.packed(entries())) as chunks:
        return b"".join([chunk async for chunk in chunks])


async def unpacked(school: School, file: dict[str, Any]) -> dict[str, bytes]:
    """Return what is in an uploaded archive, by name."""
    async with school.db() as db:
        found = await api.file_by_id(db, UUID(file["id"]), kind="archive")
        return {
            entry.name.decode(): b"".join([piece async for piece in api.entry_bytes(db, found, entry)])
            for entry in await api.archive_entries(db, found)
        }


async def test_what_is_packed_is_unpacked(school: School, instructor: Person) -> None:
    contents = {"course.json": b"{}", "a": TEXT, "empty": b"", "b": mp4()}
    made = await packed(**contents)

    assert made == await packed(**contents)
    with zipfile.ZipFile(BytesIO(made)) as others:
        assert others.testzip() is None
        assert {name: others.read(name) for name in others.namelist()} == contents
    file = await upload(instructor, made, "course.zip", kind="archive")
    assert (file["kind"], file["content_type"], file["size"]) == ("archive", "application/zip", len(made))
    assert await unpacked(school, file) == contents
    assert (await read(instructor, school, file["url"])).content == made


async def test_what_others_have_deflated_is_unpacked(school: School, instructor: Person) -> None:
    file = await upload(instructor, archive("a", "b", content=TEXT), "any.docx", kind="archive")
    assert await unpacked(school, file) == {"a": TEXT, "b": TEXT}


async def test_numbers_of_more_than_32_bits_are_read(
    school: School, instructor: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 100)
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 1)
    contents = {"small": b"x", "large": TEXT, "last": mp4()}
    made = await packed(**contents)
    assert b"PK\x06\x06" in made
    assert await unpacked(school, await upload(instructor, made, kind="archive")) == contents


def changed(at: int, value: int, width: int = 4) -> bytes:
    """Return an archive of one deflated entry whose list says something else there."""
    made = bytearray(archive("a", content=TEXT))
    start = made.rfind(b"PK\x01\x02") + at
    made[start : start + width] = value.to_bytes(width, "little")
    return bytes(made)


HARMFUL: tuple[bytes, ...] = (
    archive("../../x"),
    archive("/etc/passwd"),
    archive("a")[:-1],
    b"no archive",
    mp4(),
    changed(24, 0xFFFFFFFF),  # its size stands elsewhere, but does not
    changed(24, 2**32 - 2),  # a bomb: forty thousand times its size
)


@pytest.mark.parametrize("content", HARMFUL, ids=range(len(HARMFUL)))
async def test_what_would_do_harm_is_refused_by_its_list(
    school: School, instructor: Person, leftovers: Leftovers, content: bytes
) -> None:
    answer = await instructor.post("/upload/archive", files={"file": ("a.zip", content)})
    assert (answer.status_code, answer.json()["code"]) == (415, "media.not_an_archive")
    assert await leftovers(school) == (0, 0, 0)


DAMAGED: tuple[bytes, ...] = (
    changed(24, len(TEXT) - 1),  # more bytes than are listed
    changed(24, len(TEXT) + 1),  # fewer
    changed(16, 1),  # another checksum
    changed(8, 1, 2),  # encrypted
    changed(10, 12, 2),  # packed by BZip2
    changed(10, 0, 2),  # not packed at all
    changed(42, 5),  # begins elsewhere
    changed(42, 2**31),  # begins behind its end
    changed(20, 2**31),  # goes on behind its end
    archive("a", content=TEXT).replace(b"a", b"b", 1),  # another name
)


@pytest.mark.parametrize("content", DAMAGED, ids=range(len(DAMAGED)))
async def test_what_is_not_as_listed_is_never_given_whole(school: School, instructor: Person, content: bytes) -> None:
    file = await upload(instructor, content, kind="archive")
    with pytest.raises(api.ArchiveDamaged):
        await unpacked(school, file)


def test_a_list_is_read_as_far_as_its_end_says() -> None:
    made = archive("a", "b")
    assert [entry.name for entry in listed(made[-TAIL_BYTES:])] == [b"a", b"b"]
    for at, value in ((10, 1), (10, 3), (12, 7), (12, 60_000)):
        start = len(made) - 22 + at
        assert listed(made[:start] + value.to_bytes(2, "little") + made[start + 2 :]) == []


async def test_archives_are_gone_after_a_day(school: School, instructor: Person, leftovers: Leftovers) -> None:
    await upload(instructor, mp4())
    await upload(instructor, archive("a"), kind="archive")
    for hours, left in ((23, 2), (25, 1)):
        async with school.db() as db:
            await db.run(_AGE, then=clock.now() - timedelta(hours=hours))
            await enqueue(db, REMOVE_ABANDONED_UPLOADS, NoPayload())
        await school.settle()
        assert await leftovers(school) == (left, left, 0)


async def test_an_archive_is_no_material(school: School, instructor: Person) -> None:
    file = await upload(instructor, archive("a"), kind="archive")
    course = (await instructor.post("/courses", json={"title": "Saws"})).json()
    material = {"course_id": course["id"], "title": "All", "file_id": file["id"]}
    answer = await instructor.post("/materials", json=material)
    assert (answer.status_code, answer.json()["code"]) == (404, "media.file_not_found")


async def test_what_somebody_points_at_stays(school: School, instructor: Person, leftovers: Leftovers) -> None:
    file = await upload(instructor, b"Read me.", kind="file")
    course = (await instructor.post("/courses", json={"title": "Saws"})).json()
    material = {"course_id": course["id"], "title": "All", "file_id": file["id"]}
    assert (await instructor.post("/materials", json=material)).status_code == 201
    async with school.db() as db:
        assert await api.remove_files(db, [UUID(file["id"])]) == 0
    await school.settle()
    assert await leftovers(school) == (1, 1, 0)


async def test_undone_work_leaves_nothing(school: School, instructor: Person, leftovers: Leftovers) -> None:
    kept, undone = await upload(instructor, mp4()), await upload(instructor, mp4())
    async with school.db() as db:
        assert await api.remove_files(db, [UUID(undone["id"])]) == 1
    await school.settle()
    assert await leftovers(school) == (1, 1, 0)
    assert (await read(instructor, school, kept["url"])).status_code == 200
