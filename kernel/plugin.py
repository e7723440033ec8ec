"""What a plugin is, how plugins are found and ordered, and whether one acts for a tenant.

The hooks stand in `kernel.hookspecs`; what plugins register is gathered in `kernel.registry`.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, NamedTuple

import msgspec
from packaging.specifiers import InvalidSpecifier, SpecifierSet

KERNEL_VERSION = "1.0.0"
GROUP = "collegium.plugins"
RESERVED_NAMES = frozenset(
    {"kernel", "plugins", "public", "queue", "general", "mail", "payment", "security", "roles", "erasing"}
)
"""What no plugin may be called: our packages, schemas, and what stands beside the plugins' settings in a tenant's."""


class Plugin(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin's manifest, the value `PLUGIN` of its `plugin.py`.

    Args:
        name: Also its PostgreSQL schema and the prefix of its permissions, events, errors and settings.
        version: Of the plugin itself.
        kernel: The kernel versions that it works with, such as `>=1,<2`.
        requires: The plugins whose `api` it may import.
        title: What it is called on pages, in English, as the catalogues translate it; else its name.
        summary: One sentence for the page on which an administrator switches it on.
        essential: Refuses the start even where a bad plugin is otherwise set aside: identity, any guard.
    """

    name: str
    version: str
    kernel: str
    summary: str
    requires: tuple[str, ...] = ()
    essential: bool = False
    title: str = ""

    @property
    def shown(self) -> str:
        """What it is called on pages."""
        return self.title or self.name.capitalize()


class LoadedPlugin(msgspec.Struct, frozen=True):
    """A plugin that was found.

    Args:
        manifest: As it says of itself; its name alone if it could not be imported.
        module: Carries the hooks.
        fault: Why it cannot be used at all, found while importing it.
    """

    manifest: Plugin
    module: ModuleType
    fault: str = ""

    @property
    def name(self) -> str:
        """The plugin's name."""
        return self.manifest.name

    @property
    def folder(self) -> Path:
        """The folder of its package."""
        return Path(self.file).parent

    @property
    def file(self) -> str:
        """The file with its manifest, for messages."""
        return str(self.module.__file__)

    def broken(self, reason: str, file: str | None = None) -> "PluginError":
        """Return the error that says why this plugin cannot be part of a deployment."""
        return PluginError(self.name, file or self.file, reason)


class Contribution(NamedTuple):
    """What a plugin gave to a hook that another one offers."""

    plugin: str
    item: Any


class PluginError(Exception):
    """A plugin cannot be part of this deployment; the text names it, its file and the reason."""

    def __init__(self, plugin: str, file: str, reason: str) -> None:
        super().__init__(f"Plugin {plugin!r} ({file}): {reason}")
        self.plugin = plugin
        self.reason = reason


def discover(names: Sequence[str] | None = None) -> list[LoadedPlugin]:
    """Return the installed plugins, as they are; `in_order` and the registry say what is wrong with them.

    Args:
        names: Only these; every installed one when absent.

    Raises:
        PluginError: One of these names is not installed.
    """
    installed = {point.name: point for point in entry_points(group=GROUP)}
    wanted = sorted(installed) if names is None else list(names)
    for name in wanted:
        if name not in installed:
            known = ", ".join(sorted(installed)) or "none"
            raise PluginError(name, "settings: plugins", f"it is not installed. Installed are: {known}.")
    return [load_plugin(installed[name]) for name in wanted]


def load_plugin(point: EntryPoint) -> LoadedPlugin:
    """Return the plugin to which an entry point leads, with its fault if it cannot be used."""
    if "." not in point.module:
        return _unusable(point, "its module must stand in a package, because what is below a plugin belongs to it.")
    try:
        manifest = point.load()
    except Exception as error:  # noqa: BLE001 - whatever a plugin's import raises is that plugin's fault
        return _unusable(point, f"it cannot be imported: {error!r}.")
    if not isinstance(manifest, Plugin):
        return _unusable(point, "PLUGIN must be a kernel.Plugin.")
    return LoadedPlugin(manifest, sys.modules[point.module])


def _unusable(point: EntryPoint, fault: str) -> LoadedPlugin:
    module = ModuleType(point.module)
    module.__file__ = point.value
    return LoadedPlugin(Plugin(name=point.name, version="", kernel="", summary=""), module, fault)


def in_order(plugins: Iterable[LoadedPlugin]) -> list[LoadedPlugin]:
    """Return the plugins so that each comes after all that it requires.

    Raises:
        PluginError: A manifest is wrong, a requirement is missing, or requirements form a circle.
    """
    by_name: dict[str, LoadedPlugin] = {}
    for plugin in plugins:
        _check_manifest(plugin)
        if plugin.name in by_name:
            raise plugin.broken("two installed packages use this name.")
        by_name[plugin.name] = plugin
    ordered: dict[str, LoadedPlugin] = {}
    for name in sorted(by_name):
        _visit(name, by_name, ordered, path=())
    return list(ordered.values())


def _visit(
    name: str, by_name: Mapping[str, LoadedPlugin], ordered: dict[str, LoadedPlugin], path: tuple[str, ...]
) -> None:
    if name in ordered:
        return
    plugin = by_name[name]
    if name in path:
        circle = " -> ".join([*path[path.index(name) :], name])
        raise plugin.broken(f"its requirements form a circle: {circle}.")
    for required in sorted(plugin.manifest.requires):
        if required not in by_name:
            raise plugin.broken(f"it requires {required!r}, which is not loaded.")
        _visit(required, by_name, ordered, (*path, name))
    ordered[name] = plugin


def _check_manifest(plugin: LoadedPlugin) -> None:
    if plugin.fault:
        raise plugin.broken(plugin.fault)
    if not plugin.name.isidentifier() or plugin.name in RESERVED_NAMES:
        raise plugin.broken("the name must be an identifier and no reserved word.")
    wanted = plugin.manifest.kernel
    try:
        fits = KERNEL_VERSION in SpecifierSet(wanted)
    except InvalidSpecifier:
        raise plugin.broken(f"kernel={wanted!r} is no version range.") from None
    if not fits:
        raise plugin.broken(f"it asks for kernel {wanted}, and this is kernel {KERNEL_VERSION}.")


def with_requirements(plugins: Iterable[LoadedPlugin], name: str) -> frozenset[str]:
    """Return a plugin and all that it requires, directly or through others."""
    requires = {plugin.name: plugin.manifest.requires for plugin in plugins}
    found: set[str] = set()
    waiting = [name]
    while waiting:
        each = waiting.pop()
        if each not in found:
            found.add(each)
            waiting += requires.get(each, ())
    return frozenset(found)


def acting(plugins: Sequence[LoadedPlugin], listed: Iterable[str] | None) -> frozenset[str]:
    """Return the names of the plugins that act for a tenant.

    A plugin acts if it is loaded, listed for the tenant, and all that it requires acts too.

    Args:
        plugins: The loaded ones, in order.
        listed: The tenant's list; None for every loaded plugin.
    """
    names = {plugin.name for plugin in plugins} if listed is None else set(listed)
    active: set[str] = set()
    for plugin in plugins:
        if plugin.name in names and active.issuperset(plugin.manifest.requires):
            active.add(plugin.name)
    return frozenset(active)


def why(
    plugins: Sequence[LoadedPlugin],
    listed: Iterable[str] | None,
    name: str,
    set_aside: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Explain in one sentence whether a plugin acts for a tenant with this list, and if not, why.

    Args:
        plugins: The loaded ones that are well.
        listed: The tenant's list; None for every loaded plugin.
        name: The plugin.
        set_aside: The others, each with its reason.
    """
    by_name = {plugin.name: plugin for plugin in plugins}
    if name in set_aside:
        return set_aside[name]
    if name not in by_name:
        return f"{name} is not loaded in this deployment."
    if listed is not None and name not in set(listed):
        return f"{name} is not switched on for this tenant."
    active = acting(plugins, listed)
    for required in by_name[name].manifest.requires:
        if required not in active:
            return f"{name} does not act because it requires {required}: {why(plugins, listed, required, set_aside)}"
    return f"{name} acts."
