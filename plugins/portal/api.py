"""What other plugins may use of the portal; whoever does not require it gives mappings of the same fields."""

from plugins.portal.contributions import Found, NavigationEntry, Page, SearchGroup, SlotFilling
from plugins.portal.drawing import Shown

__all__ = ["Found", "NavigationEntry", "Page", "SearchGroup", "Shown", "SlotFilling"]
