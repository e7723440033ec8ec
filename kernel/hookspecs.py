"""Every hook of the kernel that a plugin may implement in its `plugin.py`; plugins offer more (`register_hookspecs`).

Hooks are synchronous, called once at boot, and return data. A misspelled name refuses the start.
"""

from collections.abc import Awaitable, Callable, Sequence
from types import ModuleType
from typing import Any

import pluggy
from litestar.handlers import HTTPRouteHandler

from kernel.auth import Permission
from kernel.commands import Command
from kernel.db import Db
from kernel.demo import DemoStep
from kernel.events import Event, Listener
from kernel.identity import Identity
from kernel.key_uses import KeyUse
from kernel.mail.wording import MailTemplate
from kernel.personal_data import PersonalData
from kernel.problem_pages import ProblemPage
from kernel.settings import SettingsSpec
from kernel.tasks import Task

PROJECT = "collegium"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def register_routes() -> Sequence[HTTPRouteHandler]:  # type: ignore[empty-body]
    """Return the HTTP handlers, each guarded by `requires(...)` or `public`; their paths are below `/api/v1`."""


@hookspec
def register_root_routes() -> Sequence[HTTPRouteHandler]:  # type: ignore[empty-body]
    """Return handlers whose paths stand outside `/api/v1`, such as `/media/...`; guarded alike."""


@hookspec
def register_permissions() -> Sequence[Permission]:  # type: ignore[empty-body]
    """Return the permissions that the plugin's routes ask for, with the roles that hold them at first."""


@hookspec
def register_events() -> Sequence[type[Event]]:  # type: ignore[empty-body]
    """Return the event classes that the plugin publishes."""


@hookspec
def register_listeners() -> Sequence[Listener]:  # type: ignore[empty-body]
    """Return the reactions to events, its own or those of plugins that it requires."""


@hookspec
def register_tasks() -> Sequence[Task[Any]]:  # type: ignore[empty-body]
    """Return the background tasks and schedules."""


@hookspec
def register_rebuild() -> Callable[[Db], Awaitable[None]]:  # type: ignore[empty-body]
    """Return what counts anew, for a plugin that keeps counters or copies of what other plugins know.

    It runs in the background whenever the plugin is switched on for a tenant, since nothing was told to it meanwhile,
    and once more two minutes later, for what was under way. Work on many rows it enqueues in pieces, as tasks.
    """


@hookspec
def register_mail_templates() -> Sequence[MailTemplate]:  # type: ignore[empty-body]
    """Return the kinds of mail that the plugin sends, with their text in each language that it speaks."""


@hookspec
def register_settings() -> Sequence[SettingsSpec]:  # type: ignore[empty-body]
    """Return the typed settings that each tenant chooses; the category is the plugin's name."""


@hookspec
def register_personal_data() -> Sequence[PersonalData]:  # type: ignore[empty-body]
    """Return what the plugin keeps about people, and how it is handed out and erased.

    Whoever keeps anything by a user's id has to: an account is erased only once every plugin that keeps something acts.
    """


@hookspec
def register_key_uses() -> Sequence[KeyUse]:  # type: ignore[empty-body]
    """Return what the plugin keeps under the deployment's keys, so that an old key can be removed one day."""


@hookspec(firstresult=True)
def register_identity() -> Identity | None:
    """Return how sessions are found in the database; exactly one plugin of a deployment does."""


@hookspec(firstresult=True)
def register_problem_page() -> ProblemPage | None:
    """Return what draws a refusal as a page for browsers; at most one plugin of a deployment does."""


@hookspec
def seed_demo() -> Sequence[DemoStep]:  # type: ignore[empty-body]
    """Return `DemoStep`s that make demonstration data through the plugin's own actions."""


@hookspec
def register_commands() -> Sequence[Command]:  # type: ignore[empty-body]
    """Return what the plugin adds to the command line."""


@hookspec
def register_hookspecs() -> ModuleType:  # type: ignore[empty-body]
    """Return the module whose functions marked with `@hookspec` are hooks that this plugin offers to others.

    Each begins with `register_`, takes nothing and says that it returns `Sequence[...]` of one class. Whoever does not
    require the plugin implements it with `@hookimpl(optionalhook=True)`, and gives mappings of the class's fields
    where it cannot import the class. If the class has a `name`, it is a dotted one, prefixed by whoever contributes.
    What acts for a tenant is given by `db.tenant.contributions(hook)`. An item whose `route` is a handler brings that
    route, outside of the API and as the contributor's own: it is guarded, and gone where the contributor does not act.
    """
