"""The page of each category of settings."""

from collections.abc import Mapping, Sequence
from typing import Any

from litestar.params import FromPath

from kernel.auth import Actor
from kernel.categories import GENERAL, GeneralSettings
from kernel.clock import timezones
from kernel.db import Db
from kernel.errors import NotFound
from kernel.languages import own_name
from plugins.admin.pages.setting_fields import fields_of
from plugins.admin.permissions import READ_SETTINGS, UPDATE_SETTINGS
from plugins.admin.queries.settings import settings_forms, settings_of

Shown = tuple[str, Mapping[str, Any]]


async def general(db: Db, actor: Actor) -> Shown:
    """Show the first category."""
    return await category(db, actor, GENERAL.category)


async def category(db: Db, actor: Actor, category: FromPath[str]) -> Shown:
    """Show the form of one category.

    Raises:
        NotFound: There is no such category here.
    """
    forms = settings_forms(db.deployment, db.tenant).categories
    chosen = next((each for each in forms if each.category == category), None)
    if chosen is None:
        raise NotFound
    values = settings_of(db.deployment, db.tenant, [category])[category]
    spoken = db.tenant.setting(GENERAL, GeneralSettings).locales
    choices = {
        "timezone": {each: each.replace("_", " ") for each in timezones()},
        "locale": {each: own_name(each) for each in spoken},
    }
    values = {
        "categories": forms,
        "category": chosen,
        "fields": fields_of(chosen, values, is_operator=actor.is_operator, choices=choices),
        "may_change": actor.may(UPDATE_SETTINGS),
        # By a path of the API that is there where uploads are; no plugin is needed for it.
        "may_upload": actor.grants.get("media.image.upload") is not None and "media" in db.tenant.plugins,
    }
    return "admin/settings.html", values


PAGES: Sequence[Mapping[str, Any]] = (
    {"path": "/admin/settings", "handler": general, "access": READ_SETTINGS},
    {"path": "/admin/settings/{category:str}", "handler": category, "access": READ_SETTINGS},
)
NAVIGATION: Sequence[Mapping[str, Any]] = (
    {
        "id": "admin.settings", "area": "admin", "group": "Site", "label": "Settings", "icon": "settings",
        "path": "/admin/settings", "order": 480, "access": READ_SETTINGS,
    },
)  # fmt: skip
