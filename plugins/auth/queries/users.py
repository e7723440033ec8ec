"""Reads of accounts, one and many."""

from functools import cache
from uuid import UUID

from sqlalchemy import Executable, and_, bindparam, func, select

from kernel.auth import Actor
from kernel.db import Db
from kernel.errors import NotFound
from kernel.routing import Page, rows_for
from plugins.auth.permissions import READ_USER, Role
from plugins.auth.schemas.texts import Status
from plugins.auth.schemas.users import UserCard, UserDetails
from plugins.auth.tables import User, UserProfile

_WITH_PROFILE = and_(UserProfile.user_id == User.id, UserProfile.tenant_id == User.tenant_id)
_CARD = (
    User.id,
    User.email,
    User.role,
    User.status,
    User.email_verified,
    User.last_login,
    User.created_at,
    UserProfile.first_name,
    UserProfile.last_name,
    UserProfile.avatar_url,
)
_DETAILS = (
    select(
        *_CARD,
        UserProfile.phone,
        UserProfile.bio,
        UserProfile.date_of_birth,
        UserProfile.address,
        UserProfile.city,
        UserProfile.country,
        UserProfile.timezone,
    )
    .join(UserProfile, _WITH_PROFILE)
    .where(User.id == bindparam("id"), User.deleted_at.is_(None))
)


async def user_details(db: Db, user_id: UUID) -> UserDetails:
    """Return an account.

    Raises:
        NotFound: There is none.
    """
    user = await db.row(UserDetails, _DETAILS, id=user_id)
    if user is None:
        raise NotFound
    return user


async def visible_user(db: Db, actor: Actor, user_id: UUID) -> UserDetails:
    """Return an account that the actor may see.

    Needs: auth.user.read

    Raises:
        NotFound: There is none, or not for this actor.
    """
    if actor.limited_to(READ_USER) not in (None, user_id):
        raise NotFound
    return await user_details(db, user_id)


async def users_page(
    db: Db, *, role: Role | None, status: Status | None, q: str | None, limit: int, offset: int
) -> Page[UserCard]:
    """Return accounts by name; `q` is looked for in names and addresses.

    Needs: auth.user.list
    """
    wanted = {"role": role, "status": status, "q": q and f"%{_literally(q)}%"}
    given = {name: value for name, value in wanted.items() if value is not None}
    page, total = _list_statements(frozenset(given))
    items = await db.rows(UserCard, page, most=rows_for(limit), skip=offset, **given)
    return Page(items, await db.value(total, **given), rows_for(limit), offset)


@cache
def _list_statements(filters: frozenset[str]) -> tuple[Executable, Executable]:
    """Return the statements for a page and its total, for the filters with these names."""
    text = UserProfile.first_name + " " + UserProfile.last_name + " " + User.email
    conditions = {
        "role": User.role == bindparam("role"),
        "status": User.status == bindparam("status"),
        "q": text.ilike(bindparam("q"), escape="\\"),
    }
    chosen = [User.deleted_at.is_(None), *(conditions[name] for name in sorted(filters))]
    page = select(*_CARD).join(UserProfile, _WITH_PROFILE).where(*chosen)
    total = select(func.count()).select_from(User).join(UserProfile, _WITH_PROFILE).where(*chosen)
    in_order = page.order_by(UserProfile.last_name, UserProfile.first_name, User.id)
    return in_order.limit(bindparam("most")).offset(bindparam("skip")), total


def _literally(text: str) -> str:
    """Return a text without the wildcards of LIKE."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
