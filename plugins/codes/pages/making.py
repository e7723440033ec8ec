"""The pages on which codes are made and printed."""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from uuid import UUID

from anyio import to_thread
from litestar.params import QueryParameter
from msgspec import structs

from kernel.auth import Actor
from kernel.db import Db
from kernel.routing import Offset
from plugins.codes import paper
from plugins.codes.actions import showing
from plugins.codes.pages.areas import Shown, at_both
from plugins.codes.permissions import GENERATE, VIEW
from plugins.codes.printed import card_words, note_of, printed_card, redeem_address
from plugins.codes.queries import batches
from plugins.codes.queries.filters import CodeFilter
from plugins.codes.queries.on_pages import course_for_codes
from plugins.codes.settings import SETTINGS, CodesSettings
from plugins.codes.sheets import MOST_CARDS, Card

_MOST_AT_ONCE = 100
_EXAMPLE = "ABCD-EFGH-JKLM"
OnPaper = Annotated[paper.PaperName | None, QueryParameter(name="paper")]


async def new_codes(db: Db, actor: Actor, course_id: UUID | None = None) -> Shown:
    """Show what codes can be made, and how a card of them looks."""
    width, outline = paper.outline(redeem_address(db.tenant, _EXAMPLE))
    values = {
        "course": await course_for_codes(db, actor, course_id) if course_id else None,
        "makes_all": actor.scope(GENERATE) == "any",
        "card": printed_card(db.tenant, "", _EXAMPLE, ""),
        "card_words": structs.asdict(card_words(db.tenant)),
        "place": paper.shown_place(redeem_address(db.tenant, "")),
        "qr": (width, outline),
    }
    return "codes/new.html", values


async def print_batch(
    db: Db,
    actor: Actor,
    batch_id: UUID,
    offset: Offset = 0,
    chosen: OnPaper = None,
) -> Shown:
    """Show the cards of those codes of a batch that can be used, as they are printed, whole pages at a time."""
    name = chosen or db.tenant.setting(SETTINGS, CodesSettings).paper
    kind = paper.PAPERS[name]
    at_once = _MOST_AT_ONCE // kind.per_page * kind.per_page
    batch = await batches.batch_name(db, actor, batch_id)
    wanted = CodeFilter(batch_id=batch_id, is_open=True)
    page = await showing.show_codes(db, actor, wanted, limit=at_once, offset=offset)
    title = batch.video_title or batch.course_title
    printed = [printed_card(db.tenant, title, each.code, note_of(db.tenant, each)) for each in page.items if each.code]
    # A hundred QR codes take a second of a core, for which no connection waits.
    await db.release()
    faces = await to_thread.run_sync(_faces, printed)
    values = {
        "batch": batch,
        "page": page,
        "paper": name,
        "papers": paper.PAPERS,
        "per_page": kind.per_page,
        "documents": math.ceil(batch.count / MOST_CARDS),
        "most_cards": MOST_CARDS,
        "sheets": [faces[start : start + kind.per_page] for start in range(0, len(faces), kind.per_page)],
        "place": paper.shown_place(redeem_address(db.tenant, "")),
    }
    return "codes/print.html", values


def _faces(cards: Sequence[Card]) -> list[tuple[Card, int, str]]:
    return [(card, *paper.outline(card.address)) for card in cards]


PAGES: Sequence[Mapping[str, Any]] = (
    *at_both("/new", new_codes, GENERATE),
    *at_both("/batches/{batch_id:uuid}/print", print_batch, VIEW),
)
