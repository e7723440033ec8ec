"""Mounting the plugins' routes, reading bodies strictly, pages of lists, the words that routes are marked with."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from litestar import Request, Router
from litestar.handlers import HTTPRouteHandler
from litestar.params import Parameter

from kernel.boot_checks import API
from kernel.description import with_refusals
from kernel.errors import Invalid
from kernel.idempotency import answering_once, is_idempotent
from kernel.problems import UnsupportedMedia, field_error
from kernel.registry import Registry

T = TypeVar("T")
MOST_ROWS = 100

OPEN_TO_RESTRICTED: Mapping[str, Any] = {"open_to_restricted": True}
"""The `opt` of a route that a restricted session may use, to become a full one (`kernel.identity`)."""

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
    """Return the routers of all plugins; that each route is guarded and no two clash, the registry has checked."""
    well = {plugin.name for plugin in registry.well}
    api = [_router(name, handlers) for name, handlers in registry.routes.items() if name in well]
    root = [_router(name, handlers) for name, handlers in registry.root_routes.items() if name in well]
    return [Router(API, route_handlers=api), *root]


def _router(plugin: str, handlers: Sequence[HTTPRouteHandler]) -> Router:
    mounted = [with_refusals(answering_once(each) if is_idempotent(each) else each) for each in handlers]
    return Router("/", route_handlers=mounted, tags=[plugin], opt={"plugin": plugin})
