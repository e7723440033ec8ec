"""The manifest of the portal and what it registers."""

from collections.abc import Sequence
from types import ModuleType

from litestar.handlers import HTTPRouteHandler

from kernel.auth import Permission
from kernel.hookspecs import hookimpl
from kernel.plugin import Plugin
from kernel.problem_pages import ProblemPage
from plugins.portal import hookspecs, search
from plugins.portal.contributions import NavigationEntry, Page
from plugins.portal.pages import NAVIGATION, PAGES
from plugins.portal.permissions import PERMISSIONS
from plugins.portal.refusals import problem_page
from plugins.portal.routes import ROUTES

PLUGIN = Plugin(
    name="portal",
    title="Portal",
    version="1.0.0",
    kernel=">=1,<2",
    requires=("auth",),
    summary="Pages for browsers: shell, navigation, dashboards, themes, languages.",
)


@hookimpl
def register_hookspecs() -> ModuleType:
    """Return the hooks by which plugins have pages."""
    return hookspecs


@hookimpl
def register_permissions() -> Sequence[Permission]:
    """Return the permissions."""
    return PERMISSIONS


@hookimpl
def register_root_routes() -> Sequence[HTTPRouteHandler]:
    """Return what pages load."""
    return ROUTES


@hookimpl
def register_problem_page() -> ProblemPage:
    """Return how a refusal looks."""
    return problem_page


@hookimpl
def register_pages() -> Sequence[Page]:
    """Return the portal's own pages."""
    return (*PAGES, *search.PAGES)


@hookimpl
def register_navigation() -> Sequence[NavigationEntry]:
    """Return how they are reached."""
    return NAVIGATION
