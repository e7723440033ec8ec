"""The page on which a code is used, where QR codes lead, and the code's field as a part of courses' pages.

Nothing is redeemed by opening a page: one press does it, through the API.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from kernel.auth import Actor
from kernel.db import Db
from plugins.codes import rules
from plugins.codes.permissions import REDEEM

Shown = tuple[str, Mapping[str, Any]]
_LONGEST_TYPED = 100


async def redeem(actor: Actor, code: str = "") -> Shown:
    """Show the field; a code that the address brings stands in it, and is kept while somebody signs in."""
    known = rules.normalise(code)
    values = {
        "code": rules.display(known) if known else code.strip()[:_LONGEST_TYPED],
        "is_whole": known is not None,
        "may_redeem": actor.may(REDEEM),
    }
    return "codes/redeem.html", values


async def code_field(_db: Db, _actor: Actor, subject: Any) -> Shown:
    """Show the field where a code opens a course or a lesson; `subject` may have a `course_id`, or be a course."""
    return "codes/code_field.html", {"course_id": getattr(subject, "course_id", getattr(subject, "id", ""))}


PAGES: Sequence[Mapping[str, Any]] = ({"path": "/redeem", "handler": redeem, "access": "public"},)
NAVIGATION: Sequence[Mapping[str, Any]] = tuple(
    {"id": name, "area": "learn", "label": "Enter a code", "icon": "ticket", "path": "/redeem", "order": 60,
     "access": access}
    for name, access in (("codes.enter", REDEEM), ("codes.enter-first", "visitor"))
)  # fmt: skip
SLOTS: Sequence[Mapping[str, Any]] = tuple(
    {"slot": slot, "fill": code_field, "access": REDEEM} for slot in ("course.unlock", "lesson.unlock")
)
