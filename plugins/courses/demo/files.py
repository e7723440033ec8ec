"""The files of a course of the demonstration, stored as its instructor would have uploaded them."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

from msgspec import Struct
from sqlalchemy import bindparam, select

from kernel.auth import Actor
from kernel.db import Db
from plugins.courses.demo import drawings
from plugins.courses.demo.plans import CoursePlan, Lesson, Material
from plugins.courses.tables import Course, CourseSection, CourseVideo
from plugins.media import api as media

_OWN_FILMS = (
    select(CourseVideo.duration_seconds, CourseVideo.file_id)
    .join(CourseSection, CourseSection.id == CourseVideo.section_id)
    .join(Course, Course.id == CourseSection.course_id)
    .where(Course.instructor_id == bindparam("instructor"), CourseVideo.file_id.is_not(None))
)


class CourseFiles(Struct, frozen=True):
    """The ids of what was stored: films by their seconds, materials by their titles."""

    cover: UUID | None
    films: dict[int, UUID]
    materials: dict[str, UUID]


class _Film(Struct, frozen=True):
    duration_seconds: int
    file_id: UUID


async def make_files(db: Db, instructor: Actor, plan: CoursePlan) -> CourseFiles:
    """Draw and store what a course needs; a film as long as one of the instructor's courses has is used again."""
    films = {film.duration_seconds: film.file_id for film in await db.rows(_Film, _OWN_FILMS, instructor=instructor.id)}
    missing = sorted({lesson.seconds for lesson in plan.lessons if lesson.is_film} - films.keys())
    # Drawing takes a while; nothing has been written yet.
    await db.release()
    cover, materials, made = await asyncio.gather(
        _store_cover(db, instructor, plan),
        _store_materials(db, instructor, plan),
        asyncio.gather(*(_store_film(db, instructor, seconds) for seconds in missing)),
    )
    return CourseFiles(cover, films | dict(zip(missing, made, strict=True)), materials)


def captions_of(lesson: Lesson, language: str) -> bytes:
    """Return what is said in a lesson as WebVTT, each sentence for the same while."""
    lines = lesson.said[language]
    each = lesson.seconds / len(lines)
    cues = (f"00:{at * each:06.3f} --> 00:{(at + 1) * each:06.3f}\n{line}\n" for at, line in enumerate(lines))
    return "\n".join(("WEBVTT\n", *cues)).encode()


async def _store_cover(db: Db, instructor: Actor, plan: CoursePlan) -> UUID | None:
    if not plan.has_cover:
        return None
    drawn = await asyncio.to_thread(drawings.cover, plan)
    return await _store(db, instructor, "image", f"{plan.own_slug}.jpg", drawn)


async def _store_film(db: Db, instructor: Actor, seconds: int) -> UUID:
    made = await asyncio.to_thread(drawings.film, seconds)
    return await _store(db, instructor, "video", f"film-of-{seconds}-seconds.mp4", made)


async def _store_materials(db: Db, instructor: Actor, plan: CoursePlan) -> dict[str, UUID]:
    contents = {material.title: await _content(plan, material) for material in plan.materials}
    return {
        title: await _store(db, instructor, "file", f"{title}{ending}", content)
        for title, (content, ending) in contents.items()
        if content
    }


async def _content(plan: CoursePlan, material: Material) -> tuple[bytes, str]:
    """Return the bytes of a material and how its name ends; none for a link."""
    match material.kind:
        case "worksheet":
            return await asyncio.to_thread(drawings.worksheet, plan, material.title), ".pdf"
        case "table":
            return "".join(f"{row}\n" for row in material.rows).encode(), ".csv"
        case "link":
            return b"", ""


async def _store(db: Db, actor: Actor, kind: media.FileKind, filename: str, content: bytes) -> UUID:
    async def chunks() -> AsyncIterator[bytes]:
        yield content

    file = await media.store_file(
        db, actor, kind=kind, filename=filename, chunks=chunks(), max_bytes=media.most_bytes(db.tenant, kind)
    )
    return file.id
