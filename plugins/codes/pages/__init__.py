"""The pages of codes, for the portal's hooks; codes does without the portal where there is none."""

from collections.abc import Mapping, Sequence
from typing import Any

from plugins.codes.pages import attempts, batches, making, parts, redeeming

PAGES: Sequence[Mapping[str, Any]] = (*redeeming.PAGES, *batches.PAGES, *making.PAGES, *attempts.PAGES)
NAVIGATION: Sequence[Mapping[str, Any]] = (*redeeming.NAVIGATION, *batches.NAVIGATION)
SLOTS: Sequence[Mapping[str, Any]] = (*redeeming.SLOTS, *parts.SLOTS)
