"""Mounting the plugins' routes, reading bodies strictly, pages of lists, the words that routes are marked with."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from litestar import Request, Router
from litestar.handlers import HTTPRouteHandler
from litestar.params import Parameter

from kernel.auth import Requires, public, signed_in
from kernel.errors import Invalid
from kernel.plugin import LoadedPlugin, PluginError
from kernel.problems import UnsupportedMedia, field_error
from kernel.registry import Registry

T = TypeVar("T")
API = "/api/v1"
MOST_ROWS = 100

_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")

Limit = Annotated[int, Parameter(ge=1, le=2**31 - 1, description="At most so many; more than 100 counts as 100.")]
Offset = Annotated[int, Parameter(ge=0, le=2**31 - 1, description="Leave out so many from the start.")]


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of every request body: an unknown field is an error, not a silence."""


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page of a list."""

    items: Sequence[T]
    total: int
    limit: int
    offset: int


def rows_for(limit: int) -> int:
    """Return the number of rows that a page may have."""
    return min(limit, MOST_ROWS)


def limited(door: str) -> Mapping[str, Any]:
    """Return the `opt` of a route that counts against another limit than `api`, a field of `RateLimits`."""
    return {"door": door}


class StrictRequest(Request[Any, Any, Any]):
    """Reads a JSON body straight into the handler's Struct: no coercion, no unknown field, named errors."""

    async def json(self) -> Any:
        """Return the body as the type that the handler declares for `data`.

        Raises:
            UnsupportedMedia: The content type is not JSON; a form or no type at all must not pass (rule 19).
            Invalid: With the field that is wrong.
        """
        if self.content_type[0] != "application/json":
            raise UnsupportedMedia
        body = await self.body()
        if _NUL.search(body):
            raise Invalid("A text must not contain the character NUL.")
        field = self.scope["route_handler"].parsed_data_field
        try:
            return msgspec.json.decode(body, type=field.annotation if field else Any)
        except msgspec.ValidationError as error:
            raise Invalid(errors=[field_error(str(error))]) from None
        except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
            raise Invalid(f"The body is not valid JSON: {error}.") from None


def mount(registry: Registry) -> list[Router]:
    """Return the routers of all plugins, checked: each route guarded, no two alike.

    Raises:
        PluginError: Names the plugin, its file and the route.
    """
    api: list[Router] = []
    root: list[Router] = []
    taken: dict[tuple[str, str], str] = {}
    for plugin in registry.plugins:
        for prefix, handlers, routers in (
            (API, registry.routes.get(plugin.name, ()), api),
            ("", registry.root_routes.get(plugin.name, ()), root),
        ):
            for handler in handlers:
                _check_guard(plugin, registry, handler)
                _check_clash(plugin, prefix, handler, taken)
            if handlers:
                routers.append(Router("/", route_handlers=handlers, tags=[plugin.name], opt={"plugin": plugin.name}))
    return [Router(API, route_handlers=api), *root]


def _check_guard(plugin: LoadedPlugin, registry: Registry, handler: HTTPRouteHandler) -> None:
    guards = list(handler.guards or ())
    known = {permission.name for permission in registry.permissions}
    for guard in guards:
        if isinstance(guard, Requires) and guard.permission.name not in known:
            raise _broken(plugin, handler, f"asks for {guard.permission.name!r}, which no plugin registers.")
    if not any(isinstance(guard, Requires) or guard in (public, signed_in) for guard in guards):
        raise _broken(plugin, handler, "has neither requires(...), nor signed_in, nor public among its guards.")


def _check_clash(
    plugin: LoadedPlugin, prefix: str, handler: HTTPRouteHandler, taken: dict[tuple[str, str], str]
) -> None:
    for path in handler.paths:
        shape = re.sub(r"\{[^}:]*(:[a-z]+)?\}", "{}", prefix + path)
        for method in handler.http_methods:
            if (owner := taken.setdefault((method, shape), plugin.name)) != plugin.name:
                raise _broken(plugin, handler, f"{method} {prefix + path} is a route of {owner!r} already.")


def _broken(plugin: LoadedPlugin, handler: HTTPRouteHandler, reason: str) -> PluginError:
    return PluginError(plugin.name, str(plugin.folder / "routes.py"), f"the route {handler.handler_name} {reason}")
