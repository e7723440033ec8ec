"""What the loaded plugins registered, gathered and checked once at boot."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pluggy
from litestar.handlers import HTTPRouteHandler

from kernel import hookspecs
from kernel.auth import Permission
from kernel.commands import Command
from kernel.demo import DemoStep
from kernel.events import Event, Listener
from kernel.identity import Identity
from kernel.plugin import LoadedPlugin, Plugin, PluginError, acting, in_order
from kernel.revisions import MigrationChain
from kernel.settings import KERNEL_SETTINGS, SettingsSpec
from kernel.tables import check_tables
from kernel.tasks import Task


class Registry:
    """The plugins of a deployment and everything that they registered.

    Raises:
        PluginError: A plugin breaks a rule; the sentence names plugin, file and reason.
    """

    def __init__(self, plugins: Sequence[LoadedPlugin]) -> None:
        self.plugins = tuple(plugins)
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        for plugin in self.plugins:
            self._manager.register(plugin.module, name=plugin.name)
        self._check_hook_names()
        self.permissions = tuple(self._gather("register_permissions", Permission))
        self.settings: tuple[SettingsSpec, ...] = (*KERNEL_SETTINGS, *self._gather("register_settings", SettingsSpec))
        self.listeners = tuple(self._gather("register_listeners", Listener))
        self.events: tuple[type[Event], ...] = tuple(self._gather("register_events", type))
        self.tasks: tuple[Task[Any], ...] = tuple(self._gather("register_tasks", Task))
        self.demo_steps: tuple[DemoStep, ...] = tuple(self._gather("seed_demo", DemoStep))
        self.commands: tuple[Command, ...] = tuple(self._each_item("register_commands"))
        self.routes = self._routes("register_routes")
        self.root_routes = self._routes("register_root_routes")
        self.identity: Identity | None = self._manager.hook.register_identity()
        self._check()

    def migration_chains(self) -> tuple[MigrationChain, ...]:
        """Return the kernel's chain and each plugin's, in the order in which they are applied."""
        folders = [("kernel", Path(__file__).parent), *((plugin.name, plugin.folder) for plugin in self.plugins)]
        return tuple(
            MigrationChain(name, folder / "migrations") for name, folder in folders if (folder / "migrations").is_dir()
        )

    def acting(self, listed: Iterable[str] | None) -> frozenset[str]:
        """Return the plugins that act for a tenant with this list."""
        return acting(self.plugins, listed)

    def _each(self, hook: str) -> Iterable[tuple[LoadedPlugin, Any]]:
        """Yield each plugin with its answer to a hook, in the plugins' order."""
        callers = {each.plugin_name: each for each in getattr(self._manager.hook, hook).get_hookimpls()}
        for plugin in self.plugins:
            if plugin.name in callers:
                yield plugin, callers[plugin.name].function()

    def _each_item(self, hook: str) -> Iterable[Any]:
        for _, answer in self._each(hook):
            yield from answer

    def _gather(self, hook: str, kind: type) -> Iterable[Any]:
        for plugin, answer in self._each(hook):
            for item in answer:
                if not isinstance(item, kind):
                    raise _broken(plugin, f"{hook} returned {item!r}, which is no {kind.__name__}.")
                name = getattr(item, "name", None) or getattr(item, "category", None)
                if isinstance(name, str) and name != plugin.name and not name.startswith(f"{plugin.name}."):
                    raise _broken(plugin, f"{hook}: the name {name!r} must begin with {plugin.name + '.'!r}.")
                yield item

    def _routes(self, hook: str) -> Mapping[str, Sequence[HTTPRouteHandler]]:
        return {plugin.name: tuple(answer) for plugin, answer in self._each(hook)}

    def _check_hook_names(self) -> None:
        for plugin in self.plugins:
            known = {name for name in vars(hookspecs) if name.startswith(("register_", "seed_"))}
            for caller in self._manager.get_hookcallers(plugin.module) or ():
                if caller.name not in known:
                    raise _broken(plugin, f"there is no hook {caller.name!r}; the hooks are {sorted(known)}.")
            for name, value in vars(plugin.module).items():
                if name.startswith(("register_", "seed_")) and callable(value) and not hasattr(value, "collegium_impl"):
                    raise _broken(plugin, f"{name} looks like a hook and is not marked with @hookimpl.")

    def _check(self) -> None:
        schemas = {plugin.name: plugin.folder for plugin in self.plugins}
        for problem in check_tables({name: str(folder) for name, folder in schemas.items()}):
            plugin = next((each for each in self.plugins if f"{each.name!r}" in problem), self.plugins[0])
            raise _broken(plugin, problem)
        names = [permission.name for permission in self.permissions]
        if twice := {name for name in names if names.count(name) > 1}:
            plugin = next(each for each in self.plugins if each.name == min(twice).split(".")[0])
            raise _broken(plugin, f"the permission {min(twice)!r} is registered twice.")


def load_registry(plugins: Iterable[LoadedPlugin], on_bad_plugin: str = "refuse") -> tuple[Registry, dict[str, str]]:
    """Return the registry and the plugins that were set aside, each with its reason.

    Raises:
        PluginError: A plugin is bad, and is essential or the deployment refuses bad plugins.
    """
    remaining, aside = list(plugins), {}
    while True:
        try:
            return Registry(in_order(remaining)), aside
        except PluginError as error:
            bad = next((each for each in remaining if each.name == error.plugin), None)
            if on_bad_plugin == "refuse" or bad is None or bad.manifest.essential:
                raise
            for each in _dependants(bad.manifest, remaining):
                if each.essential:
                    raise
                aside[each.name] = str(error)
            remaining = [each for each in remaining if each.name not in aside]


def _dependants(bad: Plugin, plugins: Iterable[LoadedPlugin]) -> list[Plugin]:
    """Return a plugin and all that require it, directly or through others."""
    manifests = [each.manifest for each in plugins]
    found = [bad]
    for _ in manifests:
        names = {each.name for each in found}
        found += [each for each in manifests if names.intersection(each.requires) and each.name not in names]
    return found


def _broken(plugin: LoadedPlugin, reason: str) -> PluginError:
    return PluginError(plugin.name, str(plugin.module.__file__), reason)
