"""What a plugin gives to the portal: pages, entries of the navigation, fillings of slots.

Whoever does not require the portal gives mappings of the same fields. Where a plugin does not act for a tenant, what it
gave is not there: a page's route is the contributor's own, the rest is asked of `Tenant.contributions`.
"""

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import wraps
from typing import Any, Literal, TypeAlias, get_type_hints
from urllib.parse import parse_qsl, urlencode

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect
from msgspec import Struct

from kernel.auth import Actor, Permission, operator, public, requires, signed_in
from kernel.db import Db
from kernel.replicas import reads_only
from plugins.portal.drawing import Shown, draw

PageAccess: TypeAlias = Permission | Literal["public", "signed_in", "operator"]
Access: TypeAlias = Permission | Literal["public", "visitor", "signed_in", "operator"]
"""Who sees something; a visitor is whoever is not signed in, an operator works across tenants."""
Area = Literal["learn", "teach", "admin", "account"]
Scope: TypeAlias = Literal["own", "any"]


class Page(Struct, frozen=True, kw_only=True):
    """A page: GET alone; what it changes goes through the API.

    Args:
        path: Outside of the API, with Litestar's parameters: `/courses/{slug:str}`.
        handler: Asks for what a route handler may ask for (`db`, `actor`, parameters) and returns the name of a
            template with its values, or a `Response` such as a redirect.
        access: The permission that it needs, `signed_in`, `public` or `operator`; without one the plugin does not
            start.
        slots: Those that its template shows; they are filled before it is drawn.
        opt: As that of a route: open to restricted sessions, credentials ignored.
    """

    path: str
    handler: Callable[..., Awaitable[Shown]]
    access: PageAccess
    slots: tuple[str, ...] = ()
    opt: Mapping[str, Any] = {}

    @property
    def route(self) -> HTTPRouteHandler:
        """The route by which the kernel mounts the page, as one of its contributor."""
        name = re.sub(r"\W+", "_", re.sub(r":\w+", "", self.path)).strip("_") or "home"
        handler = get(
            self.path,
            guards=[_guard(self.access)],
            opt={"door": "page", **reads_only(), **self.opt},
            operation_id=f"page_{name}",
            include_in_schema=False,
            media_type="text/html",
            before_request=_without_empty_filters,
        )
        return handler(self._answering())

    def _answering(self) -> Callable[..., Awaitable[Response[Any]]]:
        asked = inspect.signature(self.handler).parameters

        @wraps(self.handler)
        async def answer(**given: Any) -> Response[Any]:
            shown = await self.handler(**{name: value for name, value in given.items() if name in asked})
            return await draw(given["request"], given["db"], given["actor"], shown, self.slots)

        ours = {"request": Request[Any, Any, Any], "db": Db, "actor": Actor}
        kinds = {**get_type_hints(self.handler, include_extras=True), **ours, "return": Response[Any]}
        added = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=kind)
            for name, kind in ours.items()
            if name not in asked
        ]
        vars(answer)["__signature__"] = inspect.Signature([*asked.values(), *added])
        answer.__annotations__ = kinds
        return answer


class NavigationEntry(Struct, frozen=True, kw_only=True):
    """A place in the navigation.

    Args:
        id: Dotted, `plugin.thing`.
        area: `learn` is the top bar, `teach` and `admin` the side of the staff, `account` the menu of the person.
        group: The heading under which it stands at the side; none when empty.
        label: In English, as the catalogues translate it.
        icon: The name of one of the portal's icons.
        path: Where it leads.
        order: Smaller ones come first, among groups too.
        access: Who sees it.
        count: What waits there, shown beside the label.
        scope: Only for whoever has the permission for their own things (`own`), or for everybody's (`any`), so that
            the pages of teachers and of administrators do not stand in one list.
    """

    id: str
    area: Area
    label: str
    icon: str
    path: str
    access: Access
    group: str = ""
    order: int = 100
    count: Callable[[Db, Actor], Awaitable[int]] | None = None
    scope: Scope | None = None


class SlotFilling(Struct, frozen=True, kw_only=True):
    """A part of somebody else's page.

    Args:
        slot: Where, such as `dashboard.main` (docs/writing-pages.md lists them).
        fill: Gets the database, the actor and what the page is about (its value `subject`), and returns a template,
            which finds its values in `part`, or None for nothing.
        access: Who sees it.
        order: Smaller ones come first.
        scope: As that of an entry.
        styles: The style sheets that its template needs, such as `notes/notes.css`.
    """

    slot: str
    fill: Callable[[Db, Actor, Any], Awaitable[tuple[str, Mapping[str, Any]] | None]]
    access: Access
    order: int = 100
    scope: Scope | None = None
    styles: tuple[str, ...] = ()


class Found(Struct, frozen=True, kw_only=True):
    """Something that was searched for: what it is called, where it is, and a line about it."""

    title: str
    href: str
    about: str = ""
    icon: str = "info"


class SearchGroup(Struct, frozen=True, kw_only=True):
    """What a plugin finds by words, under a heading of the search page.

    Args:
        id: Dotted, `plugin.things`.
        heading: In English, as the catalogues translate it.
        find: Gets the database, the actor, the words and how many are wanted, and returns those found, the best first,
            each a `Found` or a mapping of its fields; only what the actor may see.
        access: Who finds it.
        order: Smaller ones come first.
        everything: The address of the page that shows them all, up to where the words are added: `/notes?q=`.
    """

    id: str
    heading: str
    find: Callable[[Db, Actor, str, int], Awaitable[Sequence[Found | Mapping[str, str]]]]
    access: Access
    order: int = 100
    everything: str = ""


async def _without_empty_filters(request: Request[Any, Any, Any]) -> Redirect | None:
    """Lead from `?role=&status=active`, as a form without script sends it, to the address that says the same."""
    asked = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    kept = [(name, value) for name, value in asked if value]
    if len(kept) == len(asked):
        return None
    path = request.scope["path"]
    return Redirect(f"{path}?{urlencode(kept)}" if kept else path)


def _guard(access: PageAccess) -> Any:
    if isinstance(access, Permission):
        return requires(access)
    guards = {"public": public, "signed_in": signed_in, "operator": operator}
    if access not in guards:
        raise ValueError(f"its access is {access!r}, and must be a permission, 'signed_in', 'public' or 'operator'")
    return guards[access]
