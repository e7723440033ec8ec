"""What courses add to the dashboards of teachers and of administrators; each part is read, and may fail, by itself."""

from collections.abc import Mapping, Sequence
from typing import Any

from kernel.auth import Actor
from kernel.categories import PAYMENT, PaymentSettings
from kernel.db import Db
from plugins.courses.pages.charts import change, counted_line, spark, watched_line
from plugins.courses.pages.read_once import read_once
from plugins.courses.pages.reviews import waiting
from plugins.courses.permissions import CREATE, REPLY_TO_REVIEWS, SUBMIT, VIEW_ANALYTICS
from plugins.courses.queries.analytics import video_analytics
from plugins.courses.queries.courses_in_care import (
    CareFigures,
    busiest_course,
    care_figures,
    care_page,
    sent_back,
    student_figures,
)
from plugins.courses.queries.days_in_care import Days, enrolled_by_day, watched_by_day
from plugins.courses.queries.reviews_in_care import reviews_in_care

_USUAL_DAYS = 30
_COURSES, _REVIEWS, _LESSONS, _NEEDS = 5, 3, 8, 3
Filling = tuple[str, Mapping[str, Any]]


async def actions(_db: Db, _actor: Actor, _subject: object) -> Filling:
    """Offer a new course."""
    return "courses/dashboard_actions.html", {}


async def figures(db: Db, actor: Actor, subject: object) -> Filling:
    """Tell a teacher in four figures how their courses are doing."""
    days = _days(subject)
    watched = await _watched(db, actor, days)
    enrolled = await enrolled_by_day(db, actor, days=days)
    values = {
        "courses": await _figures(db, actor),
        "students": await student_figures(db, actor),
        "watched": watched,
        "watched_change": change(watched.total, watched.total_before),
        "watched_spark": spark(watched.counts),
        "enrolled": enrolled,
        "enrolled_spark": spark(enrolled.counts),
    }
    return "courses/dashboard_figures.html", values


async def first_steps(db: Db, actor: Actor, _subject: object) -> Filling | None:
    """Lead a teacher who has offered no course yet to the place of each step."""
    found = await _figures(db, actor)
    if found.offered:
        return None
    page = await care_page(db, actor, limit=1)
    return "courses/first_steps.html", {"figures": found, "course": page.items[0] if page.items else None}


async def watch_time(db: Db, actor: Actor, subject: object) -> Filling | None:
    """Draw how much of a teacher's courses was watched, and in as many days before."""
    watched = await _watched(db, actor, _days(subject))
    if not (watched.total or watched.total_before):
        return None
    grown = change(watched.total, watched.total_before)
    return "courses/dashboard_watched.html", {"watched": watched, "line": watched_line(watched), "change": grown}


async def stops(db: Db, actor: Actor, _subject: object) -> Filling | None:
    """Show where viewers of a teacher's largest course stop."""
    course = await busiest_course(db, actor)
    if course is None:
        return None
    videos = await video_analytics(db, course.id)
    begun = [video for video in videos if video.viewers]
    values = {"course": course, "videos": begun[:_LESSONS], "more": len(begun) > _LESSONS}
    return ("courses/dashboard_stops.html", values) if begun else None


async def own_courses(db: Db, actor: Actor, _subject: object) -> Filling | None:
    """Show how each of a teacher's largest courses is doing."""
    page = await care_page(db, actor, limit=_COURSES)
    return ("courses/dashboard_courses.html", {"page": page}) if page.total else None


async def returned(db: Db, actor: Actor, _subject: object) -> Filling | None:
    """Remind a teacher of courses that were sent back."""
    found = await sent_back(db, actor, limit=_NEEDS)
    return ("courses/sent_back_need.html", {"courses": found}) if found else None


async def unanswered(db: Db, actor: Actor, _subject: object) -> Filling | None:
    """Remind a teacher of reviews that wait for a reply."""
    found = await waiting(db, actor)
    return ("courses/reviews_need.html", {"found": found}) if found.count else None


async def latest_reviews(db: Db, actor: Actor, _subject: object) -> Filling | None:
    """Show a teacher what students said last."""
    page = await reviews_in_care(db, actor, course_id=None, waiting=False, limit=_REVIEWS, offset=0)
    return ("courses/dashboard_reviews.html", {"page": page}) if page.items else None


async def school_figures(db: Db, actor: Actor, _subject: object) -> Filling:
    """Tell an administrator how many courses and videos there are, and what they bring in where they have a price."""
    currency = db.tenant.setting(PAYMENT, PaymentSettings).currency
    return "courses/school_figures.html", {"figures": await care_figures(db, actor), "currency": currency}


async def school_enrolments(db: Db, actor: Actor, subject: object) -> Filling:
    """Draw how many have enrolled at the school, and in as many days before."""
    enrolled = await enrolled_by_day(db, actor, days=_days(subject))
    grown = change(enrolled.total, enrolled.total_before)
    return "courses/dashboard_enrolled.html", {"enrolled": enrolled, "line": counted_line(enrolled), "change": grown}


async def _figures(db: Db, actor: Actor) -> CareFigures:
    return await read_once(db, lambda: care_figures(db, actor), care_figures)


async def _watched(db: Db, actor: Actor, days: int) -> Days:
    return await read_once(db, lambda: watched_by_day(db, actor, days=days), watched_by_day, days)


def _days(subject: object) -> int:
    """Return the period of the dashboard."""
    return int(subject.get("days", _USUAL_DAYS)) if isinstance(subject, Mapping) else _USUAL_DAYS


PAGES: Sequence[Mapping[str, Any]] = ()
NAVIGATION: Sequence[Mapping[str, Any]] = ()
SLOTS: Sequence[Mapping[str, Any]] = tuple(
    {
        "slot": f"dashboard.{place}",
        "fill": fill,
        "access": access,
        "scope": scope,
        "order": order,
        "styles": ("courses/staff.css",),
    }
    for place, order, scope, access, fill in (
        ("actions", 10, "own", CREATE, actions),
        ("figures", 10, "own", VIEW_ANALYTICS, figures),
        ("main", 10, "own", VIEW_ANALYTICS, first_steps),
        ("main", 20, "own", VIEW_ANALYTICS, watch_time),
        ("main", 30, "own", VIEW_ANALYTICS, stops),
        ("main", 40, "own", VIEW_ANALYTICS, own_courses),
        ("needs", 20, "own", SUBMIT, returned),
        ("needs", 30, "own", REPLY_TO_REVIEWS, unanswered),
        ("side", 50, "own", REPLY_TO_REVIEWS, latest_reviews),
        ("figures", 20, "any", VIEW_ANALYTICS, school_figures),
        ("main", 20, "any", VIEW_ANALYTICS, school_enrolments),
        ("main", 40, "any", VIEW_ANALYTICS, own_courses),
        ("side", 50, "any", REPLY_TO_REVIEWS, latest_reviews),
    )
)
