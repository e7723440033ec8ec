"""What the plugin `polls` registers."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

from litestar.handlers import HTTPRouteHandler

from kernel.auth import Permission
from kernel.commands import Command
from kernel.db import Db
from kernel.demo import DemoStep
from kernel.events import Event, Listener
from kernel.hookspecs import hookimpl
from kernel.key_uses import KeyUse
from kernel.mail import MailTemplate
from kernel.personal_data import PersonalData
from kernel.plugin import Plugin
from kernel.settings import SettingsSpec
from kernel.tasks import AnyTask
from plugins.auth.api import FileSection
from polls import hookspecs
from polls.cli import COMMANDS
from polls.demo import STEPS
from polls.events import EVENTS
from polls.file_sections import SECTIONS
from polls.key_uses import KEY_USES
from polls.listeners import LISTENERS
from polls.mails import MAIL_TEMPLATES
from polls.pages import NAVIGATION, PAGES, SEARCH, SLOTS
from polls.permissions import PERMISSIONS
from polls.personal_data import PERSONAL_DATA
from polls.recounts import count_all_votes
from polls.routes import ROOT_ROUTES, ROUTES
from polls.settings import SETTINGS
from polls.tasks import TASKS

PLUGIN = Plugin(
    name="polls",
    version="1.0.0",
    kernel=">=1,<2",
    requires=("auth",),
    summary="Questions with a few answers; everybody votes once.",
)


@hookimpl
def register_routes() -> Sequence[HTTPRouteHandler]:
    """Return the HTTP handlers."""
    return ROUTES


@hookimpl
def register_root_routes() -> Sequence[HTTPRouteHandler]:
    """Return the results as text, outside `/api/v1`."""
    return ROOT_ROUTES


@hookimpl
def register_permissions() -> Sequence[Permission]:
    """Return the permissions."""
    return PERMISSIONS


@hookimpl
def register_events() -> Sequence[type[Event]]:
    """Return the events."""
    return EVENTS


@hookimpl
def register_listeners() -> Sequence[Listener]:
    """Return the counting of votes and the mail at their end."""
    return LISTENERS


@hookimpl
def register_tasks() -> Sequence[AnyTask]:
    """Return the closing of what is over."""
    return TASKS


@hookimpl
def register_rebuild() -> Callable[[Db], Awaitable[None]]:
    """Return what counts all votes anew."""
    return count_all_votes


@hookimpl
def register_personal_data() -> Sequence[PersonalData]:
    """Return votes and polls, by whose they are."""
    return PERSONAL_DATA


@hookimpl
def register_mail_templates() -> Sequence[MailTemplate]:
    """Return the mail to who asked."""
    return MAIL_TEMPLATES


@hookimpl
def register_settings() -> Sequence[SettingsSpec]:
    """Return what a tenant decides."""
    return (SETTINGS,)


@hookimpl
def register_key_uses() -> Sequence[KeyUse]:
    """Return the remarks, which are kept under keys."""
    return KEY_USES


@hookimpl
def register_commands() -> Sequence[Command]:
    """Return the command."""
    return COMMANDS


@hookimpl
def register_hookspecs() -> ModuleType:
    """Return the hook by which others say who may vote."""
    return hookspecs


@hookimpl
def register_file_sections() -> Sequence[FileSection]:
    """Return what polls add to a person's file, by the hook that auth offers."""
    return SECTIONS


@hookimpl
def seed_demo() -> Sequence[DemoStep]:
    """Return the demonstration's poll."""
    return STEPS


@hookimpl(optionalhook=True)
def register_pages() -> Sequence[Mapping[str, Any]]:
    """Return the page, where the portal is."""
    return PAGES


@hookimpl(optionalhook=True)
def register_navigation() -> Sequence[Mapping[str, Any]]:
    """Return how it is found."""
    return NAVIGATION


@hookimpl(optionalhook=True)
def register_slots() -> Sequence[Mapping[str, Any]]:
    """Return the card of the dashboard."""
    return SLOTS


@hookimpl(optionalhook=True)
def register_search() -> Sequence[Mapping[str, Any]]:
    """Return what the portal's search finds here."""
    return SEARCH
