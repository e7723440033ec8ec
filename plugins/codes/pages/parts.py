"""What codes adds to dashboards, and to the pages of a course in its teacher's hands."""

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


async def figure(db: Db, actor: Actor, _subject: object) -> Filling:
    """Tell how often one's codes were used lately."""
    return "codes/figure.html", {"lately": await uses_lately(db, actor)}


async def course_tab(_db: Db, _actor: Actor, subject: Any) -> Filling:
    """Lead from a course to its codes."""
    return "codes/course_tab.html", {"course_id": subject.id}


SLOTS: Sequence[Mapping[str, Any]] = (
    {"slot": "dashboard.needs", "fill": attacks, "access": VIEW, "order": 30},
    {"slot": "dashboard.figures", "fill": figure, "access": VIEW, "order": 60, "scope": "own"},
    {"slot": "builder.tabs", "fill": course_tab, "access": VIEW},
)
