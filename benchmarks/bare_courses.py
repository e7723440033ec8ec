"""The bare list of courses."""

from collections.abc import Sequence
from typing import Any

import msgspec
from litestar import Request, get
from litestar.handlers import HTTPRouteHandler

from benchmarks.bare_tokens import SET_TENANT, Tokens
from benchmarks.tape import Step, TapeUnknown
from kernel.categories import PaymentSettings
from plugins.auth.api import UserRef
from plugins.courses.queries.cards import CardRow, card
from plugins.courses.queries.catalogue import FacetRow, facets, total_of
from plugins.courses.schemas.catalogue import CataloguePage

_FLOATS = [place for place, field in enumerate(msgspec.structs.fields(CardRow)) if field.type is float]


def courses_handler(tokens: Tokens, steps: Sequence[Step]) -> HTTPRouteHandler:
    """Return the handler that runs these statements.

    Raises:
        TapeUnknown: Ours runs other statements than this handler knows how to put together.
    """
    if [each.kind for each in steps] != [CardRow, FacetRow, UserRef]:
        raise TapeUnknown("The list of courses takes other statements.", steps)
    page, counts, people = steps
    currency = PaymentSettings().currency

    @get("/api/v1/courses")
    async def courses(request: Request[Any, Any, Any], limit: int = 20, offset: int = 0) -> CataloguePage:
        claims = tokens.claims(request)
        async with request.app.state.pool.acquire() as connection, connection.transaction():
            await connection.execute(SET_TENANT, claims["tenant"], claims["user_id"])
            records = await connection.fetch(page.sql, *page.filled({"limit": limit, "offset": offset}))
            rows = [_row(record) for record in records]
            counted = [FacetRow(*record) for record in await connection.fetch(counts.sql, *counts.arguments)]
            instructors = list({row.instructor_id for row in rows})
            refs = [UserRef(*record) for record in await connection.fetch(people.sql, instructors)]
        by_id = {each.id: each for each in refs}
        items = [card(row, by_id, currency) for row in rows]
        return CataloguePage(items, total_of(counted), limit, offset, facets(counted))

    return courses


def _row(record: Sequence[Any]) -> CardRow:
    values = list(record)
    for place in _FLOATS:
        values[place] = float(values[place])
    return CardRow(*values)
