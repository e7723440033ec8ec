"""Registering: an account of one's own."""

from litestar import post
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody

from kernel.auth import public
from kernel.db import Db
from plugins.auth.actions import accounts
from plugins.auth.routes.arrivals import COUNTED_AS_LOGIN
from plugins.auth.schemas.registration import Registered, RegisterRequest


@post("/auth/register", guards=[public], opt=COUNTED_AS_LOGIN, status_code=202, operation_id="auth_register")
async def register(db: Db, data: JSONBody[RegisterRequest]) -> Registered:
    """Make an account of one's own; the answer is the same whether or not the address is taken."""
    await accounts.register(db, data)
    return Registered()


HANDLERS: tuple[HTTPRouteHandler, ...] = (register,)
