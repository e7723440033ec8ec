"""Exports a course: a task that packs it and its files into one archive, which is kept for a day.

What the archive says is `queries.archives`; how it is read again, `actions.importing`.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import Struct

from kernel.auth import Actor
from kernel.db import Db
from kernel.errors import Conflict, DomainError, TooLarge, Unavailable
from kernel.tasks import Task, TaskContext, TaskRefused, enqueue
from plugins.courses.permissions import EDIT
from plugins.courses.queries.archives import ExportedCourse, exported_course
from plugins.courses.schemas.archived import MANIFEST, MOST_MANIFEST_BYTES
from plugins.media import api as media

HOURS = 3600


class WorkRefused(TaskRefused, Conflict):
    """Why a task could not do what it was asked, in words for whoever asked; trying again would not help."""

    code = "courses.work_refused"
    title = "This could not be done."


class CourseToExport(Struct, frozen=True):
    """Which course, as far as whose it is, and for which session of whom."""

    course_id: UUID
    owner_id: UUID | None
    user_id: UUID
    session_id: UUID | None


class Exported(Struct, frozen=True):
    """An archive that is there for a day, and an address of it for the session that asked."""

    file_id: UUID
    filename: str
    size: int
    sha256: str
    url: str
    expires_at: datetime


@contextmanager
def refusing() -> Iterator[None]:
    """Turn a refusal into the end of the task; what may be otherwise in a moment stays a failure."""
    try:
        yield
    except (TaskRefused, Unavailable):
        raise
    except DomainError as error:
        details = [error.detail, *(f"{each.field}: {each.message}" for each in error.errors[:3])]
        raise WorkRefused(" ".join(details)) from error


async def begin_export(db: Db, actor: Actor, course_id: UUID) -> UUID:
    """Export a course by a task, and return its id; while it runs, whoever asks again is told the same.

    Needs: courses.course.edit

    Raises:
        CourseNotFound: It is not there, or not the actor's.
    """
    owner = actor.limited_to(EDIT)
    await exported_course(db, course_id, owner)
    order = CourseToExport(course_id, owner, actor.id, actor.session_id)
    return await enqueue(db, EXPORT, order, owner=actor, dedupe_key=f"{course_id}:{actor.session_id}")


async def _export(context: TaskContext, order: CourseToExport) -> Exported:
    with refusing():
        async with context.transaction() as db:
            course = await exported_course(db, order.course_id, order.owner_id)
            actor = Actor(db.tenant_id, order.user_id, session_id=order.session_id)
            # No connection waits while bytes are read and written.
            await db.release()
            async with aclosing(media.packed(_entries(db, context, course))) as chunks:
                file = await media.store_file(
                    db,
                    actor,
                    kind="archive",
                    filename=f"{course.slug}.zip",
                    chunks=chunks,
                    max_bytes=media.most_bytes(db.tenant, "archive"),
                )
            address = media.signed_url(db, actor, file, disposition="attachment")
            return Exported(file.id, file.filename, file.size, file.sha256, address.url, address.expires_at)


async def _entries(db: Db, context: TaskContext, course: ExportedCourse) -> AsyncIterator[media.ToPack]:
    manifest = msgspec.json.format(msgspec.json.encode(course.archive), indent=2)
    if len(manifest) > MOST_MANIFEST_BYTES:
        raise TooLarge(f"The texts of the course have more than {MOST_MANIFEST_BYTES} bytes.")
    yield media.ToPack(MANIFEST, len(manifest), _at_once(manifest))
    done, total = 0, sum(file.size for file in course.files.values())
    for name, file in course.files.items():
        await context.progress(done, total, name)
        yield media.ToPack(name, file.size, db.deployment.storage.open_range(file.storage_key, 0, file.size))
        done += file.size


async def _at_once(content: bytes) -> AsyncGenerator[bytes, None]:
    yield content


EXPORT = Task(name="courses.export", title="Export a course", payload=CourseToExport, work=_export, timeout_s=6 * HOURS)
