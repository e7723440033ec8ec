"""What a page shows of whoever looks at it, and how they want to see it: one read."""

from uuid import UUID

from msgspec import Struct
from sqlalchemy import Uuid, and_, bindparam, func, select

from kernel.db import Db
from kernel.errors import Unauthenticated
from plugins.auth.schemas.preferences import Theme
from plugins.auth.tables import User, UserPreferences, UserProfile

_VIEWER = (
    select(
        User.id,
        User.email,
        User.role,
        UserProfile.first_name,
        UserProfile.last_name,
        UserProfile.avatar_url,
        UserProfile.timezone,
        UserPreferences.locale,
        func.coalesce(UserPreferences.theme, "system").label("theme"),
    )
    .join(UserProfile, and_(UserProfile.user_id == User.id, UserProfile.tenant_id == User.tenant_id))
    .outerjoin(UserPreferences, and_(UserPreferences.user_id == User.id, UserPreferences.tenant_id == User.tenant_id))
    .where(User.id == bindparam("user", type_=Uuid), User.deleted_at.is_(None))
)


class Viewer(Struct, frozen=True):
    """Somebody as the pages greet them; no language means the tenant's."""

    id: UUID
    email: str
    role: str
    first_name: str
    last_name: str
    avatar_url: str | None
    timezone: str
    locale: str | None
    theme: Theme


async def viewer(db: Db, user_id: UUID) -> Viewer:
    """Return who looks at a page.

    Raises:
        Unauthenticated: The account is gone.
    """
    found = await db.row(Viewer, _VIEWER, user=user_id)
    if found is None:
        raise Unauthenticated
    return found
