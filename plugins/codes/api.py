"""The door of codes for other plugins."""

from plugins.codes.events import CodeRedeemed, CodesGenerated

__all__ = ["CodeRedeemed", "CodesGenerated"]
