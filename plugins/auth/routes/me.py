"""One's own account."""

from litestar import get
from litestar.handlers import HTTPRouteHandler

from kernel.auth import Actor, signed_in
from kernel.db import Db
from plugins.auth.queries import users
from plugins.auth.schemas.users import UserDetails


@get("/users/me", guards=[signed_in], operation_id="users_me")
async def read_me(db: Db, actor: Actor) -> UserDetails:
    """Return one's own account."""
    return await users.user_details(db, actor.id)


HANDLERS: tuple[HTTPRouteHandler, ...] = (read_me,)
