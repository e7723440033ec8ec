"""The log of every attempt to use a code, for who looks after the school."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from litestar.params import QueryParameter

from kernel.auth import Actor
from kernel.db import Db
from kernel.routing import Offset
from plugins.codes.pages.areas import ALL, Shown
from plugins.codes.permissions import VIEW_ATTEMPTS
from plugins.codes.queries.attempts import all_attempts
from plugins.codes.queries.on_pages import files_of

Rows = Annotated[int, QueryParameter(name="limit", ge=1, le=100)]
Outcome = Annotated[str, QueryParameter(max_length=100)]


async def log(db: Db, actor: Actor, limit: Rows = 25, offset: Offset = 0, outcome: Outcome = "") -> Shown:
    """Show who tried which code, latest first."""
    page = await all_attempts(db, outcome=outcome or None, limit=limit, offset=offset)
    files = await files_of(db, actor, *(each.user for each in page.items))
    return "codes/attempts.html", {"page": page, "files": files, "outcome": outcome, "base": ALL}


PAGES: Sequence[Mapping[str, Any]] = ({"path": f"{ALL}/attempts", "handler": log, "access": VIEW_ATTEMPTS},)
