"""The pages of administration, for the portal's hooks; admin does without the portal where there is none."""

from collections.abc import Mapping, Sequence
from typing import Any

from plugins.admin.pages import audit, mail_templates, needs, plugins, roles, settings, tasks, tenants

_AREAS = (settings, mail_templates, roles, plugins, tenants, tasks, audit)
PAGES: Sequence[Mapping[str, Any]] = tuple(page for area in _AREAS for page in area.PAGES)
NAVIGATION: Sequence[Mapping[str, Any]] = tuple(entry for area in _AREAS for entry in area.NAVIGATION)
SLOTS: Sequence[Mapping[str, Any]] = needs.SLOTS
