"""The pages of polls, where the portal is: a list, how it is found, a card of the dashboard."""

from collections.abc import Mapping, Sequence
from typing import Any

from kernel.auth import Actor
from kernel.db import Db
from kernel.routing import Offset
from polls.permissions import READ
from polls.queries import poll_page, polls_asking

Shown = tuple[str, Mapping[str, Any]]
_ROWS, _NEWEST = 25, 3


async def list_polls(db: Db, offset: Offset = 0) -> Shown:
    """Show the polls, newest first."""
    return "polls/list.html", {"page": await poll_page(db, limit=_ROWS, offset=offset)}


async def newest(db: Db, _actor: Actor, _subject: object) -> Shown | None:
    """Show the newest polls; nothing where there is none."""
    found = (await poll_page(db, limit=_NEWEST, offset=0)).items
    return ("polls/newest.html", {"polls": found}) if found else None


async def find_polls(db: Db, _actor: Actor, words: str, limit: int) -> list[dict[str, str]]:
    """Return the newest polls whose question has the words."""
    found = await polls_asking(db, words, limit=limit)
    return [{"title": each.question, "href": "/polls", "icon": "chart"} for each in found]


PAGES: Sequence[Mapping[str, Any]] = ({"path": "/polls", "handler": list_polls, "access": READ},)
NAVIGATION: Sequence[Mapping[str, Any]] = tuple(
    {"id": f"polls.{area}", "area": area, "label": "Polls", "icon": "chart", "path": "/polls", "access": READ}
    for area in ("learn", "teach")
)
SLOTS: Sequence[Mapping[str, Any]] = ({"slot": "dashboard.main", "fill": newest, "access": READ, "order": 50},)
SEARCH: Sequence[Mapping[str, Any]] = (
    {"id": "polls.questions", "heading": "Polls", "find": find_polls, "access": READ, "order": 50},
)
