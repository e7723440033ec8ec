"""Keeping students' files and instructors' profiles."""

from functools import cache
from typing import Any
from uuid import UUID

from msgspec import UNSET, Struct, structs
from sqlalchemy import Executable, bindparam
from sqlalchemy.dialects.postgresql import insert

from kernel.auth import Actor
from kernel.db import Db
from kernel.errors import FieldError, Forbidden, Invalid
from plugins.auth.errors import NotAnInstructor, NotAStudent
from plugins.auth.permissions import UPDATE_FILE, UPDATE_USER
from plugins.auth.queries.files import instructor_profile, user_file
from plugins.auth.queries.recipients import recipient_by_id
from plugins.auth.queries.users import reached_user, user_details
from plugins.auth.schemas.files import Instructor, UpdateFileRequest, UpdateInstructorRequest, UserFile
from plugins.auth.tables import InstructorProfile, StudentFile


async def update_file(db: Db, actor: Actor, user_id: UUID, request: UpdateFileRequest) -> UserFile:
    """Change a student's file; only whoever reaches every file assigns an instructor.

    Needs: auth.file.update

    Raises:
        NotFound: There is no such account, or not for this actor.
        NotAStudent: It is somebody else's.
        Forbidden: Who is assigned cannot hand the student on.
        Invalid: Whoever is to be assigned is no active instructor.
    """
    user = await reached_user(db, actor, UPDATE_FILE, user_id)
    if user.role != "student":
        raise NotAStudent
    changes = _given(request)
    if "assigned_instructor" in changes:
        if actor.reach(UPDATE_FILE) != "any":
            raise Forbidden
        await _check_instructor(db, changes["assigned_instructor"])
    if changes:
        await db.run(_keep(StudentFile, frozenset(changes)), of_user=user_id, **changes)
    return await user_file(db, actor, user_id)


async def update_instructor(db: Db, actor: Actor, user_id: UUID, request: UpdateInstructorRequest) -> Instructor:
    """Change what an instructor tells about their work.

    Needs: auth.user.update

    Raises:
        NotFound: There is no such account, or not for this actor.
        NotAnInstructor: It is somebody else's.
    """
    user = await reached_user(db, actor, UPDATE_USER, user_id)
    if user.role != "instructor":
        raise NotAnInstructor
    if changes := _given(request):
        await db.run(_keep(InstructorProfile, frozenset(changes)), of_user=user_id, **changes)
    return await instructor_profile(db, user_id)


def _given(request: Struct) -> dict[str, Any]:
    return {name: value for name, value in structs.asdict(request).items() if value is not UNSET}


async def _check_instructor(db: Db, user_id: UUID | None) -> None:
    if user_id is None:
        return
    found = await recipient_by_id(db, user_id)
    if found is None or found.status != "active" or (await user_details(db, user_id)).role != "instructor":
        raise Invalid(errors=[FieldError("assigned_instructor", "This is no active instructor of the school.")])


@cache
def _keep(table: type[StudentFile | InstructorProfile], columns: frozenset[str]) -> Executable:
    """Return the statement that writes some columns of somebody's row, which may not be there yet."""
    values: dict[str, Any] = {each: bindparam(each) for each in columns}
    new = insert(table).values(user_id=bindparam("of_user"), **values)
    kept = {each: new.excluded[each] for each in columns}
    return new.on_conflict_do_update(index_elements=["tenant_id", "user_id"], set_=kept)
