"""Imports a course from an archive: a task that stores its files by media's own door, and then makes the draft.

An archive is listed before anything is unpacked. Each file is remembered in the transaction that adds it, so that a
second attempt goes on where the first one died, and what never becomes a course is removed.
"""

import hashlib
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import DateTime, Uuid, bindparam, delete, insert, select
from sqlalchemy.dialects.postgresql import insert as insert_or_not

from kernel import clock
from kernel.auth import Actor
from kernel.db import Db
from kernel.errors import FieldError, Forbidden
from kernel.events import publish
from kernel.ids import new_id
from kernel.tasks import Task, TaskContext, TaskRefused, enqueue
from plugins.courses import rules
from plugins.courses.actions.exporting import HOURS, refusing
from plugins.courses.actions.materials import check_showable
from plugins.courses.actions.slugs import COURSE_NUMBER, take_slug
from plugins.courses.errors import ArchiveInvalid
from plugins.courses.events import CurriculumChanged
from plugins.courses.schemas.archived import (
    FORMAT,
    MANIFEST,
    MOST_MANIFEST_BYTES,
    VERSION,
    ArchivedFile,
    ArchivedMaterial,
    ArchiveHead,
    CourseArchive,
)
from plugins.courses.tables import (
    Course,
    CourseCategory,
    CourseMaterial,
    CourseSection,
    CourseVideo,
    ImportedFile,
)
from plugins.media import api as media

LEFT_AFTER = timedelta(days=1)
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_COURSE_TEXTS = (
    *("title", "short_description", "description", "level", "language"),
    *("is_free", "requires_code", "max_students"),
)
_SECTION_TEXTS = ("title", "description", "sort_order", "is_published")
_VIDEO_TEXTS = (
    *("title", "description", "video_type", "youtube_id", "video_url", "duration_seconds"),
    *("sort_order", "is_preview", "requires_code", "is_published"),
)
_MATERIAL_TEXTS = ("title", "description", "external_url", "is_downloadable", "sort_order")
_IMPORT = bindparam("import_id", type_=Uuid)
_IS_MADE = select(Course.id).where(Course.id == _IMPORT)
_REMEMBER = insert(ImportedFile).values(
    id=bindparam("id"), import_id=_IMPORT, name=bindparam("name"), file_id=bindparam("file", type_=Uuid)
)
_REMEMBERED = select(ImportedFile.name, ImportedFile.file_id).where(ImportedFile.import_id == _IMPORT)
_FORGET = delete(ImportedFile).where(ImportedFile.import_id == _IMPORT)
_FORGET_LEFT = (
    delete(ImportedFile)
    .where(ImportedFile.created_at < bindparam("before", type_=DateTime(timezone=True)))
    .returning(ImportedFile.file_id)
)
_CATEGORY = select(CourseCategory.id).where(CourseCategory.slug == bindparam("slug"))
_ADD_COURSE = (
    insert_or_not(Course)
    .values(
        {name: bindparam(name) for name in (*_COURSE_TEXTS, "id", "slug", "instructor_id", "price")}
        | {name: bindparam(name, type_=Uuid) for name in ("category_id", "cover_file_id")}
    )
    .on_conflict_do_nothing(index_elements=["tenant_id", "slug"])
    .returning(Course.id)
)
_ADD_SECTION = insert(CourseSection).values({name: bindparam(name) for name in ("id", "course_id", *_SECTION_TEXTS)})
_ADD_VIDEO = insert(CourseVideo).values(
    {name: bindparam(name) for name in ("id", "section_id", "file_id", *_VIDEO_TEXTS)}
)
_ADD_MATERIAL = insert(CourseMaterial).values(
    {
        name: bindparam(name)
        for name in ("id", "course_id", "section_id", "file_id", "file_type", "file_size", *_MATERIAL_TEXTS)
    }
)


class CourseToImport(Struct, frozen=True):
    """The id that the course will have, from which archive, and whose it will be."""

    course_id: UUID
    file_id: UUID
    user_id: UUID


class Imported(Struct, frozen=True):
    """The draft that was made."""

    course_id: UUID


class _Remembered(Struct, frozen=True):
    name: str
    file_id: UUID


class _Archive(Struct, frozen=True):
    """An archive that has been listed, and whose manifest fits it."""

    file: media.FileRef
    manifest: CourseArchive
    entries: dict[str, media.Entry]


async def begin_import(db: Db, actor: Actor, file_id: UUID) -> UUID:
    """Look at an archive, and import it by a task whose id is returned; a click more while it runs is told the same.

    Needs: courses.course.create

    Raises:
        FileNotFound: There is no such archive of the actor's.
        ArchiveInvalid: It is no course, of another version, damaged, or too large.
        ArchiveDamaged: It cannot be read.
        Forbidden: There are files in it that the actor may not upload.
    """
    file = await media.file_by_id(db, file_id, owner_id=actor.id, kind="archive")
    await db.release()
    archive = await _opened(db, file)
    if not all(media.may_upload(actor, each.kind) for each in archive.manifest.files):
        raise Forbidden
    order = CourseToImport(new_id(), file_id, actor.id)
    return await enqueue(db, IMPORT, order, owner=actor, dedupe_key=str(file_id))


async def remove_failed_imports(context: TaskContext) -> None:
    """Remove the files of imports that have not become a course in a day."""
    async with context.transaction() as db:
        left = await db.values(_FORGET_LEFT, before=clock.now() - LEFT_AFTER)
    async with context.transaction() as db:
        await media.remove_files(db, left)


async def _import(context: TaskContext, order: CourseToImport) -> Imported:
    async with context.transaction() as db:
        if await db.value(_IS_MADE, import_id=order.course_id) is not None:
            return Imported(order.course_id)
        try:
            with refusing():
                archive = await _opened(db, await media.file_by_id(db, order.file_id, kind="archive"))
                files = await _store_files(db, context, order, archive)
                async with context.transaction() as writing:
                    await _make_course(writing, order, archive.manifest, files)
        except TaskRefused:
            await db.release()
            remembered = await db.rows(_Remembered, _REMEMBERED, import_id=order.course_id)
            await media.remove_files(db, [each.file_id for each in remembered])
            raise
    return Imported(order.course_id)


async def _opened(db: Db, file: media.FileRef) -> _Archive:
    """Return an archive with its manifest, if all that is to be seen without unpacking it is right."""
    await db.release()
    entries = [entry for entry in await media.archive_entries(db, file) if not _is_folder(entry)]
    by_name = {entry.name.decode("utf-8", "replace"): entry for entry in entries}
    if not all(entry.is_readable for entry in entries):
        raise ArchiveInvalid("The archive is encrypted, or packed in another way than by storing or deflating.")
    manifest = await _manifest(db, file, by_name.get(MANIFEST))
    kinds = ("video", "image", "file", "archive")
    problems = rules.archive_problems(
        manifest,
        [(entry.name.decode("utf-8", "replace"), entry.unpacked) for entry in entries],
        most_bytes={kind: media.most_bytes(db.tenant, kind) for kind in kinds},
    )
    if problems:
        raise ArchiveInvalid(errors=problems[:20])
    return _Archive(file, manifest, by_name)


def _is_folder(entry: media.Entry) -> bool:
    return entry.name.endswith(b"/") and not entry.unpacked


async def _manifest(db: Db, file: media.FileRef, entry: media.Entry | None) -> CourseArchive:
    if entry is None:
        raise ArchiveInvalid(errors=[FieldError(MANIFEST, "The archive has no such entry.")])
    if entry.unpacked > MOST_MANIFEST_BYTES:
        raise ArchiveInvalid(errors=[FieldError(MANIFEST, f"It has more than {MOST_MANIFEST_BYTES} bytes.")])
    async with aclosing(media.entry_bytes(db, file, entry)) as pieces:
        content = b"".join([piece async for piece in pieces])
    if _NUL.search(content):
        raise ArchiveInvalid(errors=[FieldError(MANIFEST, "A text must not contain the character NUL.")])
    try:
        head = msgspec.json.decode(content, type=ArchiveHead)
        if (head.format, head.version) != (FORMAT, VERSION):
            message = f"Only {FORMAT} of version {VERSION} is understood."
            raise ArchiveInvalid(errors=[FieldError("version", message)])
        return msgspec.json.decode(content, type=CourseArchive)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ArchiveInvalid(errors=[FieldError(MANIFEST, str(error))]) from None


async def _store_files(
    db: Db, context: TaskContext, order: CourseToImport, archive: _Archive
) -> dict[str, media.FileRef]:
    """Store what is not there from an earlier attempt, and return all files by the names of their entries."""
    names = {each.name: each.file_id for each in await db.rows(_Remembered, _REMEMBERED, import_id=order.course_id)}
    await db.release()
    actor = Actor(db.tenant_id, order.user_id)
    done, total = 0, sum(file.size for file in archive.manifest.files)
    for file in archive.manifest.files:
        await context.progress(done, total, file.name)
        if file.name not in names:
            async with aclosing(_checked(db, archive, file)) as chunks:
                stored = await media.store_file(
                    db,
                    actor,
                    kind=file.kind,
                    filename=file.filename,
                    chunks=chunks,
                    max_bytes=media.most_bytes(db.tenant, file.kind),
                    and_then=partial(_remember, import_id=order.course_id, name=file.name),
                )
            names[file.name] = stored.id
        done += file.size
    files = await media.files_by_id(db, names.values())
    await db.release()
    return {name: files[file_id] for name, file_id in names.items()}


async def _remember(writing: Db, file_id: UUID, *, import_id: UUID, name: str) -> None:
    await writing.run(_REMEMBER, id=new_id(), import_id=import_id, name=name, file=file_id)


async def _checked(db: Db, archive: _Archive, file: ArchivedFile) -> AsyncGenerator[bytes, None]:
    """Give the bytes of a file, and refuse at their end if they are others than the manifest says."""
    digest = hashlib.sha256()
    async with aclosing(media.entry_bytes(db, archive.file, archive.entries[file.name])) as pieces:
        async for piece in pieces:
            digest.update(piece)
            yield piece
    if digest.hexdigest() != file.sha256:
        raise ArchiveInvalid(errors=[FieldError(file.name, "Its SHA-256 is another one.")])


async def _make_course(db: Db, order: CourseToImport, archive: CourseArchive, files: dict[str, media.FileRef]) -> None:
    """Make the draft with all that is in it.

    Emits: courses.curriculum.changed
    """
    course = archive.course
    values: dict[str, Any] = {name: getattr(course, name) for name in _COURSE_TEXTS} | {
        "id": order.course_id,
        "instructor_id": order.user_id,
        "price": Decimal(course.price),
        "cover_file_id": course.cover and files[course.cover].id,
        "category_id": course.category and await db.value(_CATEGORY, slug=course.category.slug),
    }

    async def put(slug: str) -> bool:
        return await db.value(_ADD_COURSE, slug=slug, **values) is not None

    await take_slug(db, course.title, COURSE_NUMBER, put)
    materials = [_material(order.course_id, None, each, files) for each in archive.materials]
    videos = []
    for section in archive.sections:
        section_id = new_id()
        texts = {name: getattr(section, name) for name in _SECTION_TEXTS}
        await db.run(_ADD_SECTION, id=section_id, course_id=order.course_id, **texts)
        for video in section.videos:
            file_id = video.file and files[video.file].id
            texts = {name: getattr(video, name) for name in _VIDEO_TEXTS}
            videos.append({"id": new_id(), "section_id": section_id, "file_id": file_id, **texts})
        materials += [_material(order.course_id, section_id, each, files) for each in section.materials]
    await db.run_many(_ADD_VIDEO, videos)
    await db.run_many(_ADD_MATERIAL, materials)
    for each in archive.files:
        for said in each.captions:
            await media.put_captions(db, files[each.name].id, said.language, said.content.encode())
    await db.run(_FORGET, import_id=order.course_id)
    await publish(db, CurriculumChanged(course_id=order.course_id))


def _material(
    course_id: UUID, section_id: UUID | None, material: ArchivedMaterial, files: dict[str, media.FileRef]
) -> dict[str, Any]:
    file = None if material.file is None else files[material.file]
    file_type = None if file is None else file.content_type
    check_showable(file_type, is_downloadable=material.is_downloadable)
    return {name: getattr(material, name) for name in _MATERIAL_TEXTS} | {
        "id": new_id(),
        "course_id": course_id,
        "section_id": section_id,
        "file_id": file and file.id,
        "file_type": file_type,
        "file_size": file and file.size,
    }


IMPORT = Task(name="courses.import", title="Import a course", payload=CourseToImport, work=_import, timeout_s=6 * HOURS)
