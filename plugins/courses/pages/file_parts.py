"""What courses shows in somebody's file: how far they have come, what they teach."""

from collections.abc import Mapping, Sequence
from typing import Any

from kernel.auth import Actor
from kernel.db import Db

Filling = tuple[str, Mapping[str, Any]]


async def learning(_db: Db, _actor: Actor, subject: Any) -> Filling:
    """Show the courses of somebody, as the file has read them already."""
    return "courses/file_learning.html", {"learning": _read(subject, "courses.learning"), "is_student": subject.student}


async def teaching(_db: Db, _actor: Actor, subject: Any) -> Filling | None:
    """Show what somebody teaches."""
    found = _read(subject, "courses.teaching")
    return ("courses/file_teaching.html", {"teaching": found}) if found else None


def _read(subject: Any, name: str) -> Any:
    return next((each.data for each in subject.sections if each.name == name), None)


PAGES: Sequence[Mapping[str, Any]] = ()
NAVIGATION: Sequence[Mapping[str, Any]] = ()
SLOTS: Sequence[Mapping[str, Any]] = (
    {
        "slot": "user_file.sections",
        "fill": learning,
        "access": "signed_in",
        "order": 20,
        "styles": ("courses/staff.css",),
    },
    {"slot": "user_file.sections", "fill": teaching, "access": "signed_in", "order": 30},
)
