"""What somebody learns: all their courses, and their parts of the dashboard."""

from collections.abc import Mapping, Sequence
from typing import Any

from kernel.auth import Actor
from kernel.db import Db
from kernel.routing import Offset
from plugins.courses.permissions import ENROLL
from plugins.courses.queries.own_courses import (
    State,
    going_on,
    learning_totals,
    own_course_counts,
    own_courses,
    recent_lessons,
)

_ROWS = 20
_ON_DASHBOARD, _RECENT = 6, 5
Shown = tuple[str, Mapping[str, Any]]


async def my_courses(db: Db, actor: Actor, show: State = "active", offset: Offset = 0) -> Shown:
    """Show one's courses: those under way, those that are done, and those that were left or are over."""
    counts = await own_course_counts(db, actor)
    courses = await own_courses(db, actor, (show,), limit=_ROWS, offset=offset)
    values = {"state": show, "counts": counts, "courses": courses, "limit": _ROWS, "offset": offset}
    return "courses/my_courses.html", values


async def figures(db: Db, actor: Actor, _subject: object) -> Shown | None:
    """Tell somebody in four figures how far they have come."""
    totals = await learning_totals(db, actor.id)
    return ("courses/learning_figures.html", {"totals": totals}) if totals.enrollments else None


async def under_way(db: Db, actor: Actor, _subject: object) -> Shown:
    """Show the lesson to go on with and the courses under way, or where to find the first."""
    courses = await own_courses(db, actor, ("active", "done"), limit=_ON_DASHBOARD, detailed=1)
    return "courses/under_way.html", {"courses": courses, "going_on": going_on(courses)}


async def activity(db: Db, actor: Actor, _subject: object) -> Shown | None:
    """Show what was watched last."""
    lessons = await recent_lessons(db, actor, limit=_RECENT)
    return ("courses/activity.html", {"lessons": lessons}) if lessons else None


PAGES: Sequence[Mapping[str, Any]] = ({"path": "/my/courses", "handler": my_courses, "access": ENROLL},)
NAVIGATION: Sequence[Mapping[str, Any]] = (
    {"id": "courses.mine", "area": "learn", "label": "My courses", "icon": "cap", "path": "/my/courses", "order": 30,
     "access": ENROLL},
)  # fmt: skip
SLOTS: Sequence[Mapping[str, Any]] = tuple(
    {"slot": slot, "fill": fill, "access": ENROLL, "order": 10, "styles": ("courses/courses.css",)}
    for slot, fill in (("dashboard.figures", figures), ("dashboard.main", under_way), ("dashboard.side", activity))
)
