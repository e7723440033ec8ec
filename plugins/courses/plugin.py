"""The manifest of courses and what it registers."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from litestar.handlers import HTTPRouteHandler

from kernel.auth import Permission
from kernel.db import Db
from kernel.demo import DemoStep
from kernel.events import Event, Listener
from kernel.hookspecs import hookimpl
from kernel.mail import MailTemplate
from kernel.personal_data import PersonalData
from kernel.plugin import Plugin
from kernel.settings import SettingsSpec
from kernel.tasks import AnyTask
from plugins.auth.api import FileSection, NotificationKind
from plugins.courses.demo import large, steps
from plugins.courses.events import EVENTS
from plugins.courses.file_sections import FILE_SECTIONS
from plugins.courses.file_uses import FILE_USES
from plugins.courses.listeners import LISTENERS
from plugins.courses.mails import KINDS, MAIL_TEMPLATES
from plugins.courses.pages import NAVIGATION, PAGES, SLOTS
from plugins.courses.pages.found import SEARCH
from plugins.courses.permissions import PERMISSIONS
from plugins.courses.personal_data import PERSONAL_DATA
from plugins.courses.queries.videos import may_watch_file
from plugins.courses.routes import ROUTES
from plugins.courses.settings import SETTINGS
from plugins.courses.tasks import TASKS, rebuild
from plugins.media.api import FileUse, VideoShow

PLUGIN = Plugin(
    name="courses",
    title="Courses",
    version="1.0.0",
    kernel=">=1,<2",
    requires=("auth", "media"),
    summary="Courses with videos, enrolment and progress.",
)


@hookimpl
def register_routes() -> Sequence[HTTPRouteHandler]:
    """Return the HTTP handlers."""
    return ROUTES


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
    """Return the recount of a course."""
    return TASKS


@hookimpl
def register_rebuild() -> Callable[[Db], Awaitable[None]]:
    """Return the recount of every course."""
    return rebuild


@hookimpl
def register_mail_templates() -> Sequence[MailTemplate]:
    """Return the mails to authors and reviewers."""
    return MAIL_TEMPLATES


@hookimpl
def register_settings() -> Sequence[SettingsSpec]:
    """Return the settings of a tenant."""
    return (SETTINGS,)


@hookimpl
def seed_demo() -> Sequence[DemoStep]:
    """Return the demonstration's courses."""
    return (*steps.STEPS, *large.STEPS)


@hookimpl
def register_personal_data() -> Sequence[PersonalData]:
    """Return what is kept about people."""
    return PERSONAL_DATA


@hookimpl
def register_file_uses() -> Sequence[FileUse]:
    """Return which files courses show."""
    return FILE_USES


@hookimpl(optionalhook=True)
def register_file_sections() -> Sequence[FileSection]:
    """Return what stands in the files of students and instructors."""
    return FILE_SECTIONS


@hookimpl(optionalhook=True)
def register_video_shows() -> Sequence[VideoShow]:
    """Return who may watch the videos of courses."""
    return (VideoShow("courses.videos", may_watch_file),)


@hookimpl(optionalhook=True)
def register_notification_kinds() -> Sequence[NotificationKind]:
    """Return what people are told of and may do without."""
    return KINDS


@hookimpl(optionalhook=True)
def register_pages() -> Sequence[Mapping[str, Any]]:
    """Return the pages, where the portal is."""
    return PAGES


@hookimpl(optionalhook=True)
def register_navigation() -> Sequence[Mapping[str, Any]]:
    """Return how the pages are found."""
    return NAVIGATION


@hookimpl(optionalhook=True)
def register_slots() -> Sequence[Mapping[str, Any]]:
    """Return what courses add to pages of others."""
    return SLOTS


@hookimpl(optionalhook=True)
def register_search() -> Sequence[Mapping[str, Any]]:
    """Return what the portal's search finds here."""
    return SEARCH
