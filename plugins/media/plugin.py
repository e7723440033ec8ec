"""What the media plugin registers."""

from collections.abc import Sequence
from types import ModuleType

from litestar.handlers import HTTPRouteHandler

from kernel.auth import Permission
from kernel.hookspecs import hookimpl
from kernel.key_uses import KeyUse
from kernel.personal_data import PersonalData
from kernel.plugin import Plugin
from kernel.settings import SettingsSpec
from kernel.tasks import AnyTask
from plugins.media import hookspecs, permissions, routes, settings, tasks
from plugins.media.file_uses import FileUse
from plugins.media.key_uses import KEY_USES
from plugins.media.logo import FILE_USES
from plugins.media.personal_data import PERSONAL_DATA

PLUGIN = Plugin(
    name="media",
    title="Files and videos",
    version="1.0.0",
    kernel=">=1,<2",
    requires=("auth",),
    summary="Upload videos, pictures and documents and read them by signed addresses.",
)


@hookimpl
def register_routes() -> Sequence[HTTPRouteHandler]:
    """Return the uploads."""
    return routes.ROUTES


@hookimpl
def register_root_routes() -> Sequence[HTTPRouteHandler]:
    """Return what serves `/media/...`."""
    return routes.ROOT_ROUTES


@hookimpl
def register_permissions() -> Sequence[Permission]:
    """Return who may upload."""
    return permissions.PERMISSIONS


@hookimpl
def register_settings() -> Sequence[SettingsSpec]:
    """Return the limits that a tenant chooses."""
    return (settings.SETTINGS,)


@hookimpl
def register_tasks() -> Sequence[AnyTask]:
    """Return what clears up, and the making ready of videos."""
    return tasks.TASKS


@hookimpl
def register_hookspecs() -> ModuleType:
    """Return the hooks by which others say what uses files and who may watch."""
    return hookspecs


@hookimpl
def register_key_uses() -> Sequence[KeyUse]:
    """Return the keys of videos."""
    return KEY_USES


@hookimpl
def register_personal_data() -> Sequence[PersonalData]:
    """Return what is kept about people."""
    return PERSONAL_DATA


@hookimpl
def register_file_uses() -> Sequence[FileUse]:
    """Return that the school's logo may be a file."""
    return FILE_USES
