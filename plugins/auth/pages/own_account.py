"""The pages of one's own account: profile, second factors and password, devices, preferences."""

from collections.abc import Mapping, Sequence
from typing import Any

from kernel.auth import Actor
from kernel.categories import GENERAL, GeneralSettings
from kernel.clock import timezones
from kernel.db import Db
from kernel.languages import own_name
from kernel.routing import OPEN_TO_RESTRICTED, Offset
from plugins.auth.actions.second_factors import second_factors_of
from plugins.auth.passkeys import relying_party
from plugins.auth.queries import devices as device_queries
from plugins.auth.queries import users
from plugins.auth.queries.files import kept_work
from plugins.auth.queries.identities import identity_cards, provider_cards
from plugins.auth.queries.passkeys import passkeys_of
from plugins.auth.queries.preferences import preferences as chosen_preferences

_ROWS = 25
Shown = tuple[str, Mapping[str, Any]]


async def profile(db: Db, actor: Actor) -> Shown:
    """Show what somebody tells about themselves, instructors about their work too."""
    me = await users.user_details(db, actor.id)
    return "auth/profile.html", {"me": me, "work": await kept_work(db, me.id) if me.role == "instructor" else None}


async def security(db: Db, actor: Actor) -> Shown:
    """Show password, second factors and passkeys."""
    values = {
        "factors": await second_factors_of(db, actor),
        "passkeys": await passkeys_of(db, actor.id),
        "passkey_origin": relying_party(db.tenant).origin,
        "providers": provider_cards(db),
        "identities": await identity_cards(db, actor.id),
    }
    return "auth/security.html", values


async def own_data(db: Db, actor: Actor) -> Shown:
    """Show how one takes one's data along, and how the account is closed."""
    kept = [each.title for each in db.deployment.registry.personal_data if each.acts(db)]
    return "auth/own_data.html", {"me": await users.user_details(db, actor.id), "kept": kept}


async def devices(db: Db, actor: Actor, offset: Offset = 0) -> Shown:
    """Show where somebody is signed in."""
    return "auth/devices.html", {"page": await device_queries.devices_page(db, actor, limit=_ROWS, offset=offset)}


async def preferences(db: Db, actor: Actor) -> Shown:
    """Show in which language, zone and theme somebody sees the school."""
    spoken = db.tenant.setting(GENERAL, GeneralSettings).locales
    values = {
        "chosen": await chosen_preferences(db, actor.id),
        "languages": [(each, own_name(each)) for each in spoken],
        "zones": [(each, each.replace("_", " ")) for each in sorted(timezones())],
    }
    return "auth/preferences.html", values


PAGES: Sequence[Mapping[str, Any]] = (
    {"path": "/profile", "handler": profile, "access": "signed_in"},
    {"path": "/profile/security", "handler": security, "access": "signed_in", "opt": OPEN_TO_RESTRICTED},
    {"path": "/profile/devices", "handler": devices, "access": "signed_in"},
    {"path": "/profile/preferences", "handler": preferences, "access": "signed_in"},
    {"path": "/profile/data", "handler": own_data, "access": "signed_in"},
)
NAVIGATION: Sequence[Mapping[str, Any]] = tuple(
    {"id": f"auth.{name}", "area": "account", "label": label, "icon": icon, "path": path, "order": order,
     "access": "signed_in"}
    for name, label, icon, path, order in (
        ("profile", "Profile", "person", "/profile", 10),
        ("security", "Security", "shield", "/profile/security", 20),
        ("devices", "Devices", "device", "/profile/devices", 30),
        ("preferences", "Preferences", "settings", "/profile/preferences", 40),
    )
)  # fmt: skip
