"""What everybody may know of those who teach: their name, their picture, and what they tell about their work."""

from uuid import UUID

from sqlalchemy import Uuid, and_, bindparam, select

from kernel.db import Db
from plugins.auth.permissions import Role
from plugins.auth.schemas.users import UserRef
from plugins.auth.tables import InstructorProfile, User, UserProfile

_TEACHER = (
    select(
        User.id,
        UserProfile.first_name,
        UserProfile.last_name,
        UserProfile.avatar_url,
        User.role,
        UserProfile.bio,
        InstructorProfile.specialization,
        InstructorProfile.qualification,
        InstructorProfile.experience_years,
    )
    .join(UserProfile, and_(UserProfile.user_id == User.id, UserProfile.tenant_id == User.tenant_id))
    .outerjoin(
        InstructorProfile,
        and_(InstructorProfile.user_id == User.id, InstructorProfile.tenant_id == User.tenant_id),
    )
    .where(User.id == bindparam("user", type_=Uuid), User.role != "student", User.deleted_at.is_(None))
)


class TeacherProfile(UserRef, frozen=True):
    """Somebody who teaches, as their students see them."""

    role: Role
    bio: str | None
    specialization: str | None
    qualification: str | None
    experience_years: int | None


async def teacher_profile(db: Db, user_id: UUID) -> TeacherProfile | None:
    """Return what somebody tells about their work, unless they are a student; whether they teach, others know."""
    return await db.row(TeacherProfile, _TEACHER, user=user_id)
