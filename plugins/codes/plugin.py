"""What the plugin `codes` registers."""

from collections.abc import Mapping, Sequence
from typing import Any

from litestar.handlers import HTTPRouteHandler

from kernel.auth import Permission
from kernel.demo import DemoStep
from kernel.events import Event, Listener
from kernel.hookspecs import hookimpl
from kernel.key_uses import KeyUse
from kernel.mail import MailTemplate
from kernel.personal_data import PersonalData
from kernel.plugin import Plugin
from kernel.settings import SettingsSpec
from kernel.tasks import AnyTask
from plugins.auth.api import FileSection, NotificationKind
from plugins.codes.demo import STEPS
from plugins.codes.events import EVENTS
from plugins.codes.file_sections import FILE_SECTIONS
from plugins.codes.key_uses import KEY_USES
from plugins.codes.listeners import LISTENERS
from plugins.codes.mails import KINDS, MAIL_TEMPLATES
from plugins.codes.pages import NAVIGATION, PAGES, SLOTS
from plugins.codes.permissions import PERMISSIONS
from plugins.codes.personal_data import PERSONAL_DATA
from plugins.codes.routes import ROUTES
from plugins.codes.settings import SETTINGS
from plugins.codes.tasks import TASKS

PLUGIN = Plugin(
    name="codes",
    title="Access codes",
    version="1.0.0",
    kernel=">=1,<2",
    requires=("auth", "courses", "media"),
    summary="Access codes that open courses and videos.",
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
def register_tasks() -> Sequence[AnyTask]:
    """Return what is done by night."""
    return TASKS


@hookimpl
def register_settings() -> Sequence[SettingsSpec]:
    """Return the settings of a tenant."""
    return (SETTINGS,)


@hookimpl
def register_listeners() -> Sequence[Listener]:
    """Return the listeners."""
    return LISTENERS


@hookimpl
def register_mail_templates() -> Sequence[MailTemplate]:
    """Return the mails."""
    return MAIL_TEMPLATES


@hookimpl
def seed_demo() -> Sequence[DemoStep]:
    """Return the demonstration's codes."""
    return STEPS


@hookimpl
def register_personal_data() -> Sequence[PersonalData]:
    """Return what is kept about people."""
    return PERSONAL_DATA


@hookimpl(optionalhook=True)
def register_notification_kinds() -> Sequence[NotificationKind]:
    """Return what people are told of and may do without."""
    return KINDS


@hookimpl
def register_file_sections() -> Sequence[FileSection]:
    """Return what stands in people's files."""
    return FILE_SECTIONS


@hookimpl(optionalhook=True)
def register_pages() -> Sequence[Mapping[str, Any]]:
    """Return the pages, where the portal is."""
    return PAGES


@hookimpl(optionalhook=True)
def register_navigation() -> Sequence[Mapping[str, Any]]:
    """Return how they are found."""
    return NAVIGATION


@hookimpl(optionalhook=True)
def register_slots() -> Sequence[Mapping[str, Any]]:
    """Return what stands on others' pages."""
    return SLOTS
