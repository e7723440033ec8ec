"""The portal's own pages: the home of the school, the dashboard, all components, and where there is no network."""

from typing import Annotated, Literal

from litestar.params import QueryParameter

from kernel import clock
from plugins.portal.contributions import NavigationEntry, Page
from plugins.portal.drawing import Shown
from plugins.portal.permissions import VIEW_DESIGN

DASHBOARD_SLOTS = ("dashboard.actions", "dashboard.figures", "dashboard.needs", "dashboard.main", "dashboard.side")
PERIODS = (7, 30, 90)
Period = Annotated[Literal[7, 30, 90], QueryParameter(name="days", description="How many days up to today.")]
OUTSIDE = {"credential_ignored": True}


async def home() -> Shown:
    """Show who the school is, and what plugins tell of it."""
    return "portal/home.html", {}


async def dashboard(days: Period = 30) -> Shown:
    """Show what waits for the person and how things stand, each part by the plugin that knows it, over so many days."""
    values = {"now": clock.now(), "days": days, "periods": PERIODS, "subject": {"days": days}}
    return "portal/dashboard.html", values


async def design() -> Shown:
    """Show every component in every state."""
    weeks = [12, 18, 15, 22, 28, 26, 34, 41, 38, 46, 52, 58]
    before = [10, 11, 14, 13, 18, 20, 19, 24, 27, 26, 31, 33]
    return "portal/design.html", {"weeks": weeks, "before": before, "now": clock.now()}


async def offline() -> Shown:
    """Say that there is no network; browsers keep this page."""
    return "portal/offline.html", {}


async def without_script() -> Shown:
    """Say why a form could not be sent."""
    return "portal/without_script.html", {}


PAGES = (
    Page(path="/", handler=home, access="public", slots=("home.blocks",)),
    Page(path="/dashboard", handler=dashboard, access="signed_in", slots=DASHBOARD_SLOTS),
    Page(path="/design", handler=design, access=VIEW_DESIGN),
    Page(path="/offline", handler=offline, access="public", opt=OUTSIDE),
    Page(path="/without-script", handler=without_script, access="public", opt=OUTSIDE),
)

NAVIGATION = (
    NavigationEntry(id="portal.home", area="learn", label="Home", icon="home", path="/", access="public", order=0),
    NavigationEntry(
        id="portal.my", area="learn", label="Dashboard", icon="compass", path="/dashboard", access="signed_in", order=5
    ),
    NavigationEntry(
        id="portal.dashboard", area="teach", label="Dashboard", icon="home", path="/dashboard", access="signed_in",
        order=0,
    ),
    NavigationEntry(
        id="portal.design", area="account", label="Design system", icon="palette", path="/design", access=VIEW_DESIGN,
        order=900,
    ),
)  # fmt: skip
