"""Choosing how to see the school."""

from collections.abc import Iterable
from functools import cache
from typing import Any

from msgspec import UNSET, structs
from sqlalchemy import Executable, bindparam, update
from sqlalchemy.dialects.postgresql import insert

from kernel.auth import Actor
from kernel.categories import GENERAL, GeneralSettings
from kernel.db import Db
from kernel.errors import FieldError, Invalid
from plugins.auth import rules
from plugins.auth.queries.preferences import kinds_of, preferences
from plugins.auth.schemas.preferences import Preferences, UpdatePreferencesRequest
from plugins.auth.tables import UserPreferences, UserProfile

_SET_TIMEZONE = update(UserProfile).where(UserProfile.user_id == bindparam("user")).values(timezone=bindparam("zone"))


async def choose(db: Db, actor: Actor, request: UpdatePreferencesRequest) -> Preferences:
    """Change the actor's own preferences; the time zone stands in their profile.

    Raises:
        Invalid: The tenant does not speak the language, or there is no such time zone or kind of notifications.
    """
    changes = {name: value for name, value in structs.asdict(request).items() if value is not UNSET}
    _check_locale(db, changes.get("locale"))
    _check_kinds(db, changes.get("notifications", {}))
    if (zone := changes.pop("timezone", None)) is not None:
        rules.check_timezone(zone)
        await db.run(_SET_TIMEZONE, user=actor.id, zone=zone)
    if changes:
        await db.run(_choose(frozenset(changes)), of_user=actor.id, **changes)
    return await preferences(db, actor.id)


def _check_locale(db: Db, locale: str | None) -> None:
    spoken = db.tenant.setting(GENERAL, GeneralSettings).locales
    if locale is not None and locale not in spoken:
        raise Invalid(errors=[FieldError("locale", f"Choose one of {', '.join(spoken)}.")])


def _check_kinds(db: Db, wanted: Iterable[str]) -> None:
    known = {kind.name for kind in kinds_of(db.tenant)}
    errors = [FieldError(f"notifications.{name}", "Nobody is told of that.") for name in wanted if name not in known]
    if errors:
        raise Invalid(errors=errors)


@cache
def _choose(columns: frozenset[str]) -> Executable:
    values: dict[str, Any] = {each: bindparam(each) for each in columns}
    new = insert(UserPreferences).values(user_id=bindparam("of_user"), **values)
    kept: dict[str, Any] = {each: new.excluded[each] for each in columns}
    if "notifications" in columns:
        # Kinds that are not named stay as they are; there is only one channel yet, so a kind is its whole choice.
        kept["notifications"] = UserPreferences.notifications.op("||")(new.excluded.notifications)
    return new.on_conflict_do_update(index_elements=["tenant_id", "user_id"], set_=kept)
