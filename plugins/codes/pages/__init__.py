"""The pages of codes, for the portal's hooks; codes does without the portal where there is none."""

from collections.abc import Mapping, Sequence
from typing import Any

from plugins.codes.pages import redeeming

PAGES: Sequence[Mapping[str, Any]] = redeeming.PAGES
NAVIGATION: Sequence[Mapping[str, Any]] = redeeming.NAVIGATION
SLOTS: Sequence[Mapping[str, Any]] = redeeming.SLOTS
