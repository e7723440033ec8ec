"""The pages of who hands out codes: what was made together, one batch with its codes, one code."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar.params import QueryParameter

from kernel import clock
from kernel.auth import Actor
from kernel.db import Db
from kernel.routing import Offset
from plugins.codes.actions import showing
from plugins.codes.pages.areas import ALL, OWN, Shown, at_both
from plugins.codes.permissions import GENERATE, UPDATE, VIEW
from plugins.codes.queries import attempts, batches, cards
from plugins.codes.queries.filters import CodeFilter
from plugins.codes.queries.on_pages import course_for_codes, files_of, single_uses, terms_of_batch
from plugins.codes.schemas import BatchCard, CodeState
from plugins.codes.sheets import MOST_CARDS

_LATEST = 25
_DAYS = 30
Rows = Annotated[int, QueryParameter(name="limit", ge=1, le=100)]
Search = Annotated[str, QueryParameter(max_length=200)]
InState = Annotated[CodeState | None, QueryParameter(name="state")]
BatchState = Literal["filling", "attacked", "open", "used_up", "ended", "off"]


async def list_batches(
    db: Db,
    actor: Actor,
    limit: Rows = 25,
    offset: Offset = 0,
    is_open: bool | None = None,
    course_id: UUID | None = None,
    q: Search = "",
) -> Shown:
    """Show what was made together, newest first."""
    wanted = batches.BatchFilter(course_id=course_id, is_open=is_open, q=q.strip() or None)
    page = await batches.batches(db, actor, wanted, limit=limit, offset=offset)
    now = clock.now()
    values = {
        "page": page,
        "states": {each.id: state_of(each, now) for each in page.items},
        "course": await course_for_codes(db, actor, course_id, VIEW) if course_id else None,
        "may_generate": actor.may(GENERATE),
        "is_open": is_open,
        "is_narrowed": bool(q.strip()) or is_open is not None or course_id is not None,
    }
    return "codes/batches.html", values


async def show_batch(
    db: Db,
    actor: Actor,
    batch_id: UUID,
    limit: Rows = 25,
    offset: Offset = 0,
    in_state: InState = None,
    q: Search = "",
    task: UUID | None = None,
) -> Shown:
    """Show a batch, how its codes are used, and the codes."""
    details = await batches.batch(db, actor, batch_id, days=_DAYS)
    wanted = CodeFilter(batch_id=batch_id, state=in_state, q=q.strip() or None)
    page = await showing.show_codes(db, actor, wanted, limit=limit, offset=offset)
    uses = await single_uses(db, [each.id for each in page.items if each.current_uses == 1])
    values = {
        "batch": details.batch,
        "usage": details.usage,
        "state": state_of(details.batch, clock.now()),
        "terms": await terms_of_batch(db, actor, batch_id),
        "page": page,
        "uses": uses,
        "files": await files_of(db, actor, *(user for user, _ in uses.values())),
        "in_state": in_state,
        "may_update": actor.may(UPDATE),
        "task": task,
        "documents": math.ceil(details.batch.count / MOST_CARDS),
        "most_cards": MOST_CARDS,
    }
    return "codes/batch.html", values


async def show_code(db: Db, actor: Actor, code_id: UUID, offset: Offset = 0) -> Shown:
    """Show a code, who used it, and who tried to."""
    code = await showing.show_code(db, actor, code_id)
    used = await cards.redemptions_of(db, actor, code_id, limit=_LATEST, offset=offset)
    tried = await attempts.attempts_of(db, actor, code_id, outcome=None, limit=_LATEST, offset=0)
    values = {
        "code": code,
        "batch": await batches.batch_name(db, actor, code.batch_id),
        "redemptions": used,
        "attempts": tried,
        "files": await files_of(db, actor, *(each.user for each in used.items), *(each.user for each in tried.items)),
        "may_update": actor.may(UPDATE),
    }
    return "codes/code.html", values


def state_of(batch: BatchCard, now: datetime) -> BatchState:
    """Return the one word that says most about a batch."""
    if batch.missing:
        return "filling"
    if batch.paused:
        return "attacked"
    if batch.active:
        return "open"
    if batch.uses is not None and batch.redeemed >= batch.uses:
        return "used_up"
    return "ended" if batch.expires_at is not None and batch.expires_at <= now else "off"


PAGES: Sequence[Mapping[str, Any]] = (
    *at_both("", list_batches, VIEW),
    *at_both("/batches/{batch_id:uuid}", show_batch, VIEW),
    *at_both("/{code_id:uuid}", show_code, VIEW),
)
NAVIGATION: Sequence[Mapping[str, Any]] = (
    {
        "id": "codes.own", "area": "teach", "group": "Teach", "label": "Access codes", "icon": "ticket", "path": OWN,
        "order": 20, "access": VIEW, "scope": "own",
    },
    {
        "id": "codes.all", "area": "admin", "group": "Learning", "label": "Access codes", "icon": "ticket", "path": ALL,
        "order": 240, "access": VIEW, "scope": "any",
    },
)  # fmt: skip
