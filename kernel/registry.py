"""What the loaded plugins registered, gathered once at boot; which plugins are left out because they are bad.

What makes one bad stands in `kernel.boot_checks`.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from litestar.handlers import HTTPRouteHandler

from kernel.auth import Permission
from kernel.boot_checks import (
    API,
    check_all_tables,
    check_command,
    check_errors,
    check_folders,
    check_item,
    check_once,
    check_routes,
)
from kernel.categories import KERNEL_SETTINGS
from kernel.commands import Command
from kernel.db import Db
from kernel.demo import DemoStep
from kernel.events import Event, Listener
from kernel.hooks import Hooks
from kernel.identity import Identity
from kernel.kept_answers import Kept, what_keeps
from kernel.key_uses import KERNEL_KEY_USES, KeyUse
from kernel.mail.kernel_mails import KERNEL_MAILS
from kernel.mail.wording import MailTemplate
from kernel.personal_data import KERNEL_PERSONAL_DATA, PersonalData
from kernel.plugin import Contribution, LoadedPlugin, PluginError, acting, in_order, why, with_requirements
from kernel.problem_pages import ProblemPage
from kernel.revisions import MigrationChain
from kernel.settings import SettingsSpec
from kernel.task_runs import RETRY_TASKS, VIEW_TASKS
from kernel.tasks import NoPayload, Task

KERNEL_PERMISSIONS = (VIEW_TASKS, RETRY_TASKS)


class Registry:
    """The plugins of a deployment and everything that they registered.

    Raises:
        PluginError: A plugin breaks a rule; the sentence names plugin, file and reason.
    """

    def __init__(self, plugins: Sequence[LoadedPlugin]) -> None:
        self.plugins = tuple(plugins)
        self.set_aside: dict[str, str] = {}
        """Plugins that do not act anywhere, each with its reason: left out of all this, or found bad after it."""
        check_folders(self.plugins)
        self._hooks = Hooks(self.plugins)
        check_all_tables(self.plugins)
        check_errors(self.plugins)
        for chain in self.migration_chains():
            chain.revisions()
        self.permissions: tuple[Permission, ...] = (
            *KERNEL_PERMISSIONS,
            *self._gather("register_permissions", Permission, "permission"),
        )
        self.settings: tuple[SettingsSpec, ...] = (
            *KERNEL_SETTINGS,
            *self._gather("register_settings", SettingsSpec, "category of settings"),
        )
        self.listeners: tuple[Listener, ...] = self._gather("register_listeners", Listener, "listener")
        self.events: tuple[type[Event], ...] = self._gather("register_events", Event, "event")
        self.rebuilds: Mapping[str, Task[NoPayload]] = self._rebuilds()
        self.tasks: tuple[Task[Any], ...] = (
            *self._gather("register_tasks", Task, "task"),
            *self.rebuilds.values(),
        )
        check_once(self.plugins, "task", self.tasks)
        self.personal_data: tuple[PersonalData, ...] = (
            *KERNEL_PERSONAL_DATA,
            *self._gather("register_personal_data", PersonalData, "kind of personal data"),
        )
        self.key_uses: tuple[KeyUse, ...] = (
            *KERNEL_KEY_USES,
            *self._gather("register_key_uses", KeyUse, "use of keys"),
        )
        templates = (*KERNEL_MAILS, *self._gather("register_mail_templates", MailTemplate, "mail template"))
        self.mail_templates: Mapping[str, MailTemplate] = {each.name: each for each in templates}
        self.demo_steps: tuple[DemoStep, ...] = self._gather("seed_demo", DemoStep, "demonstration step")
        self.commands, self.command_plugins = self._commands()
        self.offered_hooks = self._hooks.offered
        self.hook_specifications = self._hooks.specifications
        self._contributions = self._hooks.contributions()
        self.routes = self._routes("register_routes")
        self.root_routes = self._root_routes()
        known = frozenset(permission.name for permission in self.permissions)
        check_routes(self.plugins, {API: self.routes, "": self.root_routes}, known)
        self.kept = self._kept()
        self.identity_plugin = ""
        self.identity = self._identity()
        self.problem_page = self._problem_page()

    def migration_chains(self) -> tuple[MigrationChain, ...]:
        """Return the kernel's chain and each plugin's, in the order in which they are applied."""
        folders = [("kernel", Path(__file__).parent), *((plugin.name, plugin.folder) for plugin in self.plugins)]
        return tuple(
            MigrationChain(name, folder / "migrations") for name, folder in folders if (folder / "migrations").is_dir()
        )

    @property
    def well(self) -> tuple[LoadedPlugin, ...]:
        """The plugins that are not set aside."""
        return tuple(each for each in self.plugins if each.name not in self.set_aside)

    def acting(self, listed: Iterable[str] | None) -> frozenset[str]:
        """Return the plugins that act for a tenant with this list."""
        return acting(self.well, listed)

    def why(self, listed: Iterable[str] | None, name: str) -> str:
        """Explain in one sentence whether a plugin acts for a tenant with this list, and if not, why."""
        return why(self.well, listed, name, self.set_aside)

    def leave_out(self, fault: PluginError, on_bad_plugin: str) -> None:
        """Set a plugin aside, and all that require it, for a fault that shows only once everything is registered.

        Raises:
            PluginError: The deployment refuses bad plugins, or an essential one would be set aside.
        """
        gone = [each for each in self.plugins if fault.plugin in with_requirements(self.plugins, each.name)]
        if on_bad_plugin == "refuse" or not gone or any(_is_needed(self, each) for each in gone):
            raise fault
        self.set_aside.update(dict.fromkeys((each.name for each in gone), str(fault)))

    def contributions(self, hook: str) -> tuple[Contribution, ...]:
        """Return what the plugins gave to a hook that one of them offers, in their order.

        What acts for a tenant is told by `Tenant.contributions`.

        Raises:
            LookupError: No loaded plugin offers this hook.
        """
        if hook not in self._contributions:
            raise LookupError(f"no loaded plugin offers the hook {hook!r}")
        return self._contributions[hook]

    def _gather(self, hook: str, kind: type, what: str) -> tuple[Any, ...]:
        found = []
        for plugin, item in self._hooks.items(hook):
            check_item(plugin, hook, item, kind)
            found.append(item)
        check_once(self.plugins, what, found)
        return tuple(found)

    def _kept(self) -> tuple[Kept, ...]:
        found: dict[str, Kept] = {}
        for routes in (self.routes, self.root_routes):
            for plugin in self.plugins:
                for handler in routes.get(plugin.name, ()):
                    if (how := what_keeps(handler)) is not None:
                        check_item(plugin, "register_routes", how, Kept)
                        found[how.name] = how
        return tuple(found.values())

    def _commands(self) -> tuple[tuple[Command, ...], Mapping[str, str]]:
        """Return the commands, and by their names whose they are."""
        found: dict[str, Command] = {}
        plugins: dict[str, str] = {}
        for plugin, command in self._hooks.items("register_commands"):
            check_command(plugin, command)
            if found.setdefault(command.name, command) is not command:
                raise plugin.broken(f"the command {command.name!r} is registered twice.")
            plugins[command.name] = plugin.name
        return tuple(found.values()), plugins

    def _routes(self, hook: str) -> Mapping[str, Sequence[HTTPRouteHandler]]:
        handlers: dict[str, list[HTTPRouteHandler]] = {}
        for plugin, handler in self._hooks.items(hook):
            handlers.setdefault(plugin.name, []).append(handler)
        return handlers

    def _root_routes(self) -> Mapping[str, Sequence[HTTPRouteHandler]]:
        """Return what stands outside of the API, and the routes that contributions bring, each its contributor's."""
        handlers = {name: list(given) for name, given in self._routes("register_root_routes").items()}
        by_name = {plugin.name: plugin for plugin in self.plugins}
        for contributed in self._contributions.values():
            for each in contributed:
                try:
                    route = getattr(each.item, "route", None)
                except Exception as error:
                    raise by_name[each.plugin].broken(f"{each.item!r} makes no route: {error}.") from error
                if isinstance(route, HTTPRouteHandler):
                    handlers.setdefault(each.plugin, []).append(route)
        return handlers

    def _problem_page(self) -> ProblemPage | None:
        found: ProblemPage | None = None
        owner = ""
        for plugin, answer in self._hooks.answers("register_problem_page"):
            if found is not None:
                raise plugin.broken(f"it draws refusals as pages, and so does {owner!r}; only one plugin may.")
            found, owner = answer, plugin.name
        return found

    def _rebuilds(self) -> dict[str, Task[NoPayload]]:
        found: dict[str, Task[NoPayload]] = {}
        for plugin, rebuild in self._hooks.answers("register_rebuild"):
            if not inspect.iscoroutinefunction(rebuild):
                raise plugin.broken(f"register_rebuild returned {rebuild!r}, which is no async function.")
            found[plugin.name] = _rebuild_task(plugin.name, rebuild)
        return found

    def _identity(self) -> Identity | None:
        found: Identity | None = None
        for plugin, answer in self._hooks.answers("register_identity"):
            if found is not None:
                raise plugin.broken(
                    f"it keeps accounts, and so does {self.identity_plugin!r}; only one plugin of a deployment may."
                )
            found, self.identity_plugin = answer, plugin.name
        return found


def _rebuild_task(plugin: str, rebuild: Callable[[Db], Awaitable[None]]) -> Task[NoPayload]:
    async def handle(db: Db, _payload: NoPayload) -> None:
        """Count anew what the plugin keeps."""
        await rebuild(db)

    return Task(name=f"{plugin}.rebuild", title="Count anew", payload=NoPayload, handle=handle)


def load_registry(plugins: Iterable[LoadedPlugin], on_bad_plugin: str = "refuse") -> tuple[Registry, dict[str, str]]:
    """Return the registry and the plugins that were set aside, each with its reason.

    Raises:
        PluginError: A plugin is bad, and it or one that requires it is essential, or the deployment refuses bad ones;
            or no plugin is left that keeps accounts.
    """
    remaining = list(plugins)
    aside: dict[str, str] = {}
    cause: PluginError | None = None
    while True:
        try:
            registry = Registry(in_order(remaining))
        except PluginError as error:
            gone = [each for each in remaining if error.plugin in with_requirements(remaining, each.name)]
            if on_bad_plugin == "refuse" or not gone or any(each.manifest.essential for each in gone):
                raise
            aside.update(dict.fromkeys((each.name for each in gone), str(error)))
            remaining = [each for each in remaining if each.name not in aside]
            cause = error
            continue
        # A plugin that could not be imported could not say that it is essential.
        if cause is not None and registry.identity is None:
            raise cause
        registry.set_aside.update(aside)
        return registry, registry.set_aside


def _is_needed(registry: Registry, plugin: LoadedPlugin) -> bool:
    return plugin.manifest.essential or plugin.name == registry.identity_plugin
