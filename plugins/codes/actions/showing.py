"""Codes in plain text for whom they belong to; that somebody saw them stands in the audit log (ADR 5).

What makes or changes a code leaves an entry of its own, and exports do in `exports`.
"""

from collections.abc import Iterable
from uuid import UUID

from kernel.audit import note
from kernel.auth import Actor
from kernel.db import Db
from kernel.routing import Page
from plugins.codes.queries import batches, cards
from plugins.codes.queries.filters import CodeFilter
from plugins.codes.schemas import BatchRedemption, CodeCard, CodeDetails


async def show_codes(db: Db, actor: Actor, wanted: CodeFilter, *, limit: int, offset: int) -> Page[CodeCard]:
    """Return a page of the codes that the actor may see, newest first.

    Needs: codes.access_code.view
    """
    page = await cards.access_codes(db, actor, wanted, limit=limit, offset=offset)
    _tell(db, (card.id for card in page.items if card.code))
    return page


async def show_code(db: Db, actor: Actor, code_id: UUID) -> CodeDetails:
    """Return one code.

    Needs: codes.access_code.view

    Raises:
        CodeNotFound: There is none, or it is not the actor's.
    """
    code = await cards.access_code(db, actor, code_id)
    _tell(db, [code.id] if code.code else ())
    return code


async def show_batch_redemptions(
    db: Db, actor: Actor, batch_id: UUID, *, limit: int, offset: int
) -> Page[BatchRedemption]:
    """Return who redeemed which code of a batch, latest first.

    Needs: codes.access_code.view

    Raises:
        BatchNotFound: There is none, or it is not the actor's.
    """
    page = await batches.batch_redemptions(db, actor, batch_id, limit=limit, offset=offset)
    _tell(db, (each.code_id for each in page.items if each.code))
    return page


def _tell(db: Db, shown: Iterable[UUID]) -> None:
    """Note in the tenant's log, at the end of a request that otherwise only reads, which codes were shown."""
    if ids := sorted({str(each) for each in shown}):
        new = {"ids": ids}
        db.do_always(
            lambda lasting: note(lasting, "codes.access_codes.shown", entity_type="codes.access_codes", new=new)
        )
