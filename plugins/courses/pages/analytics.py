"""How courses are doing, for who teaches: one course by its lessons and days, and all of them side by side."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from kernel.auth import Actor
from kernel.db import Db
from kernel.routing import Offset
from plugins.courses.pages.charts import Period, change, counted_line, spark, watched_line
from plugins.courses.pages.course_tabs import SLOT, framed
from plugins.courses.permissions import VIEW_ANALYTICS
from plugins.courses.queries.analytics import course_analytics
from plugins.courses.queries.courses_in_care import care_figures, care_page, student_figures
from plugins.courses.queries.days_in_care import Days, enrolled_by_day, first_day, halved, watched_by_day

PERIODS = (7, 30, 90)
_ROWS = 25
Shown = tuple[str, Mapping[str, Any]]


async def course_figures(db: Db, actor: Actor, course_id: UUID, days: Period = 30) -> Shown:
    """Show how a course is doing."""
    frame = await framed(db, actor, course_id, "analytics")
    found = await course_analytics(db, actor, course_id, first=first_day(db, days), last=None)
    watched = await watched_by_day(db, actor, days=days, course_id=course_id)
    series = _series(days, watched, halved(found.enrolled_by_day))
    return "courses/course_analytics.html", {**frame, **series, "found": found}


async def all_figures(db: Db, actor: Actor, days: Period = 30, offset: Offset = 0) -> Shown:
    """Show how all courses in one's care are doing."""
    values = {
        "figures": await care_figures(db, actor),
        "students": await student_figures(db, actor),
        "page": await care_page(db, actor, limit=_ROWS, offset=offset),
    }
    watched = await watched_by_day(db, actor, days=days)
    enrolled = await enrolled_by_day(db, actor, days=days)
    return "courses/analytics.html", {**values, **_series(days, watched, enrolled)}


def _series(days: int, watched: Days, enrolled: Days) -> dict[str, Any]:
    """Return what happened day by day, and what has changed."""
    return {
        "period": days,
        "periods": PERIODS,
        "watched": watched,
        "watched_line": watched_line(watched),
        "watched_change": change(watched.total, watched.total_before),
        "watched_spark": spark(watched.counts),
        "enrolled": enrolled,
        "enrolled_line": counted_line(enrolled),
        "enrolled_change": change(enrolled.total, enrolled.total_before),
        "enrolled_spark": spark(enrolled.counts),
    }


PAGES: Sequence[Mapping[str, Any]] = (
    {"path": "/teach/analytics", "handler": all_figures, "access": VIEW_ANALYTICS},
    {
        "path": "/teach/courses/{course_id:uuid}/analytics",
        "handler": course_figures,
        "access": VIEW_ANALYTICS,
        "slots": (SLOT,),
    },
)
NAVIGATION: Sequence[Mapping[str, Any]] = (
    {
        "id": "courses.analytics",
        "area": "teach",
        "group": "Teach",
        "label": "Analytics",
        "icon": "chart",
        "path": "/teach/analytics",
        "order": 50,
        "access": VIEW_ANALYTICS,
        "scope": "own",
    },
)
SLOTS: Sequence[Mapping[str, Any]] = ()
