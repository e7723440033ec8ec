"""The search: each plugin finds its own, in groups; without words that are long enough there is only the field."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
import structlog
from litestar.params import Parameter

from kernel.auth import Actor
from kernel.db import Db
from kernel.errors import Forbidden, Unauthenticated
from plugins.portal.contributions import Found, Page, SearchGroup
from plugins.portal.drawing import Shown
from plugins.portal.shell import may_see

PATH = "/search"
_SHORTEST, _MOST = 2, 5
Words = Annotated[str, Parameter(max_length=100)]
log = structlog.get_logger(__name__)


class Result(msgspec.Struct, frozen=True):
    """A group that has something to show; where its plugin failed, `items` is None."""

    heading: str
    items: Sequence[Found] | None
    everything: str


async def search(db: Db, actor: Actor, q: Words = "") -> Shown:
    """Show what the plugins find for the words."""
    words = " ".join(q.split())
    is_asked = len(words) >= _SHORTEST
    given: list[SearchGroup] = [each.item for each in db.tenant.contributions("register_search")] if is_asked else []
    shown = sorted((each for each in given if may_see(each.access, actor)), key=lambda each: each.order)
    results = [Result(each.heading, await _found(db, actor, each, words), each.everything) for each in shown]
    results = [each for each in results if each.items is None or each.items]
    return "portal/search.html", {"words": words, "is_asked": is_asked, "results": results}


async def _found(db: Db, actor: Actor, group: SearchGroup, words: str) -> Sequence[Found] | None:
    try:
        return msgspec.convert(list(await group.find(db, actor, words, _MOST))[:_MOST], list[Found])
    except (Forbidden, Unauthenticated):
        return []
    except Exception:
        # As with slots: the page stays, and what comes after a fault of the database begins another transaction.
        log.exception("search.failed", group=group.id)
        await db.release()
        return None


PAGES = (Page(path=PATH, handler=search, access="public"),)
