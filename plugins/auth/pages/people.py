"""What accounts add to the dashboard: how many people there are, and a second factor for who has none."""

from collections.abc import Mapping, Sequence
from typing import Any

from kernel.auth import Actor
from kernel.db import Db
from plugins.auth.permissions import LIST_USERS, MANAGE_USER
from plugins.auth.queries.figures import people_by_role
from plugins.auth.queries.second_factors import factors_of

Filling = tuple[str, Mapping[str, Any]]


async def figures(db: Db, _actor: Actor, _subject: object) -> Filling:
    """Tell how many people of each role there are."""
    return "auth/people_figures.html", await people_by_role(db)


async def missing_factor(db: Db, actor: Actor, _subject: object) -> Filling | None:
    """Remind who may manage people to protect their account."""
    found = await factors_of(db, actor.id)
    return None if found.any else ("auth/factor_need.html", {})


SLOTS: Sequence[Mapping[str, Any]] = (
    {"slot": "dashboard.figures", "fill": figures, "access": LIST_USERS, "order": 10},
    {"slot": "dashboard.needs", "fill": missing_factor, "access": MANAGE_USER, "order": 90},
)
