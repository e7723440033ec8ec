"""The pages of courses, for the portal's hooks; courses does without the portal where there is none."""

from collections.abc import Mapping, Sequence
from typing import Any

from plugins.courses.pages import (
    analytics,
    builder,
    catalogue,
    course_page,
    dashboards,
    learning,
    review_queue,
    reviews,
    students,
    teaching,
)

_AREAS: Sequence[Any] = (
    analytics,
    builder,
    catalogue,
    course_page,
    dashboards,
    learning,
    review_queue,
    reviews,
    students,
    teaching,
)
PAGES: Sequence[Mapping[str, Any]] = [page for area in _AREAS for page in area.PAGES]
NAVIGATION: Sequence[Mapping[str, Any]] = [entry for area in _AREAS for entry in area.NAVIGATION]
SLOTS: Sequence[Mapping[str, Any]] = [filling for area in _AREAS for filling in area.SLOTS]
