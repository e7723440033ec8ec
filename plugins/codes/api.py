"""The door of codes for other plugins."""

from plugins.codes.events import CodeRedeemed, CodesGenerated, CodeWasPaused

__all__ = ["CodeRedeemed", "CodeWasPaused", "CodesGenerated"]
