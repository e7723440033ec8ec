"""Which providers open one's own account."""

from uuid import UUID

from litestar import Response, delete, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody
from litestar.types import Scope

from kernel.auth import Actor, signed_in
from kernel.db import Db
from kernel.routing import Limit, Offset, Page, limited, rows_for
from plugins.auth.actions import federation, identities
from plugins.auth.cookies import browser_cookie
from plugins.auth.queries.identities import identity_cards
from plugins.auth.routes.arrivals import arrival_of
from plugins.auth.routes.federation import browser_of
from plugins.auth.schemas.identities import IdentityCard, LinkRequest, SentAway


@get("/users/me/identities", guards=[signed_in], operation_id="users_me_identities")
async def list_identities(db: Db, actor: Actor, limit: Limit = 100, offset: Offset = 0) -> Page[IdentityCard]:
    """Return what one's account is linked to, the oldest first."""
    cards = await identity_cards(db, actor.id)
    return Page(cards[offset : offset + rows_for(limit)], len(cards), rows_for(limit), offset)


@post(
    "/users/me/identities",
    guards=[signed_in],
    opt=limited("login"),
    status_code=200,
    operation_id="users_me_identities_link",
)
async def link_identity(db: Db, actor: Actor, scope: Scope, data: JSONBody[LinkRequest]) -> Response[SentAway]:
    """Begin to link a provider: whoever then signs in there, in this browser, opens this account from now on."""
    arrival = arrival_of(scope)
    browser = browser_of(arrival)
    url = await federation.begin_linking(db, actor, data, browser=browser)
    cookie = browser_cookie(browser, secure=arrival.is_secure)
    return Response(SentAway(url), cookies=[cookie])


@delete("/users/me/identities/{identity_id:uuid}", guards=[signed_in], operation_id="users_me_identities_unlink")
async def unlink_identity(db: Db, actor: Actor, identity_id: FromPath[UUID]) -> None:
    """Take a link away, unless nothing else opens the account."""
    await identities.unlink(db, actor, identity_id)


HANDLERS: tuple[HTTPRouteHandler, ...] = (list_identities, link_identity, unlink_identity)
