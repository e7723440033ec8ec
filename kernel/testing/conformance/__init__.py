"""The conformance suite: switched off for one school, everything of a plugin is gone there, at once, and only there.

What there is to look at is taken from the registry, and how to look at it stands here for every hook of the kernel: a
new kind of thing that nobody looks at fails the suite.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from kernel import hookspecs
from kernel.plugin import with_requirements
from kernel.testing.apps import App
from kernel.testing.conformance.background import look_at_listeners, look_at_schedules, look_at_tasks
from kernel.testing.conformance.doors import (
    look_at_capabilities,
    look_at_identity,
    look_at_operations,
    look_at_routes,
    look_at_settings,
)
from kernel.testing.conformance.tenant import (
    look_at_commands,
    look_at_contributions,
    look_at_demo_steps,
    look_at_mail_templates,
    look_at_permissions,
    look_at_personal_data,
)
from kernel.testing.conformance.views import Ask, Look, Thing, View
from kernel.testing.schools import School

Switch = Callable[[School, str, bool], Awaitable[None]]

LOOKS: Mapping[str, tuple[Look, ...]] = {
    "register_routes": (look_at_routes, look_at_operations),
    "register_root_routes": (look_at_routes, look_at_operations),
    "register_permissions": (look_at_permissions, look_at_capabilities),
    "register_listeners": (look_at_listeners,),
    "register_tasks": (look_at_tasks, look_at_schedules),
    "register_rebuild": (look_at_tasks,),
    "register_settings": (look_at_settings,),
    "register_personal_data": (look_at_personal_data,),
    "register_mail_templates": (look_at_mail_templates,),
    "register_identity": (look_at_identity,),
    "register_commands": (look_at_commands,),
    "register_hookspecs": (look_at_contributions,),
    "seed_demo": (look_at_demo_steps,),
}
NOTHING_TO_SEE: Mapping[str, str] = {
    "register_key_uses": "what is kept under keys is counted and renewed by operators, whether its plugin acts or not",
    "register_problem_page": "without its plugin a refusal is JSON, as it is for all who ask for no page",
    "register_events": "events come from routes, listeners and tasks, and those are looked at",
}


async def check_conformance(
    app: App, *plugins: str, servers: Sequence[Ask] = (), switch: Switch | None = None
) -> list[str]:
    """Prove that plugins are gone where they are switched off, and return their names.

    Args:
        app: An application with the plugins.
        plugins: Which ones; every loaded one when none is named.
        servers: How to ask each server process of the same deployment; the application itself when absent.
        switch: How a plugin is switched for a school; through the application when absent.

    Raises:
        AssertionError: With a sentence for each thing that is there and should be gone, or the other way round.
    """
    _check_complete()
    names = list(plugins) or [plugin.name for plugin in app.deployment.registry.plugins]
    here, there = [await View.of(app, await app.school(), servers) for _ in range(2)]
    everything = here.plugins
    problems = await _problems(here, frozenset(), "before any switch")
    problems += await _problems(there, frozenset(), "in the other school before any switch")
    for name in names:
        gone = _dependants(app, name)
        await _switch(here.school, name, on=False, how=switch)
        problems += await _problems(here, gone, f"with {name} switched off")
        here.plugins = there.plugins = gone
        problems += await _problems(there, frozenset(), f"in another school, with {name} switched off in the first")
        await _switch(here.school, name, on=True, how=switch)
        problems += await _problems(here, frozenset(), f"with {name} switched on again")
        here.plugins = there.plugins = everything
    if problems:
        raise AssertionError("\n".join(problems))
    return names


def _check_complete() -> None:
    hooks = {name for name, value in vars(hookspecs).items() if hasattr(value, f"{hookspecs.PROJECT}_spec")}
    if unseen := sorted(hooks - LOOKS.keys() - NOTHING_TO_SEE.keys()):
        raise AssertionError(f"Nobody looks at what is registered by {', '.join(unseen)}.")


def _dependants(app: App, name: str) -> frozenset[str]:
    """Return the plugins that end to act with one: itself and all that require it."""
    plugins = app.deployment.registry.plugins
    return frozenset(each.name for each in plugins if name in with_requirements(plugins, each.name))


async def _switch(school: School, plugin: str, *, on: bool, how: Switch | None) -> None:
    if how is not None:
        await how(school, plugin, on)
    elif on:
        await school.switch_on(plugin)
    else:
        await school.switch_off(plugin)


async def _problems(view: View, gone: frozenset[str], when: str) -> list[str]:
    """Return a sentence for each thing that is not as it should be, with these plugins gone."""
    looks = dict.fromkeys(look for group in LOOKS.values() for look in group)
    await view.refresh()
    found: list[str] = []
    for look in looks:
        for thing, is_there in (await look(view)).items():
            should_be = not gone & {thing.plugin, *thing.seen_through}
            if is_there != should_be:
                found.append(f"{thing.kind} {thing.name} of {thing.plugin} {_STATE[is_there]} {when}.")
    return found


_STATE = {True: "is still there", False: "is missing"}
__all__ = ["LOOKS", "NOTHING_TO_SEE", "Ask", "Switch", "Thing", "View", "check_conformance"]
