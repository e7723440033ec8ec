"""The bare list of courses."""

from collections.abc import Sequence
from typing import Any

import msgspec
from litestar import Request, get
from litestar.handlers import HTTPRouteHandler

from benchmarks.bare_tokens import SET_TENANT, Tokens
from benchmarks.tape import Step, TapeUnknown
from kernel.routing import Page
from plugins.auth.api import UserRef
from plugins.courses.queries.cards import card
from plugins.courses.queries.catalogue import CountedCard
from plugins.courses.schemas.courses import CourseCard
from plugins.courses.settings import CoursesSettings

_FLOATS = [place for place, field in enumerate(msgspec.structs.fields(CountedCard)) if field.type is float]


def courses_handler(tokens: Tokens, steps: Sequence[Step]) -> HTTPRouteHandler:
    """Return the handler that runs these statements.

    Raises:
        TapeUnknown: Ours runs other statements than this handler knows how to put together.
    """
    if [each.kind for each in steps] != [CountedCard, UserRef]:
        raise TapeUnknown("The list of courses takes other statements.", steps)
    page, people = steps
    currency = CoursesSettings().currency

    @get("/api/v1/courses")
    async def courses(request: Request[Any, Any, Any], limit: int = 20, offset: int = 0) -> Page[CourseCard]:
        claims = tokens.claims(request)
        async with request.app.state.pool.acquire() as connection, connection.transaction():
            await connection.execute(SET_TENANT, claims["tenant"], claims["user_id"])
            records = await connection.fetch(page.sql, *page.filled({"limit": limit, "offset": offset}))
            rows = [_row(record) for record in records]
            instructors = list({row.instructor_id for row in rows})
            refs = [UserRef(*record) for record in await connection.fetch(people.sql, instructors)]
        by_id = {each.id: each for each in refs}
        return Page([card(row, by_id, currency) for row in rows], rows[0].total if rows else 0, limit, offset)

    return courses


def _row(record: Sequence[Any]) -> CountedCard:
    values = list(record)
    for place in _FLOATS:
        values[place] = float(values[place])
    return CountedCard(*values)
