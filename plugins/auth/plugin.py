"""The manifest of auth and what it registers."""

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

from litestar.handlers import HTTPRouteHandler

from kernel.auth import Permission
from kernel.commands import Command
from kernel.demo import DemoStep
from kernel.events import Event, Listener
from kernel.hookspecs import hookimpl
from kernel.identity import Identity
from kernel.key_uses import KeyUse
from kernel.mail import MailTemplate
from kernel.personal_data import PersonalData
from kernel.plugin import Plugin
from kernel.settings import SettingsSpec
from kernel.tasks import AnyTask
from plugins.auth import hookspecs
from plugins.auth.cli import COMMANDS
from plugins.auth.demo import accounts, students
from plugins.auth.events import EVENTS
from plugins.auth.identity import Accounts
from plugins.auth.key_uses import KEY_USES
from plugins.auth.listeners import LISTENERS
from plugins.auth.mails import TEMPLATES
from plugins.auth.pages import NAVIGATION, PAGES, SLOTS
from plugins.auth.pages.users import SEARCH
from plugins.auth.permissions import PERMISSIONS
from plugins.auth.personal_data import PERSONAL_DATA
from plugins.auth.routes import ROUTES
from plugins.auth.security_mails import SECURITY_MAILS
from plugins.auth.settings import SETTINGS
from plugins.auth.tasks import TASKS

PLUGIN = Plugin(
    name="auth",
    title="Accounts",
    version="1.0.0",
    kernel=">=1,<2",
    summary="Accounts, roles, sign-in and sessions.",
    essential=True,
)


@hookimpl
def register_routes() -> Sequence[HTTPRouteHandler]:
    """Return the HTTP handlers."""
    return ROUTES


@hookimpl
def register_key_uses() -> Sequence[KeyUse]:
    """Return what is kept under keys."""
    return KEY_USES


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
    """Return the listeners."""
    return LISTENERS


@hookimpl
def register_tasks() -> Sequence[AnyTask]:
    """Return the background work."""
    return TASKS


@hookimpl
def register_settings() -> Sequence[SettingsSpec]:
    """Return the settings of a tenant."""
    return (SETTINGS,)


@hookimpl
def register_identity() -> Identity:
    """Return how sessions are found."""
    return Accounts()


@hookimpl
def seed_demo() -> Sequence[DemoStep]:
    """Return the demonstration's accounts."""
    return (*accounts.STEPS, *students.STEPS)


@hookimpl
def register_commands() -> Sequence[Command]:
    """Return the commands."""
    return COMMANDS


@hookimpl
def register_personal_data() -> Sequence[PersonalData]:
    """Return what is kept about people."""
    return PERSONAL_DATA


@hookimpl
def register_mail_templates() -> Sequence[MailTemplate]:
    """Return what is mailed."""
    return (*TEMPLATES, *SECURITY_MAILS)


@hookimpl
def register_hookspecs() -> ModuleType:
    """Return the hook by which others contribute to the files of students and instructors."""
    return hookspecs


@hookimpl(optionalhook=True)
def register_pages() -> Sequence[Mapping[str, Any]]:
    """Return the pages of accounts, where the portal is."""
    return PAGES


@hookimpl(optionalhook=True)
def register_navigation() -> Sequence[Mapping[str, Any]]:
    """Return how they are reached."""
    return NAVIGATION


@hookimpl(optionalhook=True)
def register_slots() -> Sequence[Mapping[str, Any]]:
    """Return what accounts add to the dashboard."""
    return SLOTS


@hookimpl(optionalhook=True)
def register_search() -> Sequence[Mapping[str, Any]]:
    """Return what the portal's search finds here."""
    return SEARCH
