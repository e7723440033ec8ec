"""Which hooks there are, the kernel's and those that plugins offer, and what each plugin answers to them.

A hook that a plugin offers is one more road between plugins: whoever knows it may contribute, and what was contributed
lies unused where the offering plugin is not loaded. What the kernel does with the answers to its own hooks is decided
in `kernel.registry`.
"""

import difflib
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any, get_args, get_origin, get_type_hints

import pluggy

from kernel import hookspecs
from kernel.boot_checks import check_item, check_once
from kernel.plugin import Contribution, LoadedPlugin, with_requirements

_BEGINNINGS = ("register_", "seed_")
_NEAR = 0.8
"""From this likeness on an unknown optional hook is a misspelled one: `file_section`, where `file_sections` exists."""


class Hooks:
    """Every hook of a deployment and who implements it.

    Raises:
        PluginError: A plugin implements a hook that there is not, or offers one that cannot be.
    """

    def __init__(self, plugins: Sequence[LoadedPlugin]) -> None:
        self._plugins = plugins
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._kernels = frozenset(name for name, _ in _specifications(self._manager, hookspecs))
        self._owners: dict[str, LoadedPlugin] = {}
        self._kinds: dict[str, type] = {}
        self.specifications: dict[str, Callable[[], Any]] = {}
        """The functions that specify the hooks which plugins offer."""
        for plugin in plugins:
            self._register(plugin)
        for plugin, module in self.answers("register_hookspecs"):
            self._offer(plugin, module)
        for plugin in plugins:
            self._check(plugin)

    @property
    def offered(self) -> Mapping[str, str]:
        """The hooks that plugins offer, each with the name of the plugin."""
        return {hook: plugin.name for hook, plugin in self._owners.items()}

    def answers(self, hook: str) -> Iterator[tuple[LoadedPlugin, Any]]:
        """Yield each plugin with its answer to a hook, in the plugins' order."""
        implementations = getattr(self._manager.hook, hook).get_hookimpls()
        for plugin in self._plugins:
            for each in implementations:
                if each.plugin_name == plugin.name:
                    try:
                        answer = each.function()
                    except Exception as error:
                        raise plugin.broken(f"{hook} failed: {error!r}.") from error
                    yield plugin, answer

    def items(self, hook: str) -> Iterator[tuple[LoadedPlugin, Any]]:
        """Yield each plugin with each item that it contributes."""
        for plugin, answer in self.answers(hook):
            if not isinstance(answer, Iterable):
                raise plugin.broken(f"{hook} returned {answer!r}, which is no list.")
            for item in answer:
                yield plugin, item

    def contributions(self) -> dict[str, tuple[Contribution, ...]]:
        """Return what was contributed to each hook that plugins offer, checked against what its specification says."""
        return {hook: tuple(self._contributed(hook)) for hook in self._owners}

    def _contributed(self, hook: str) -> Iterator[Contribution]:
        kind, found = self._kinds[hook], []
        for plugin, given in self.items(hook):
            item = _made(plugin, hook, given, kind)
            check_item(plugin, hook, item, kind, named=hasattr(kind, "name"))
            found.append(item)
            yield Contribution(plugin.name, item)
        check_once(self._plugins, f"item of {hook}", found)

    def _register(self, plugin: LoadedPlugin) -> None:
        try:
            self._manager.register(plugin.module, name=plugin.name)
        except (pluggy.PluginValidationError, ValueError) as error:
            raise plugin.broken(f"its hooks cannot be registered: {error}.") from error

    def _offer(self, plugin: LoadedPlugin, module: Any) -> None:
        if not isinstance(module, ModuleType):
            raise plugin.broken(f"register_hookspecs returned {module!r}, which is no module.")
        file = str(module.__file__)
        specifications = list(_specifications(self._manager, module))
        for name, function in specifications:
            if not name.startswith("register_"):
                raise plugin.broken(f"the hook {name!r} must begin with 'register_'.", file)
            if name in self._kernels or name in self._owners:
                owner = self._owners[name].name if name in self._owners else "the kernel"
                raise plugin.broken(f"the hook {name!r} is one of {owner} already.", file)
            self._owners[name], self._kinds[name] = plugin, _kind_of(plugin, function, file)
            self.specifications[name] = function
        if not specifications:
            raise plugin.broken("it offers no hook: mark one with @hookspec.", file)
        try:
            self._manager.add_hookspecs(module)
        except pluggy.PluginValidationError as error:
            guilty = next(each for each in self._plugins if each.module is error.plugin)
            raise guilty.broken(f"its hooks cannot be registered: {error}.") from error

    def _check(self, plugin: LoadedPlugin) -> None:
        for caller in self._manager.get_hookcallers(plugin.module) or ():
            for each in caller.get_hookimpls():
                if each.plugin is plugin.module:
                    self._check_implementation(plugin, caller.name, each)
        for name, value in vars(plugin.module).items():
            marked = hasattr(value, f"{hookspecs.PROJECT}_impl")
            if name.startswith(_BEGINNINGS) and callable(value) and not marked:
                raise plugin.broken(f"{name} looks like a hook and is not marked with @hookimpl.")

    def _check_implementation(self, plugin: LoadedPlugin, name: str, implementation: pluggy.HookImpl) -> None:
        if implementation.wrapper or implementation.hookwrapper:
            raise plugin.broken(f"{name} wraps the hook, and hooks only return what a plugin registers.")
        known = sorted(self._kernels | self._owners.keys())
        if name in self._kernels:
            return
        if name in self._owners:
            owner = self._owners[name].name
            if not implementation.optionalhook and owner not in with_requirements(self._plugins, plugin.name):
                raise plugin.broken(
                    f"the hook {name!r} is offered by {owner!r}, which it does not require: mark it with "
                    "@hookimpl(optionalhook=True)."
                )
        elif near := _nearest(name, known):
            raise plugin.broken(f"there is no hook {name!r}. Did you mean {near!r}?")
        elif not implementation.optionalhook:
            raise plugin.broken(f"there is no hook {name!r}; the hooks are {', '.join(known)}.")


def _specifications(manager: "pluggy.PluginManager", module: ModuleType) -> Iterator[tuple[str, Any]]:
    for name, value in vars(module).items():
        if inspect.isfunction(value) and manager.parse_hookspec_opts(module, name) is not None:
            yield name, value


def _kind_of(plugin: LoadedPlugin, specification: Any, file: str) -> type:
    """Return the class of which a hook takes items, from what its specification says that it returns."""
    name = specification.__name__
    if inspect.signature(specification).parameters:
        raise plugin.broken(f"the hook {name!r} takes arguments, and hooks are called with none.", file)
    try:
        declared = get_type_hints(specification).get("return")
    except NameError as error:
        raise plugin.broken(f"the hook {name!r} cannot be read: {error}.", file) from error
    kind = next(iter(get_args(declared)), None) if get_origin(declared) is Sequence else None
    if not isinstance(kind, type):
        raise plugin.broken(f"the hook {name!r} must be declared to return Sequence[...] of one class.", file)
    return kind


def _made(plugin: LoadedPlugin, hook: str, item: Any, kind: type) -> Any:
    """Return an item as what the hook takes: a plugin that must not import the class gives its fields."""
    if not isinstance(item, Mapping):
        return item
    try:
        return kind(**item)
    except TypeError as error:
        raise plugin.broken(f"{hook} returned {item!r}, which makes no {kind.__name__}: {error}.") from error


def _nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the hook that a name must be a misspelling of, compared without the beginning that all have."""
    ends = {each.partition("_")[2]: each for each in known}
    near = difflib.get_close_matches(name.partition("_")[2], ends, n=1, cutoff=_NEAR)
    return ends[near[0]] if near else None
