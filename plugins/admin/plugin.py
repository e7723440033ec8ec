"""The manifest of admin and what it registers."""

from collections.abc import Mapping, Sequence
from typing import Any

from litestar.handlers import HTTPRouteHandler

from kernel.auth import Permission
from kernel.demo import DemoStep
from kernel.hookspecs import hookimpl
from kernel.plugin import Plugin
from kernel.tasks import AnyTask
from plugins.admin import demo
from plugins.admin.pages import NAVIGATION, PAGES, SLOTS
from plugins.admin.permissions import PERMISSIONS
from plugins.admin.routes import ROUTES
from plugins.admin.tasks import TASKS

PLUGIN = Plugin(
    name="admin",
    title="Administration",
    version="1.0.0",
    kernel=">=1,<2",
    requires=("auth",),
    summary="Settings, roles, plugins, tenants, the audit log and failed work.",
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
def register_tasks() -> Sequence[AnyTask]:
    """Return the background work."""
    return TASKS


@hookimpl
def seed_demo() -> Sequence[DemoStep]:
    """Return what the demonstration's school has decided."""
    return demo.STEPS


@hookimpl(optionalhook=True)
def register_pages() -> Sequence[Mapping[str, Any]]:
    """Return the pages of administration, where the portal is."""
    return PAGES


@hookimpl(optionalhook=True)
def register_navigation() -> Sequence[Mapping[str, Any]]:
    """Return how they are reached."""
    return NAVIGATION


@hookimpl(optionalhook=True)
def register_slots() -> Sequence[Mapping[str, Any]]:
    """Return what waits for administrators on the dashboard."""
    return SLOTS
