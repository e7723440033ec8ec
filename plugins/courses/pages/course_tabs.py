"""The frame around the pages of one course in its teacher's hands: its name and state, and one row of tabs.

Whoever adds a page of a course adds its tab here; other plugins add theirs by the slot `builder.tabs`, whose `subject`
is the course and whose template is one link.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from msgspec import Struct

from kernel.auth import Actor, Permission
from kernel.db import Db
from plugins.courses.permissions import EDIT, REPLY_TO_REVIEWS, VIEW_ANALYTICS, VIEW_STUDENTS
from plugins.courses.queries.care import course_in_care

SLOT = "builder.tabs"


class Tab(Struct, frozen=True):
    """A page of a course: the last part of its path, its label in English, and the permission that it needs."""

    name: str
    label: str
    access: Permission


TABS: Sequence[Tab] = (
    Tab("curriculum", "Curriculum", EDIT),
    Tab("details", "Details", EDIT),
    Tab("materials", "Materials", EDIT),
    Tab("access", "Access", EDIT),
    Tab("students", "Students", VIEW_STUDENTS),
    Tab("reviews", "Reviews", REPLY_TO_REVIEWS),
    Tab("analytics", "Analytics", VIEW_ANALYTICS),
)


async def framed(db: Db, actor: Actor, course_id: UUID, current: str) -> dict[str, Any]:
    """Return what `courses/course_frame.html` shows around the page of this name; the page adds its own values.

    Args:
        db: The transaction.
        actor: Who looks.
        course_id: Which course.
        current: The name of the tab on which the page stands.

    Raises:
        CourseNotFound: There is none, or it is not in the actor's care.
    """
    tab = next(each for each in TABS if each.name == current)
    course = await course_in_care(db, actor, course_id, tab.access)
    path = f"/teach/courses/{course_id}"
    return {
        "course": course,
        "subject": course,
        "tabs": [(f"{path}/{each.name}", each.label) for each in TABS if actor.may(each.access)],
        "current": f"{path}/{current}",
    }
