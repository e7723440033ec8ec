"""The pages of courses, for the portal's hooks; courses does without the portal where there is none."""

from collections.abc import Mapping, Sequence
from typing import Any

from plugins.courses.pages import (
    all_courses,
    analytics,
    builder,
    catalogue,
    categories,
    course_page,
    dashboards,
    file_parts,
    home,
    learning,
    my_courses,
    review_queue,
    reviews,
    students,
    teaching,
)

_AREAS: Sequence[Any] = (
    all_courses,
    analytics,
    builder,
    catalogue,
    course_page,
    categories,
    dashboards,
    file_parts,
    home,
    learning,
    my_courses,
    review_queue,
    reviews,
    students,
    teaching,
)
PAGES: Sequence[Mapping[str, Any]] = [page for area in _AREAS for page in area.PAGES]
NAVIGATION: Sequence[Mapping[str, Any]] = [entry for area in _AREAS for entry in area.NAVIGATION]
SLOTS: Sequence[Mapping[str, Any]] = [filling for area in _AREAS for filling in area.SLOTS]
