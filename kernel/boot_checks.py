"""What a plugin may not do, checked once at boot over everything that it registers.

Each refusal names the plugin, its file and the reason. What becomes of a refused plugin is `kernel.registry`; the
manifest itself is checked in `kernel.plugin`, tables in `kernel.tables`.
"""

import inspect
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args, get_type_hints

from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from kernel.auth import Permission, Requires, operator, public, signed_in
from kernel.categories import RateLimits
from kernel.commands import Command
from kernel.errors import DomainError
from kernel.events import Event
from kernel.idempotency import is_idempotent
from kernel.origins import file_of
from kernel.plugin import LoadedPlugin, PluginError
from kernel.replicas import is_reading
from kernel.scopes import Scope
from kernel.tables import check_tables

API = "/api/v1"
_OURS = ("api", "health", "metrics", "schema")
_OURS_OF_THE_API = ("tasks",)
_OUR_OPERATIONS = ("api_", "health_", "tasks_")
_OUR_COMMANDS = ("mail", "plugins", "tasks", "tenants")
_PARAMETER = re.compile(r"\{[^}]*\}")


def check_item(plugin: LoadedPlugin, hook: str, item: Any, kind: type, *, named: bool = True) -> None:
    """Refuse what is not of the hook's kind, or does not carry the plugin's name as its prefix.

    Args:
        plugin: Whose item it is.
        hook: That returned it.
        item: An instance of the kind; for events a class.
        kind: What the hook takes.
        named: Whether what is of this kind has a dotted name.

    Raises:
        PluginError: With the hook and the item.
    """
    fits = isinstance(item, type) and issubclass(item, kind) if kind is Event else isinstance(item, kind)
    if not fits:
        raise plugin.broken(f"{hook} returned {item!r}, which is no {kind.__name__}.")
    if not named:
        return
    if (fault := _fault_of(plugin, item)) is not None:
        raise plugin.broken(f"{hook}: {fault}", file_of(plugin, item))


def _fault_of(plugin: LoadedPlugin, item: Any) -> str | None:
    name = name_of(item)
    if name is None:
        return f"{item!r} has no name."
    if name != plugin.name and not name.startswith(f"{plugin.name}."):
        return f"the name {name!r} must begin with {plugin.name + '.'!r}."
    if isinstance(item, Permission) and (wrong := sorted({*item.roles.values(), *item.scopes} - set(get_args(Scope)))):
        return f"{name!r} gives {wrong[0]!r}; a scope is one of {', '.join(get_args(Scope))}."
    return None


def name_of(item: Any) -> str | None:
    """Return the dotted name of something registered; for settings that is their category."""
    name = getattr(item, "name", None) or getattr(item, "category", None)
    return name if isinstance(name, str) else None


def check_once(plugins: Sequence[LoadedPlugin], what: str, items: Iterable[Any]) -> None:
    """Refuse two registered things of one kind with the same name.

    Raises:
        PluginError: With the name.
    """
    seen: set[str] = set()
    for item in items:
        name = name_of(item) or ""
        owner = next((each for each in plugins if each.name == name.partition(".")[0]), None)
        if name in seen and owner is not None:
            raise owner.broken(f"the {what} {name!r} is registered twice.", file_of(owner, item))
        seen.add(name)


def check_command(plugin: LoadedPlugin, command: Any) -> None:
    """Refuse a command that is not two words, or that would stand among the kernel's own.

    Raises:
        PluginError: With its name.
    """
    if not isinstance(command, Command):
        raise plugin.broken(f"register_commands returned {command!r}, which is no Command.")
    group, _, rest = command.name.partition(" ")
    if not group or not rest or " " in rest or group in _OUR_COMMANDS:
        ours = ", ".join(_OUR_COMMANDS)
        raise plugin.broken(
            f"the command {command.name!r} must be two words, the first of them none of {ours}.",
            file_of(plugin, command),
        )


def check_folders(plugins: Sequence[LoadedPlugin]) -> None:
    """Refuse a plugin whose folder holds another one: what is below a plugin belongs to it.

    Raises:
        PluginError: With the other plugin.
    """
    for plugin in plugins:
        for other in plugins:
            if plugin.folder in other.folder.parents or (plugin.folder == other.folder and other is not plugin):
                raise plugin.broken(f"the plugin {other.name!r} stands in its folder; each needs one of its own.")


def check_errors(plugins: Iterable[LoadedPlugin]) -> None:
    """Refuse an error whose code, by which clients know it, does not begin with the plugin's name.

    Raises:
        PluginError: With the class.
    """
    files = {
        each: Path(file)
        for each in _below(DomainError)
        if (file := getattr(sys.modules.get(each.__module__), "__file__", None)) is not None
    }
    for plugin in plugins:
        for each, file in files.items():
            if plugin.folder in file.parents and not each.code.startswith(f"{plugin.name}."):
                raise plugin.broken(
                    f"the code {each.code!r} of the error {each.__name__} must begin with {plugin.name + '.'!r}.",
                    str(file),
                )


def _below(kind: type[DomainError]) -> Iterator[type[DomainError]]:
    for each in kind.__subclasses__():
        yield each
        yield from _below(each)


def check_all_tables(plugins: Iterable[LoadedPlugin]) -> None:
    """Refuse a table outside its plugin's schema, or one whose keys do not begin with the tenant.

    Raises:
        PluginError: With the table.
    """
    for plugin in plugins:
        for file, sentence in check_tables(plugin.name, plugin.folder):
            raise plugin.broken(sentence, file)


def check_routes(
    plugins: Iterable[LoadedPlugin], routes: Mapping[str, Mapping[str, Sequence[Any]]], known: frozenset[str]
) -> None:
    """Refuse a route without a guard, with an unknown permission, or where another one stands already.

    Args:
        plugins: In order; the later of two that clash is at fault.
        routes: Prefix of the addresses to plugin to handlers.
        known: The names of the registered permissions.

    Raises:
        PluginError: With the handler's name.
    """
    taken: dict[tuple[str, str], str] = {}
    operations: dict[str, str] = {}
    for plugin in plugins:
        for prefix, handlers in routes.items():
            for handler in handlers.get(plugin.name, ()):
                if not isinstance(handler, HTTPRouteHandler):
                    raise plugin.broken(f"{handler!r} is no HTTP route handler.", file_of(plugin, handler))
                _check_guards(plugin, handler, known)
                if is_reading(handler) and not handler.http_methods <= {"GET", "HEAD"}:
                    raise _broken(plugin, handler, "only reads, it says, and takes another method than GET.")
                if is_idempotent(handler) and "db" not in inspect.signature(handler.fn).parameters:
                    raise _broken(plugin, handler, "is idempotent and asks for no db, where its key would be kept.")
                _check_parameters(plugin, handler)
                _check_options(plugin, handler)
                _check_operation(plugin, handler, operations)
                for path in handler.paths:
                    _check_address(plugin, handler, prefix + path, taken)


def _check_guards(plugin: LoadedPlugin, handler: HTTPRouteHandler, known: frozenset[str]) -> None:
    guards = list(handler.guards or ())
    for guard in guards:
        if isinstance(guard, Requires) and guard.permission.name not in known:
            raise _broken(plugin, handler, f"asks for {guard.permission.name!r}, which no plugin registers.")
    if not any(isinstance(guard, Requires) or guard in (public, signed_in, operator) for guard in guards):
        raise _broken(plugin, handler, "has neither requires(...), nor operator, signed_in or public among its guards.")


def _check_parameters(plugin: LoadedPlugin, handler: HTTPRouteHandler) -> None:
    """Refuse a bound that nobody would check: Litestar looks at its own parameters and into Structs only."""
    try:
        kinds = get_type_hints(inspect.unwrap(handler.fn), include_extras=True)
    except (AttributeError, NameError, TypeError):
        return  # such a route cannot be mounted, which is told where that is tried
    for name, kind in kinds.items():
        if name != "return" and _has_meta(kind):
            raise _broken(
                plugin,
                handler,
                f"bounds its parameter {name!r} by msgspec.Meta, which is heeded in Structs alone; "
                "use QueryParameter, PathParameter or HeaderParameter of litestar.params.",
                line=handler.fn.__code__.co_firstlineno,
            )


def _has_meta(kind: Any) -> bool:
    return isinstance(kind, Meta) or any(_has_meta(each) for each in get_args(kind))


def _check_options(plugin: LoadedPlugin, handler: HTTPRouteHandler) -> None:
    if "plugin" in handler.opt:
        raise _broken(plugin, handler, "says in its opt to which plugin it belongs, and the kernel does that.")
    door = handler.opt.get("door", "api")
    if f"{door}_per_minute" not in RateLimits.__struct_fields__:
        raise _broken(plugin, handler, f"is limited as {door!r}, and there is no such limit.")


def _check_operation(plugin: LoadedPlugin, handler: HTTPRouteHandler, taken: dict[str, str]) -> None:
    operation = handler.operation_id
    if not isinstance(operation, str):
        raise _broken(plugin, handler, "has no operation_id, by which clients name it.")
    if operation.startswith(_OUR_OPERATIONS):
        raise _broken(plugin, handler, f"has the operation_id {operation!r}, and those of this kind are the kernel's.")
    if (owner := taken.get(operation)) is not None:
        raise _broken(plugin, handler, f"has the operation_id {operation!r}, as a route of {owner!r} has already.")
    taken[operation] = plugin.name


def _check_address(
    plugin: LoadedPlugin, handler: HTTPRouteHandler, address: str, taken: dict[tuple[str, str], str]
) -> None:
    first = address.removeprefix("/").partition("/")[0]
    if first in _OURS and not address.startswith(f"{API}/"):
        raise _broken(plugin, handler, f"stands at {address}, and everything below /{first} is the kernel's.")
    below = address.removeprefix(API).removeprefix("/").partition("/")[0]
    if address.startswith(f"{API}/") and below in (*_OURS_OF_THE_API, ""):
        raise _broken(plugin, handler, f"stands at {address}, which is the kernel's.")
    shape = _PARAMETER.sub("{}", address)
    for method in sorted(handler.http_methods):
        if (owner := taken.get((method, shape))) is not None:
            raise _broken(plugin, handler, f"stands at {method} {address}, as a route of {owner!r} does already.")
        taken[method, shape] = plugin.name


def _broken(plugin: LoadedPlugin, handler: HTTPRouteHandler, reason: str, *, line: int | None = None) -> PluginError:
    file = file_of(plugin, handler) or str(plugin.folder / "routes.py")
    return plugin.broken(f"the route {handler.handler_name} {reason}", f"{file}:{line}" if line else file)
