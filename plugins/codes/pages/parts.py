"""What codes adds to dashboards, to people's files, and to the pages of a course in its teacher's hands."""

from collections.abc import Mapping, Sequence
from typing import Any

from kernel.auth import Actor
from kernel.db import Db
from plugins.codes.pages.areas import ALL, OWN
from plugins.codes.permissions import VIEW
from plugins.codes.queries.on_pages import attacked_codes, uses_lately

_MOST = 7
Filling = tuple[str, Mapping[str, Any]]


async def attacks(db: Db, actor: Actor, _subject: object) -> Filling | None:
    """Name the codes that rest because strangers tried them."""
    found = await attacked_codes(db, actor, most=_MOST)
    base = ALL if actor.scope(VIEW) == "any" else OWN
    return ("codes/needs.html", {"found": found, "base": base}) if found else None


async def figure(db: Db, actor: Actor, subject: Any) -> Filling:
    """Tell how often one's codes were used in the period that the dashboard shows."""
    return "codes/figure.html", {"lately": await uses_lately(db, actor, subject["days"])}


async def course_tab(_db: Db, _actor: Actor, subject: Any) -> Filling:
    """Lead from a course to its codes."""
    return "codes/course_tab.html", {"course_id": subject.id}


async def used_codes(_db: Db, _actor: Actor, subject: Any) -> Filling | None:
    """Show in somebody's file which codes opened what, as the file has read them already."""
    found = next((each.data for each in subject.sections if each.name == "codes.used"), None)
    return ("codes/file_codes.html", {"used": found}) if found else None


SLOTS: Sequence[Mapping[str, Any]] = (
    {"slot": "dashboard.needs", "fill": attacks, "access": VIEW, "order": 30},
    {"slot": "dashboard.figures", "fill": figure, "access": VIEW, "order": 60, "scope": "own"},
    {"slot": "builder.tabs", "fill": course_tab, "access": VIEW},
    {"slot": "user_file.sections", "fill": used_codes, "access": "signed_in", "order": 40},
)
