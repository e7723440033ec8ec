"""The hooks that the portal offers: by these every other plugin has its pages."""

from collections.abc import Sequence

from kernel.hookspecs import hookspec
from plugins.portal.contributions import NavigationEntry, Page, SearchGroup, SlotFilling


@hookspec
def register_pages() -> Sequence[Page]:  # type: ignore[empty-body]
    """Return the plugin's pages; their templates stand in its folder `templates`, named `<plugin>/<file>`."""


@hookspec
def register_navigation() -> Sequence[NavigationEntry]:  # type: ignore[empty-body]
    """Return the entries by which people find the plugin's pages."""


@hookspec
def register_slots() -> Sequence[SlotFilling]:  # type: ignore[empty-body]
    """Return what the plugin adds to pages of others: cards of a dashboard, blocks of the home page."""


@hookspec
def register_search() -> Sequence[SearchGroup]:  # type: ignore[empty-body]
    """Return what the plugin finds for the search of the portal."""
