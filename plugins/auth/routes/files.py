"""Files of students and instructors."""

from uuid import UUID

from litestar import get, patch
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody

from kernel.auth import Actor, requires, signed_in
from kernel.db import Db
from kernel.replicas import reads_only
from plugins.auth.actions import files
from plugins.auth.permissions import READ_FILE, UPDATE_FILE, UPDATE_USER
from plugins.auth.queries.files import instructor_profile, user_file, user_progress
from plugins.auth.schemas.files import (
    Instructor,
    UpdateFileRequest,
    UpdateInstructorRequest,
    UserFile,
    UserProgress,
)


@get("/users/{user_id:uuid}/file", guards=[requires(READ_FILE)], opt=reads_only(), operation_id="users_file")
async def read_file(db: Db, actor: Actor, user_id: FromPath[UUID]) -> UserFile:
    """Return somebody's file: one's own, that of a student who is assigned to one, to administrators any."""
    return await user_file(db, actor, user_id)


@patch("/users/{user_id:uuid}/file", guards=[requires(UPDATE_FILE)], operation_id="users_update_file")
async def update_file(db: Db, actor: Actor, user_id: FromPath[UUID], data: JSONBody[UpdateFileRequest]) -> UserFile:
    """Change a student's file; administrators also assign an instructor."""
    return await files.update_file(db, actor, user_id, data)


@get("/users/{user_id:uuid}/progress", guards=[requires(READ_FILE)], opt=reads_only(), operation_id="users_progress")
async def read_progress(db: Db, actor: Actor, user_id: FromPath[UUID]) -> UserProgress:
    """Return how far somebody has come, to whoever may see their file."""
    return await user_progress(db, actor, user_id)


@get("/users/{user_id:uuid}/instructor-profile", guards=[signed_in], opt=reads_only(), operation_id="users_instructor")
async def read_instructor(db: Db, user_id: FromPath[UUID]) -> Instructor:
    """Return what an instructor tells about their work, to everybody who is signed in."""
    return await instructor_profile(db, user_id)


@patch(
    "/users/{user_id:uuid}/instructor-profile",
    guards=[requires(UPDATE_USER)],
    operation_id="users_update_instructor",
)
async def update_instructor(
    db: Db, actor: Actor, user_id: FromPath[UUID], data: JSONBody[UpdateInstructorRequest]
) -> Instructor:
    """Change what an instructor tells about their work: one's own, to administrators anybody's."""
    return await files.update_instructor(db, actor, user_id, data)


HANDLERS: tuple[HTTPRouteHandler, ...] = (
    read_file,
    update_file,
    read_progress,
    read_instructor,
    update_instructor,
)
