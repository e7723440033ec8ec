"""Exports and imports of whole courses, both done by tasks."""

from uuid import UUID

from litestar import post
from litestar.handlers import HTTPRouteHandler

from kernel.auth import Actor, requires
from kernel.db import Db
from kernel.idempotency import idempotent
from plugins.courses.actions.exporting import begin_export
from plugins.courses.actions.importing import begin_import
from plugins.courses.permissions import CREATE, EDIT
from plugins.courses.schemas.archiving import ImportRequest, WorkStarted


@post(
    "/courses/{course_id:uuid}/export",
    guards=[requires(EDIT)],
    opt=idempotent(),
    status_code=202,
    operation_id="courses_export",
)
async def export_course(db: Db, actor: Actor, course_id: UUID) -> WorkStarted:
    """Pack a course into an archive; the task's result has its address, for whoever asked."""
    return WorkStarted(await begin_export(db, actor, course_id))


@post(
    "/courses/import",
    guards=[requires(CREATE)],
    opt=idempotent(),
    status_code=202,
    operation_id="courses_import",
)
async def import_course(db: Db, actor: Actor, data: ImportRequest) -> WorkStarted:
    """Make a draft of one's own from an archive; the task's result has its id."""
    return WorkStarted(await begin_import(db, actor, data.file_id))


HANDLERS: tuple[HTTPRouteHandler, ...] = (export_course, import_course)
