"""What stands around every page: the school, who looks, in which language and theme, where they can go."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from litestar import Request
from msgspec import Struct

from kernel.auth import Actor, Permission
from kernel.categories import GENERAL, GeneralSettings
from kernel.db import Db
from kernel.door import Arrival
from kernel.languages import own_name
from kernel.tenancy import Tenant
from plugins.auth.api import may_refresh, viewer
from plugins.portal.languages import direction, preferred
from plugins.portal.site import site_of

LANGUAGE_COOKIE, THEME_COOKIE = "collegium_language", "collegium_theme"
STYLE_EDITION = "1"
"""Changes whenever `colours.theme` gives another answer to the same colours."""
_PHONE_TABS = 4


class Person(Struct, frozen=True):
    """Who looks at a page."""

    id: UUID
    first_name: str
    last_name: str
    email: str
    role: str
    avatar_url: str | None

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.first_name} {self.last_name}"


class Entry(Struct, frozen=True):
    """A place that can be reached from here."""

    label: str
    icon: str
    path: str
    is_current: bool
    count: int


class Group(Struct, frozen=True):
    """Places under one heading."""

    label: str
    entries: Sequence[Entry]


class Shell(Struct, frozen=True, kw_only=True):
    """Everything that the layouts ask for."""

    school: str
    logo_url: str
    support_email: str
    theme_url: str
    locale: str
    direction: str
    languages: Sequence[tuple[str, str, str]]
    """Each as its own name, the address of this page in it, and its code."""
    theme: str
    timezone: str
    person: Person | None
    is_staff: bool
    may_refresh: bool
    path: str
    address: str
    """With the query."""
    query: Sequence[tuple[str, str]]
    navigation: Mapping[str, Sequence[Group]]
    request_id: str
    plugins: frozenset[str]

    @property
    def layout(self) -> str:
        """The template of the shell in which this person works."""
        return "portal/staff.html" if self.is_staff else "portal/learn.html"

    @property
    def phone_tabs(self) -> Sequence[Entry]:
        """What the bar at the foot of a phone shows before its menu."""
        return self._learning[:_PHONE_TABS]

    @property
    def phone_rest(self) -> Sequence[Entry]:
        """The places for which that bar has no room: they stand in its menu."""
        return self._learning[_PHONE_TABS:]

    @property
    def _learning(self) -> Sequence[Entry]:
        return [entry for group in self.navigation.get("learn", ()) for entry in group.entries]

    def here(self, **changes: Any) -> str:
        """Return the address of this page with other values in its query; None leaves one out."""
        kept = [(name, value) for name, value in self.query if name not in changes]
        added = [(name, str(value)) for name, value in changes.items() if value is not None]
        query = urlencode([*kept, *added])
        return f"{self.path}?{query}" if query else self.path

    def asked(self, name: str) -> str:
        """Return what the address says of a name; nothing when it says nothing."""
        return next((value for each, value in self.query if each == name), "")

    @property
    def current(self) -> str:
        """The label of the entry under which the page stands."""
        found = [entry for groups in self.navigation.values() for group in groups for entry in group.entries]
        return next((entry.label for entry in found if entry.is_current), "")


async def shell_of(request: Request[Any, Any, Any], db: Db, actor: Actor) -> Shell:
    """Return what stands around a page for whoever asks for it; one query for a person, none for a visitor."""
    site, tenant = site_of(db.deployment), db.tenant
    general = tenant.setting(GENERAL, GeneralSettings)
    seen = await viewer(db, actor.user_id) if actor.user_id is not None else None
    spoken = site.languages.spoken(general.locales)
    locale = _locale(request, spoken, general.locale, seen.locale if seen else None)
    theme = seen.theme if seen and seen.theme != "system" else request.cookies.get(THEME_COOKIE, "")
    person = None
    if seen is not None:
        person = Person(seen.id, seen.first_name, seen.last_name, seen.email, seen.role, seen.avatar_url)
    arrival: Arrival = request.scope["state"]["arrival"]
    return Shell(
        **outside(request, locale, spoken, theme),
        school=general.name or tenant.name,
        logo_url=general.logo_url,
        support_email=general.support_email,
        theme_url=theme_url(tenant),
        timezone=seen.timezone if seen else general.timezone,
        person=person,
        is_staff=person is not None and person.role != "student",
        may_refresh=person is None and may_refresh(arrival),
        navigation=await _navigation(request, db, actor),
        plugins=tenant.plugins,
    )


def outside(request: Request[Any, Any, Any], locale: str, spoken: Sequence[str], theme: str) -> dict[str, Any]:
    """Return the fields of a shell that a request alone tells."""
    path, query = request.scope["path"], request.scope["query_string"].decode("latin-1")
    # In the order in which they stand there, which `query_params` does not keep: an address is compared and shared.
    kept = [(name, value) for name, value in parse_qsl(query) if name != "lang"]
    return {
        "locale": locale,
        "direction": direction(locale),
        "languages": [(own_name(each), f"{path}?{urlencode([*kept, ('lang', each)])}", each) for each in spoken],
        "theme": theme if theme in ("light", "dark") else "",
        "path": path,
        "address": f"{path}?{query}" if query else path,
        "query": kept,
        "request_id": str(request.scope["state"].get("request_id", "")),
    }


def theme_url(tenant: Tenant) -> str:
    """Return the address of a tenant's style sheet, which changes with its colours."""
    return f"/theme.css?v={theme_version(tenant)}"


def theme_version(tenant: Tenant) -> str:
    """Return what a style sheet's address names."""
    general = tenant.setting(GENERAL, GeneralSettings)
    colours = f"{STYLE_EDITION}{general.primary_colour}{general.accent_colour}"
    return hashlib.sha256(colours.encode()).hexdigest()[:8]


def may_see(access: Permission | str, actor: Actor, scope: str | None = None) -> bool:
    """Whether something is shown to an actor; with a scope, only to who has the permission in that very scope."""
    if isinstance(access, Permission):
        return actor.may(access) if scope is None else actor.scope(access) == scope
    if access == "operator":
        return actor.is_operator
    return access == "public" or (access == "visitor") == (actor.user_id is None)


def _locale(request: Request[Any, Any, Any], spoken: Sequence[str], usual: str, chosen: str | None) -> str:
    asked = request.query_params.get("lang") or request.cookies.get(LANGUAGE_COOKIE)
    for each in (chosen, asked, preferred(request.headers.get("accept-language", ""), spoken), usual):
        if each in spoken:
            return str(each)
    return spoken[0]


async def _navigation(request: Request[Any, Any, Any], db: Db, actor: Actor) -> dict[str, list[Group]]:
    given = [each.item for each in db.tenant.contributions("register_navigation")]
    given = sorted((each for each in given if may_see(each.access, actor, each.scope)), key=lambda each: each.order)
    path = request.scope["path"]
    best = max((each.path for each in given if _leads_to(each.path, path)), key=len, default=None)
    areas: dict[str, list[Group]] = {}
    for item in given:
        count = await item.count(db, actor) if item.count is not None else 0
        entry = Entry(item.label, item.icon, item.path, item.path == best, count)
        groups = areas.setdefault(item.area, [])
        known = next((group for group in groups if group.label == item.group), None)
        if known is None:
            groups.append(Group(item.group, [entry]))
        else:
            groups[groups.index(known)] = Group(known.label, [*known.entries, entry])
    return areas


def _leads_to(entry: str, path: str) -> bool:
    return path == entry or (entry != "/" and path.startswith(f"{entry}/"))
