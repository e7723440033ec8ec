"""Reads of students' files and instructors' profiles, with what other plugins contribute."""

from datetime import date
from uuid import UUID

from msgspec import UNSET, Struct
from sqlalchemy import Uuid, bindparam, select

from kernel.auth import Actor
from kernel.db import Db
from kernel.errors import NotFound
from plugins.auth.permissions import READ_FILE
from plugins.auth.queries.lookups import users_by_id
from plugins.auth.queries.users import reached_user, user_details
from plugins.auth.schemas.files import (
    Instructor,
    InstructorProfileDetails,
    SectionContent,
    StudentFileDetails,
    UserFile,
    UserProgress,
)
from plugins.auth.schemas.users import UserDetails, UserRef
from plugins.auth.tables import InstructorProfile, StudentFile

_USER = bindparam("user", type_=Uuid)
_STUDENT = select(
    StudentFile.education_level, StudentFile.enrollment_date, StudentFile.notes, StudentFile.assigned_instructor
).where(StudentFile.user_id == _USER)
_INSTRUCTOR = select(
    InstructorProfile.specialization, InstructorProfile.qualification, InstructorProfile.experience_years
).where(InstructorProfile.user_id == _USER)
_NOTHING_KEPT = InstructorProfileDetails(None, None, None)


class KeptStudentFile(Struct, frozen=True):
    """A student's file as it is kept."""

    education_level: str | None
    enrollment_date: date | None
    notes: str | None
    assigned_instructor: UUID | None


async def user_file(db: Db, actor: Actor, user_id: UUID) -> UserFile:
    """Return somebody's file: profile, what the school keeps, and a part of each plugin that knows them.

    Needs: auth.file.read

    Raises:
        NotFound: There is no such account, or not for this actor.
    """
    user = await reached_user(db, actor, READ_FILE, user_id)
    return UserFile(
        user=user,
        student=await _student(db, actor, user) if user.role == "student" else None,
        instructor=await kept_work(db, user_id) if user.role == "instructor" else None,
        sections=await _sections(db, actor, user_id, progress_only=False),
    )


async def user_progress(db: Db, actor: Actor, user_id: UUID) -> UserProgress:
    """Return how far somebody has come.

    Needs: auth.file.read

    Raises:
        NotFound: There is no such account, or not for this actor.
    """
    user = await reached_user(db, actor, READ_FILE, user_id)
    return UserProgress(_reference(user), await _sections(db, actor, user_id, progress_only=True))


async def instructor_profile(db: Db, user_id: UUID) -> Instructor:
    """Return an instructor as everybody of the school may see them.

    Raises:
        NotFound: There is no such account, or it is no active instructor's.
    """
    user = await user_details(db, user_id)
    if user.role != "instructor" or user.status != "active":
        raise NotFound
    kept = await kept_work(db, user_id)
    return Instructor(_reference(user), kept.specialization, kept.qualification, kept.experience_years)


async def kept_student_file(db: Db, user_id: UUID) -> KeptStudentFile | None:
    """Return what is kept in a student's file; None if nothing ever was."""
    return await db.row(KeptStudentFile, _STUDENT, user=user_id)


async def _student(db: Db, actor: Actor, user: UserDetails) -> StudentFileDetails:
    kept = await kept_student_file(db, user.id) or KeptStudentFile(None, None, None, None)
    assigned = None
    if kept.assigned_instructor is not None:
        assigned = (await users_by_id(db, [kept.assigned_instructor])).get(kept.assigned_instructor)
    notes = UNSET if actor.user_id == user.id else kept.notes
    return StudentFileDetails(kept.education_level, kept.enrollment_date, assigned, notes)


async def kept_work(db: Db, user_id: UUID) -> InstructorProfileDetails:
    """Return what an instructor tells about their work, which may be nothing yet."""
    return await db.row(InstructorProfileDetails, _INSTRUCTOR, user=user_id) or _NOTHING_KEPT


async def _sections(db: Db, actor: Actor, user_id: UUID, *, progress_only: bool) -> list[SectionContent]:
    found = []
    for contribution in db.tenant.contributions("register_file_sections"):
        section = contribution.item
        if section.is_progress or not progress_only:
            data = await section.read(db, actor, user_id)
            if data is not None:
                found.append(SectionContent(section.name, section.title, data))
    return found


def _reference(user: UserDetails) -> UserRef:
    return UserRef(user.id, user.first_name, user.last_name, user.avatar_url)
