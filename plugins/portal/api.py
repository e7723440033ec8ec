"""What other plugins may use of the portal; whoever does not require it gives mappings of the same fields."""

from plugins.portal.contributions import NavigationEntry, Page, SlotFilling
from plugins.portal.drawing import Shown

__all__ = ["NavigationEntry", "Page", "Shown", "SlotFilling"]
