"""Reads a course as its archive says it: with all that is in it, and nobody who learns in it."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from uuid import UUID

from msgspec import Struct, structs
from sqlalchemy import Uuid, bindparam, select

from kernel.db import Db
from plugins.courses.errors import CourseNotFound
from plugins.courses.queries.viewing import owned
from plugins.courses.schemas.archived import (
    FORMAT,
    VERSION,
    ArchivedCaptions,
    ArchivedCategory,
    ArchivedCourse,
    ArchivedFile,
    ArchivedMaterial,
    ArchivedSection,
    ArchivedVideo,
    CourseArchive,
)
from plugins.courses.schemas.texts import Level, VideoType
from plugins.courses.tables import Course, CourseCategory, CourseMaterial, CourseSection, CourseVideo
from plugins.media import api as media

_COURSE = bindparam("course", type_=Uuid)
_ONE = (
    select(
        Course.title,
        Course.short_description,
        Course.description,
        Course.level,
        Course.language,
        Course.price,
        Course.is_free,
        Course.requires_code,
        Course.max_students,
        Course.slug,
        Course.cover_file_id,
        CourseCategory.name.label("category_name"),
        CourseCategory.slug.label("category_slug"),
    )
    .outerjoin(CourseCategory, CourseCategory.id == Course.category_id)
    .where(Course.id == _COURSE, owned())
)
_SECTIONS = (
    select(
        CourseSection.id,
        CourseSection.title,
        CourseSection.description,
        CourseSection.sort_order,
        CourseSection.is_published,
    )
    .where(CourseSection.course_id == _COURSE)
    .order_by(CourseSection.sort_order, CourseSection.id)
)
_VIDEOS = (
    select(
        CourseVideo.section_id,
        CourseVideo.file_id,
        CourseVideo.title,
        CourseVideo.description,
        CourseVideo.video_type,
        CourseVideo.youtube_id,
        CourseVideo.video_url,
        CourseVideo.duration_seconds,
        CourseVideo.sort_order,
        CourseVideo.is_preview,
        CourseVideo.requires_code,
        CourseVideo.is_published,
    )
    .join(CourseSection, CourseSection.id == CourseVideo.section_id)
    .where(CourseSection.course_id == _COURSE)
    .order_by(CourseVideo.sort_order, CourseVideo.id)
)
_MATERIALS = (
    select(
        CourseMaterial.section_id,
        CourseMaterial.file_id,
        CourseMaterial.title,
        CourseMaterial.description,
        CourseMaterial.external_url,
        CourseMaterial.is_downloadable,
        CourseMaterial.sort_order,
    )
    .where(CourseMaterial.course_id == _COURSE)
    .order_by(CourseMaterial.sort_order, CourseMaterial.id)
)


class _CourseRow(Struct, frozen=True):
    title: str
    short_description: str | None
    description: str | None
    level: Level
    language: str
    price: Decimal
    is_free: bool
    requires_code: bool
    max_students: int | None
    slug: str
    cover_file_id: UUID | None
    category_name: str | None
    category_slug: str | None


class _SectionRow(Struct, frozen=True):
    id: UUID
    title: str
    description: str | None
    sort_order: int
    is_published: bool


class _VideoRow(Struct, frozen=True):
    section_id: UUID
    file_id: UUID | None
    title: str
    description: str | None
    video_type: VideoType
    youtube_id: str | None
    video_url: str | None
    duration_seconds: int
    sort_order: int
    is_preview: bool
    requires_code: bool
    is_published: bool


class _MaterialRow(Struct, frozen=True):
    section_id: UUID | None
    file_id: UUID | None
    title: str
    description: str | None
    external_url: str | None
    is_downloadable: bool
    sort_order: int


class ExportedCourse(Struct, frozen=True):
    """What an archive of a course will say, and the files that it will hold, by the names of its entries."""

    slug: str
    archive: CourseArchive
    files: dict[str, media.FileRef]


async def exported_course(db: Db, course_id: UUID, owner: UUID | None) -> ExportedCourse:
    """Return a course as its archive says it.

    Args:
        db: The transaction.
        course_id: Which one.
        owner: Only if it is this person's; None for anybody's.

    Raises:
        CourseNotFound: It is not there, or not theirs.
    """
    course = await db.row(_CourseRow, _ONE, course=course_id, owner=owner)
    if course is None:
        raise CourseNotFound
    sections = await db.rows(_SectionRow, _SECTIONS, course=course_id)
    videos = await db.rows(_VideoRow, _VIDEOS, course=course_id)
    materials = await db.rows(_MaterialRow, _MATERIALS, course=course_id)
    wanted = [course.cover_file_id, *(each.file_id for each in videos), *(each.file_id for each in materials)]
    files = await media.files_by_id(db, {file_id for file_id in wanted if file_id is not None})
    captions = await media.caption_texts(db, files)
    # In the order in which they are needed first, so that the same course gives the same archive.
    order = dict.fromkeys(file_id for file_id in wanted if file_id is not None and file_id in files)
    names = {file_id: _entry_name(number, files[file_id]) for number, file_id in enumerate(order, 1)}
    archive = CourseArchive(
        format=FORMAT,
        version=VERSION,
        course=_course(course, names),
        sections=[_section(section, videos, materials, names) for section in sections],
        materials=_materials([each for each in materials if each.section_id is None], names),
        files=[_file(name, files[file_id], captions) for file_id, name in names.items()],
    )
    return ExportedCourse(course.slug, archive, {name: files[file_id] for file_id, name in names.items()})


def _entry_name(number: int, file: media.FileRef) -> str:
    extension = file.storage_key.rpartition(".")[2]
    return f"files/{number}.{extension}"


def _file(name: str, file: media.FileRef, captions: Sequence[media.CaptionText]) -> ArchivedFile:
    if file.kind == "archive":
        raise ValueError("no part of a course is an archive")
    said = [
        ArchivedCaptions(language=each.language, content=each.content) for each in captions if each.file_id == file.id
    ]
    return ArchivedFile(
        name=name, kind=file.kind, filename=file.filename, size=file.size, sha256=file.sha256, captions=said
    )


def _course(row: _CourseRow, names: dict[UUID, str]) -> ArchivedCourse:
    category = None
    if row.category_name is not None and row.category_slug is not None:
        category = ArchivedCategory(name=row.category_name, slug=row.category_slug)
    return ArchivedCourse(
        title=row.title,
        short_description=row.short_description,
        description=row.description,
        cover=names[row.cover_file_id] if row.cover_file_id else None,
        category=category,
        level=row.level,
        language=row.language,
        price=str(row.price),
        is_free=row.is_free,
        requires_code=row.requires_code,
        max_students=row.max_students,
    )


def _section(
    section: _SectionRow, videos: Sequence[_VideoRow], materials: Sequence[_MaterialRow], names: dict[UUID, str]
) -> ArchivedSection:
    return ArchivedSection(
        title=section.title,
        description=section.description,
        sort_order=section.sort_order,
        is_published=section.is_published,
        videos=[_video(video, names) for video in videos if video.section_id == section.id],
        materials=_materials([each for each in materials if each.section_id == section.id], names),
    )


def _video(row: _VideoRow, names: dict[UUID, str]) -> ArchivedVideo:
    values = structs.asdict(row)
    del values["section_id"]
    file_id = values.pop("file_id")
    return ArchivedVideo(file=names[file_id] if file_id else None, **values)


def _materials(rows: Iterable[_MaterialRow], names: dict[UUID, str]) -> list[ArchivedMaterial]:
    return [
        ArchivedMaterial(
            title=row.title,
            description=row.description,
            file=names[row.file_id] if row.file_id else None,
            external_url=row.external_url,
            is_downloadable=row.is_downloadable,
            sort_order=row.sort_order,
        )
        for row in rows
    ]
