"""The bare own account."""

from collections.abc import Sequence
from typing import Any

from litestar import Request, get
from litestar.handlers import HTTPRouteHandler

from benchmarks.bare_tokens import SET_TENANT, Tokens
from benchmarks.tape import Step, TapeUnknown
from plugins.auth.schemas.users import UserDetails


def me_handler(tokens: Tokens, steps: Sequence[Step]) -> HTTPRouteHandler:
    """Return the handler that runs this statement.

    Raises:
        TapeUnknown: Ours runs other statements than this handler knows how to put together.
    """
    if [each.kind for each in steps] != [UserDetails]:
        raise TapeUnknown("The own account takes other statements.", steps)
    (details,) = steps

    @get("/api/v1/users/me")
    async def me(request: Request[Any, Any, Any]) -> UserDetails:
        claims = tokens.claims(request)
        async with request.app.state.pool.acquire() as connection, connection.transaction():
            await connection.execute(SET_TENANT, claims["tenant"], claims["user_id"])
            record = await connection.fetchrow(details.sql, *details.filled({"id": claims["user_id"]}))
        return UserDetails(*record)

    return me
