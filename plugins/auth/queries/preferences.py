"""Reads of how somebody wants to see the school."""

from uuid import UUID

from msgspec import Struct
from sqlalchemy import Uuid, and_, bindparam, func, select

from kernel.categories import GENERAL, GeneralSettings
from kernel.db import Db
from kernel.errors import NotFound
from kernel.tenancy import Tenant
from plugins.auth.notification_kinds import NotificationKind
from plugins.auth.schemas.preferences import Channel, NotificationPreference, Preferences, Theme
from plugins.auth.tables import UserPreferences, UserProfile

_CHOSEN = (
    select(
        UserPreferences.locale,
        UserProfile.timezone,
        func.coalesce(UserPreferences.theme, "system").label("theme"),
        UserPreferences.notifications,
    )
    .select_from(UserProfile)
    .outerjoin(
        UserPreferences,
        and_(UserPreferences.user_id == UserProfile.user_id, UserPreferences.tenant_id == UserProfile.tenant_id),
    )
    .where(UserProfile.user_id == bindparam("user", type_=Uuid))
)


class Chosen(Struct, frozen=True):
    """What somebody has chosen; no language means the tenant's."""

    locale: str | None
    timezone: str
    theme: Theme
    notifications: dict[str, dict[Channel, bool]] | None


def kinds_of(tenant: Tenant) -> list[NotificationKind]:
    """Return of what people of a tenant are told, in the order of their names."""
    kinds = [each.item for each in tenant.contributions("register_notification_kinds")]
    return sorted(kinds, key=lambda kind: str(kind.name))


async def preferences(db: Db, user_id: UUID) -> Preferences:
    """Return what counts for somebody.

    Raises:
        NotFound: There is no such account.
    """
    chosen = await db.row(Chosen, _CHOSEN, user=user_id)
    if chosen is None:
        raise NotFound
    school = db.tenant.setting(GENERAL, GeneralSettings)
    # The tenant may have given a language up since.
    locale = chosen.locale if chosen.locale in school.locales else school.locale
    wanted = chosen.notifications or {}
    notifications = [
        NotificationPreference(kind.name, kind.title, {"mail": wanted.get(kind.name, {}).get("mail", True)})
        for kind in kinds_of(db.tenant)
    ]
    return Preferences(locale, chosen.timezone, chosen.theme, notifications)
