"""Every way to sign in to an account, counted before one of them goes: the last one stays."""

from uuid import UUID

from sqlalchemy import bindparam, select

from kernel.db import Db
from plugins.auth.errors import LastWayIn
from plugins.auth.queries.identities import identities_of
from plugins.auth.queries.passkeys import passkeys_of
from plugins.auth.settings import SETTINGS, AuthSettings
from plugins.auth.tables import User

# Two ways that are taken away at once come one after the other, or neither would see that the other goes too.
_LOCK_PASSWORD = select(User.password_hash.is_not(None)).where(User.id == bindparam("user")).with_for_update()


async def check_another_way_in(db: Db, user_id: UUID, *, without: UUID) -> None:
    """Refuse unless an account can be signed in to without one of its passkeys or links.

    A link counts only if its provider is one of the tenant's still.

    Args:
        db: The account stays locked until its end.
        user_id: Whose account.
        without: The passkey or link that shall go.

    Raises:
        LastWayIn: There is no other way.
    """
    if await db.value(_LOCK_PASSWORD, user=user_id):
        return
    providers = db.tenant.setting(SETTINGS, AuthSettings).providers.values()
    authorities = {provider.authority for provider in providers}
    links = {each.id for each in await identities_of(db, user_id) if each.authority in authorities}
    keys = {each.id for each in await passkeys_of(db, user_id)}
    if not (links | keys) - {without}:
        raise LastWayIn
